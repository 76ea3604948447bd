import { randomUUID } from 'node:crypto';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { digestOf, packArchive } from '../../drivers/local/archive.ts';
import { CheckPredicate, checkPredicateType } from '../../core/model/release.ts';
import { formatInstant } from '../../core/model/time-format.ts';
import { CliFailure, usage } from '../failure.ts';
import { makeSigningKey, publicKeyOf, readSigningKey, signStatement } from '../signing.ts';
import { printData, say, sayNext } from '../terminal.ts';

const provenanceType = 'https://slsa.dev/provenance/v1';
const description = 'belay.artifact.json';

/** Packs a folder as an artifact: the same files give the same bytes, whenever and wherever. */
export async function packArtifact(folder: string, options: { readonly file: string }): Promise<void> {
  const isThere = await stat(`${folder}/${description}`).catch(() => null);
  if (isThere === null) {
    throw new CliFailure('usage', `${folder} holds no ${description}, which says how to start it`, [
      `{"start": ["node", "server.js"], "portVariable": "PORT", "readiness": "/ready", "stopSignal": "SIGTERM", "graceSeconds": 10}`,
    ]);
  }
  const { bytes, digest } = await packArchive(folder);
  await writeFile(options.file, bytes);
  printData(digest);
  say(`written to ${options.file}, ${bytes.length} bytes`);
  sayNext(`belay artifact sign ${options.file} --key FILE --out provenance.dsse.json`);
}

/** Makes a key pair: the private half in a file that only you can read, the public half as a project trusts it. */
export async function makeKey(file: string): Promise<void> {
  const key = makeSigningKey();
  const pem = key.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
  await writeFile(file, pem, { flag: 'wx', mode: 0o600 }).catch((error: unknown) => {
    throw (error as NodeJS.ErrnoException).code === 'EEXIST'
      ? usage(`${file} is there already and stays as it is`)
      : error;
  });
  printData(key.publicKey);
  say(`the private key is in ${file}; the line above goes into the project’s trust:`);
  say(
    `  trust: [{name: ci, publicKey: "${publicKeyOf(key.privateKey)}", predicateTypes: ["${provenanceType}"]}]`,
  );
}

interface SignOptions {
  readonly key: string;
  readonly out: string;
  readonly builder: string;
  readonly check?: string;
  readonly failed: boolean;
}

/** Signs a statement about an artifact: provenance, or a check's report. */
export async function signArtifact(file: string, options: SignOptions): Promise<void> {
  const { check, key, out } = options;
  if (check !== undefined)
    await signCheckReport({ artifact: file, key, out, check, passed: !options.failed });
  else await writeSigned(file, { key, out }, provenanceType, provenance(options.builder));
  printData(out);
  sayNext(`belay release attach RELEASE --statement ${out}`);
}

/** What a check found of an artifact, and with which key it is signed into which file. */
export interface CheckReport {
  readonly artifact: string;
  readonly key: string;
  readonly out: string;
  readonly check: string;
  readonly passed: boolean;
  readonly summary?: string;
}

/** Signs a check's report with its time, so that an old one attached again stays old. */
export async function signCheckReport({ artifact, key, out, ...report }: CheckReport): Promise<void> {
  const predicate = { ...report, finishedAt: formatInstant(Date.now()) };
  if (!CheckPredicate.safeParse(predicate).success)
    throw usage(
      `a check cannot be called ${report.check}`,
      'a name is of lower-case letters, digits and hyphens',
    );
  await writeSigned(artifact, { key, out }, checkPredicateType, predicate);
}

async function writeSigned(
  file: string,
  { key, out }: { readonly key: string; readonly out: string },
  predicateType: string,
  predicate: object,
): Promise<void> {
  const bytes = await readFile(file).catch((error: Error) => {
    throw usage(`cannot read ${file}: ${error.message}`);
  });
  const artifact = { name: basename(file), digest: digestOf(bytes) };
  const envelope = signStatement(readSigningKey(key), { artifact, predicateType, predicate });
  await writeFile(out, `${JSON.stringify(envelope, null, 2)}\n`);
}

/** The least that SLSA provenance v1 asks for. */
const provenance = (builder: string): object => ({
  buildDefinition: { buildType: `${builder}/build`, externalParameters: {} },
  runDetails: { builder: { id: builder }, metadata: { invocationId: randomUUID() } },
});
