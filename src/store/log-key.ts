import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import type { NoteSigner } from '../core/ledger/note.ts';
import { refuse, type Refusal } from '../core/ledger/refusal.ts';
import { isKeyName, verifierKey } from '../core/ledger/verifier-key.ts';
import { ok, type Result } from '../core/model/result.ts';
import { createFile } from './durable-file.ts';
import { sha256 } from './ledger-crypto.ts';

const badName = 'the origin of a log has no spaces and no plus';

export type LogKeyCode = 'not-a-key' | 'readable-by-others' | 'not-a-name';

/**
 * The log's signer: an Ed25519 key in PKCS #8 PEM, in a file of mode 0600 outside the database. Made when it is not
 * there; of several processes that start at once, all end up with the same. `name` is the origin of the log's
 * checkpoints, by custom a URL without its scheme. The key itself is held by the closure and by nothing that could
 * be printed.
 */
export async function loadLogKey(
  file: string,
  name: string,
): Promise<Result<NoteSigner, Refusal<LogKeyCode>>> {
  if (!isKeyName(name)) return refuse('not-a-name', badName);
  const read = (await readKey(file, 0o077)) ?? (await makeKey(file));
  return read.ok ? ok(signerOf(name, read.value)) : read;
}

/**
 * The signer of a key that somebody else keeps, and that is never made here: a mounted secret. Such a file belongs to
 * root, so that the server reads it as a member of the file's group.
 */
export async function loadGivenLogKey(
  file: string,
  name: string,
): Promise<Result<NoteSigner, Refusal<LogKeyCode>>> {
  if (!isKeyName(name)) return refuse('not-a-name', badName);
  const read = (await readKey(file, 0o027)) ?? refuse('not-a-key', `${file} is not there`);
  return read.ok ? ok(signerOf(name, read.value)) : read;
}

/** `null` where there is no file; `forbidden` are the bits of its mode that refuse it. */
async function readKey(
  file: string,
  forbidden: number,
): Promise<Result<KeyObject, Refusal<LogKeyCode>> | null> {
  let pem: string;
  try {
    pem = await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
  if (((await stat(file)).mode & forbidden) !== 0)
    return refuse(
      'readable-by-others',
      forbidden === 0o077
        ? `${file} must be readable by its owner only (chmod 600)`
        : `${file} must be readable by its owner and group only (chmod 440)`,
    );
  const key = parseKey(pem);
  return key?.asymmetricKeyType === 'ed25519'
    ? ok(key)
    : refuse('not-a-key', `${file} does not hold an Ed25519 private key in PEM`);
}

/** The parser's own message is dropped on purpose: it must never quote what it read. */
function parseKey(pem: string): KeyObject | null {
  try {
    return createPrivateKey(pem);
  } catch {
    return null;
  }
}

async function makeKey(file: string): Promise<Result<KeyObject, Refusal<LogKeyCode>>> {
  const { privateKey } = generateKeyPairSync('ed25519');
  await createFile(file, privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(), 0o600);
  // Read back: another process may have been first.
  return (await readKey(file, 0o077)) ?? refuse('not-a-key', `${file} vanished while it was made`);
}

function signerOf(name: string, privateKey: KeyObject): NoteSigner {
  const { x } = createPublicKey(privateKey).export({ format: 'jwk' });
  const publicKey = new Uint8Array(Buffer.from(x ?? '', 'base64url'));
  return {
    key: verifierKey(sha256, name, publicKey),
    sign: (message) => new Uint8Array(sign(null, message, privateKey)),
  };
}
