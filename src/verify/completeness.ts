import { canonicalJson } from '../core/model/canonical.ts';
import { type ReleaseKey, releaseStream } from '../core/model/name.ts';
import type { ExpectedEntry } from './derive.ts';
import type { EntryStream } from './entries.ts';
import type { Findings } from './report.ts';

/**
 * What the decisions wrote into other streams is there, and every end in the release's own stream has the decision
 * that wrote it. A request that a decision made for another release in a slot is only looked for where it concerns
 * this release: a slot's stream is cut after the last decision about it.
 */
export function checkCompleteness(
  release: ReleaseKey,
  streams: ReadonlyMap<string, EntryStream>,
  expected: readonly ExpectedEntry[],
  findings: Findings,
): void {
  const own = releaseStream(release);
  if (!streams.has(own)) findings.fail('completeness', own, 'the release’s own stream is not in the pack');
  const unmatched = new Map<string, Map<string, number[]>>();
  for (const { stream, entries } of streams.values()) {
    const byBytes = new Map<string, number[]>();
    for (const { entry, seq } of entries) {
      if (entry.type !== 'stage-ended' && entry.type !== 'requested') continue;
      const bytes = canonicalJson(entry);
      byBytes.set(bytes, [...(byBytes.get(bytes) ?? []), seq]);
    }
    unmatched.set(stream, byBytes);
  }
  for (const { where, stream, entry } of expected) {
    if (entry.type === 'requested' && entry.release !== release.name) continue;
    const found = unmatched.get(stream)?.get(canonicalJson(entry))?.shift();
    if (found === undefined)
      findings.fail(
        'completeness',
        where,
        `says that ${stream} holds an entry ${entry.type}, and it does not`,
      );
  }
  for (const [, seqs] of unmatched.get(own) ?? [])
    for (const seq of seqs)
      findings.fail('completeness', `${own}#${seq}`, 'no decision in the pack ended this promotion so');
  findings.done('completeness', `${expected.length} entries that decisions wrote elsewhere are there`);
}
