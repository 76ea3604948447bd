import type { OpenCheckpoint } from '../core/ledger/checkpoint.ts';
import type { VerifierKey } from '../core/ledger/verifier-key.ts';
import type { EvidenceManifest } from '../core/model/evidence.ts';
import { checkInclusion, type Places, readNodesFile, readStreams } from './chains.ts';
import { checkCompleteness } from './completeness.ts';
import { checkContent, checkTests, type CountTests } from './content.ts';
import { Derivation } from './derive.ts';
import { FoldedStreams, readEntries } from './entries.ts';
import { checkFiles, readManifest } from './manifest.ts';
import { rememberingCrypto } from './node-crypto.ts';
import { type PackFiles, readPack } from './read-pack.ts';
import { Findings, type Report } from './report.ts';
import { checkCheckpoint, checkGrowth, checkManifestNote, chooseKey } from './signatures.ts';
import { checkSummaries } from './summaries.ts';

export interface VerifyOptions {
  /** The log's verifier key (C2SP text form), from somewhere else than the pack. */
  readonly trustedKey?: string;
  /** An earlier checkpoint of the log (a C2SP note) that the auditor kept. */
  readonly previousCheckpoint?: string;
  /** Counts a JUnit XML report; without it, test counts are taken as recorded and said to be so. */
  readonly countTests?: CountTests;
}

/**
 * Checks an evidence pack in a folder: with neither server nor network, and without running anything from it. The
 * report says of each check whether it passed, failed, or could not be made; only `verified` is a yes. Never throws
 * on what is in the folder.
 */
export async function verifyPack(folder: string, options: VerifyOptions = {}): Promise<Report> {
  const findings = new Findings();
  return verify(await readPack(folder, findings), options, findings);
}

/** The same for a pack that is already in memory. */
export function verifyFiles(files: PackFiles, options: VerifyOptions = {}): Report {
  return verify(files, options, new Findings());
}

function verify(files: PackFiles, options: VerifyOptions, findings: Findings): Report {
  const manifest = readManifest(files, findings);
  if (manifest === null) return findings.report(null, null);
  checkFiles(files, manifest, findings);
  const key = chooseKey(files, options.trustedKey, findings);
  if (key !== null) checkManifestNote(files, key, findings);
  const checkpoint = key === null ? null : checkCheckpoint(files, manifest, key, findings);
  checkTree(files, manifest, { key, checkpoint }, options, findings);
  return findings.report(manifest.release, manifest.log);
}

/** What the entries say, whoever signed them: also where a signature is wrong, the rest is looked at and named. */
function checkTree(
  files: PackFiles,
  manifest: EvidenceManifest,
  signed: { readonly key: VerifierKey | null; readonly checkpoint: OpenCheckpoint | null },
  options: VerifyOptions,
  findings: Findings,
): void {
  const { key, checkpoint } = signed;
  const { previousCheckpoint } = options;
  if (previousCheckpoint === undefined) findings.leaveOut('growth');
  const read = readStreams(files, manifest, findings);
  let places: Places = new Map();
  if (key !== null && checkpoint !== null) {
    const readNode = readNodesFile(files, findings);
    if (previousCheckpoint !== undefined)
      checkGrowth(checkpoint, previousCheckpoint, key, readNode, findings);
    places = checkInclusion(files, read, checkpoint, readNode, findings);
  }
  const crypto = rememberingCrypto();
  const streams = readEntries(read, crypto, findings);
  checkContent(files, manifest, streams, findings);
  checkTests(files, streams, options.countTests, findings);
  const derived = new Derivation(files, new FoldedStreams(streams), crypto, places, findings).run(streams);
  checkCompleteness(manifest.release, streams, derived.expected, findings);
  if (key !== null) checkSummaries(files, manifest.release.name, derived.ends, key, crypto, findings);
}
