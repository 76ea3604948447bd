import { hash } from 'node:crypto';
import { manifestStatement, packPaths } from '../core/evidence/layout.ts';
import { openCheckpoint, type OpenCheckpoint } from '../core/ledger/checkpoint.ts';
import { equalBytes } from '../core/ledger/encoding.ts';
import { verifyConsistency } from '../core/ledger/merkle.ts';
import { openNote } from '../core/ledger/note.ts';
import { consistencyProof, type ReadNode } from '../core/ledger/tree.ts';
import { parseVerifierKey, type VerifierKey } from '../core/ledger/verifier-key.ts';
import type { EvidenceManifest } from '../core/model/evidence.ts';
import { textOf } from './manifest.ts';
import { hexOf, sha256, verifyEd25519 } from './node-crypto.ts';
import type { PackFiles } from './read-pack.ts';
import type { Findings } from './report.ts';

/**
 * The key that everything is checked against: the trusted one where one was given, else the pack's own, which then
 * shows no more than that the pack belongs together.
 */
export function chooseKey(
  files: PackFiles,
  trustedKey: string | undefined,
  findings: Findings,
): VerifierKey | null {
  const text = textOf(files, packPaths.verifierKey, 'key', findings);
  const own = text === null ? null : parseVerifierKey(sha256, text.replace(/\n$/, ''));
  if (own !== null && !own.ok) findings.fail('key', packPaths.verifierKey, own.error.message);
  const trusted = trustedKey === undefined ? null : parseVerifierKey(sha256, trustedKey.trim());
  if (trusted !== null && !trusted.ok) {
    findings.fail('key', 'trusted key', trusted.error.message);
    return null;
  }
  const ownKey = own?.ok === true ? own.value : null;
  if (trusted === null) {
    const shown = text?.trim() ?? '';
    findings.unknown('key', packPaths.verifierKey, `no trusted key was given to compare with: ${shown}`);
    return ownKey;
  }
  if (
    ownKey !== null &&
    !(ownKey.name === trusted.value.name && equalBytes(ownKey.publicKey, trusted.value.publicKey))
  )
    findings.fail('key', packPaths.verifierKey, 'is not the key that you trust');
  findings.done('key', `${trusted.value.name}+${trusted.value.keyId} is the key that you trust`);
  return trusted.value;
}

/** The log's key signed exactly these bytes of the manifest. */
export function checkManifestNote(files: PackFiles, key: VerifierKey, findings: Findings): void {
  const manifest = files.get(packPaths.manifest);
  const note = textOf(files, packPaths.manifestNote, 'manifest', findings);
  if (note === null || manifest === undefined) return;
  const opened = openNote(verifyEd25519, note, [key]);
  if (!opened.ok) findings.fail('manifest', packPaths.manifestNote, opened.error.message);
  else if (opened.value.text !== manifestStatement(`sha256:${hash('sha256', manifest, 'hex')}`))
    findings.fail('manifest', packPaths.manifest, 'has other bytes than the log signed');
  findings.done('manifest', `signed by ${key.name}+${key.keyId}`);
}

/** The checkpoint is the log's, and the one that the manifest names. */
export function checkCheckpoint(
  files: PackFiles,
  manifest: EvidenceManifest,
  key: VerifierKey,
  findings: Findings,
): OpenCheckpoint | null {
  const note = textOf(files, packPaths.checkpoint, 'checkpoint', findings);
  if (note === null) return null;
  const opened = openCheckpoint(verifyEd25519, note, { origin: key.name, keys: [key] });
  if (!opened.ok) {
    findings.fail('checkpoint', packPaths.checkpoint, opened.error.message);
    return null;
  }
  const { origin, size, root } = opened.value;
  const { log } = manifest;
  if (origin !== log.origin || size !== log.size || hexOf(root) !== log.root)
    findings.fail('checkpoint', packPaths.checkpoint, 'is not the checkpoint that the manifest names');
  findings.done('checkpoint', `${origin} over ${size} entries, signed by ${key.name}+${key.keyId}`);
  return opened.value;
}

/** The log has only grown since a checkpoint that the auditor kept. */
export function checkGrowth(
  now: OpenCheckpoint,
  previousNote: string,
  key: VerifierKey,
  readNode: ReadNode,
  findings: Findings,
): void {
  const where = 'earlier checkpoint';
  const before = openCheckpoint(verifyEd25519, previousNote, { origin: key.name, keys: [key] });
  if (!before.ok) {
    findings.fail('growth', where, before.error.message);
    return;
  }
  const { size: oldSize, root: oldRoot } = before.value;
  const { size: newSize, root: newRoot } = now;
  if (oldSize > newSize) {
    findings.unknown('growth', where, `is over ${oldSize} entries, and the pack is older: over ${newSize}`);
    return;
  }
  const proof = consistencyProof(sha256, oldSize, newSize, readNode);
  if (!proof.ok) {
    findings.unknown('growth', where, `the pack holds no proof from ${oldSize} entries; export it with that`);
    return;
  }
  const grown = verifyConsistency(sha256, { oldSize, newSize, oldRoot, newRoot, proof: proof.value });
  // Every log begins with the empty one: nothing is to be proven.
  if (!grown.ok && grown.error.code !== 'old-tree-empty')
    findings.fail('growth', where, `the log was rewritten: ${grown.error.message}`);
  findings.done('growth', `the log only grew from ${oldSize} to ${newSize} entries`);
}
