import { hash } from 'node:crypto';
import { analysisAfter } from '../core/decide/sampled.ts';
import { packPaths } from '../core/evidence/layout.ts';
import { namedContent } from '../core/evidence/named-content.ts';
import { canonicalJson } from '../core/model/canonical.ts';
import type { SlotEntry } from '../core/model/entries.ts';
import type { EvidenceManifest } from '../core/model/evidence.ts';
import { Sample } from '../core/model/observation.ts';
import type { TestCounts } from '../core/model/release.ts';
import type { ProjectState, SlotState } from '../core/model/state.ts';
import type { EntryStream } from './entries.ts';
import { decodeText, parseCanonical } from './manifest.ts';
import type { PackFiles } from './read-pack.ts';
import type { Findings } from './report.ts';

/** Counts the tests of a JUnit XML report, as the server did when it came in; null where it is none. */
export type CountTests = (report: string) => TestCounts | null;

/** Every digest that an entry names is there as content with those bytes, or is said to be pruned; nothing else is. */
export function checkContent(
  files: PackFiles,
  manifest: EvidenceManifest,
  streams: ReadonlyMap<string, EntryStream>,
  findings: Findings,
): void {
  const pruned = new Set<string>(manifest.pruned);
  const named = new Set<string>();
  for (const { stream, entries } of streams.values()) {
    for (const { entry, seq } of entries) {
      const digest = namedContent(entry);
      if (digest === null || named.has(packPaths.content(digest))) continue;
      const path = packPaths.content(digest);
      named.add(path);
      const bytes = files.get(path);
      if (bytes !== undefined && `sha256:${hash('sha256', bytes, 'hex')}` !== digest)
        findings.fail('content', path, 'has other bytes than its name says');
      else if (bytes === undefined && pruned.has(digest))
        findings.unknown('content', `${stream}#${seq}`, `${digest} was removed by retention`);
      else if (bytes === undefined)
        findings.fail('content', `${stream}#${seq}`, `names ${digest}, which is missing`);
    }
  }
  for (const path of files.keys())
    if (path.startsWith('content/') && !named.has(path))
      findings.fail('content', path, 'is named by no entry');
  findings.done('content', `${named.size} pieces of content are what the entries name`);
}

/** The counts of every test report, counted again. */
export function checkTests(
  files: PackFiles,
  streams: ReadonlyMap<string, EntryStream>,
  countTests: CountTests | undefined,
  findings: Findings,
): void {
  let reports = 0;
  for (const { stream, entries } of streams.values()) {
    for (const { entry, seq } of entries) {
      if (entry.type !== 'attached' || entry.attachment.type !== 'tests') continue;
      const where = `${stream}#${seq}`;
      const { content, counts } = entry.attachment;
      const bytes = files.get(packPaths.content(content));
      reports += 1;
      if (bytes === undefined) findings.unknown('tests', where, 'the report is not in the pack');
      else if (countTests === undefined) findings.unknown('tests', where, 'was not counted again');
      else if (canonicalJson(countTests(decodeText(bytes) ?? '')) !== canonicalJson(counts))
        findings.fail('tests', where, 'the report has other counts than the entry says');
    }
  }
  findings.done('tests', `${reports} test reports counted again`);
}

/** One batch of samples: counted again from its content onto the analysis before it, it must give the recorded one. */
export function checkSamples(
  files: PackFiles,
  before: SlotState,
  project: ProjectState,
  entry: Extract<SlotEntry, { type: 'sampled' }>,
  where: string,
  findings: Findings,
): void {
  if (before.moving === null) {
    findings.fail('samples', where, 'nothing moved that samples could be of');
    return;
  }
  const bytes = files.get(packPaths.content(entry.batch));
  if (bytes === undefined) {
    findings.unknown('samples', where, 'the batch is not in the pack');
    return;
  }
  const samples = parseSamples(bytes);
  if (samples === null || samples.length !== entry.count) {
    findings.fail('samples', where, `the batch is not ${entry.count} samples`);
    return;
  }
  if (canonicalJson(analysisAfter(before, project, samples)) !== canonicalJson(entry.analysis))
    findings.fail('samples', where, 'the batch leads to another analysis than the one recorded');
}

function parseSamples(bytes: Uint8Array): readonly Sample[] | null {
  const parsed = parseCanonical(decodeText(bytes) ?? '');
  const checked = Sample.array().safeParse(parsed?.value);
  return checked.success ? (parsed?.value as readonly Sample[]) : null;
}
