import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import { extract } from 'tar-stream';
import { emptySlot, foldSlot } from '../src/core/decide/fold/slot.ts';
import { canonicalJson } from '../src/core/model/canonical.ts';
import type { SlotEntry } from '../src/core/model/entries.ts';
import { slotStream } from '../src/core/model/name.ts';
import { ApiError } from '../src/app/demo/client.ts';
import { countTests } from '../src/server/junit.ts';
import { entryOf } from '../src/store/log-entry.ts';
import { verifyFiles } from '../src/verify/verify-pack.ts';
import { slot } from './documents.ts';
import { eventually } from './eventually.ts';
import type { Stack } from './stack.ts';

/** The whole proof after a fault: evidence verifies, state is what its stream says, generations only grow. */
export async function assertLedgerHolds(stack: Stack, release: string): Promise<void> {
  await assertStateIsTheFold(stack);
  await assertEvidenceVerifies(stack, release);
}

/** The persisted state is the fold of its stream, without a gap; no generation was used twice. */
export async function assertStateIsTheFold(stack: Stack): Promise<void> {
  const { rows } = await stack.pool.query<{ state: string; folded: string; seqs: string[]; bytes: string[] }>(
    `select s.state, s.folded, array_agg(e.seq order by e.seq) as seqs, array_agg(e.bytes order by e.seq) as bytes
       from slot as s join entry as e on e.stream = s.id and e.seq <= s.folded where s.id = $1 group by s.id`,
    [slotStream(slot)],
  );
  const row = rows[0];
  assert.ok(row, 'the slot is there');
  assert.deepEqual(
    row.seqs.map(Number),
    Array.from({ length: Number(row.folded) }, (_, i) => i + 1),
    'the stream has no gap',
  );
  const entries = row.bytes.map((bytes) => entryOf<SlotEntry>(bytes));
  const folded = entries.reduce((state, entry, i) => foldSlot(state, entry, i + 1), emptySlot(slot));
  assert.equal(canonicalJson(JSON.parse(row.state)), canonicalJson(folded), 'the state is the fold');
  const generations = entries.flatMap((entry) =>
    entry.type === 'decided' ? entry.decision.actions.map((action) => action.generation) : [],
  );
  assert.ok(generations.length > 0);
  generations.reduce((before, generation) => {
    assert.ok(generation > before, `generation ${generation} came after ${before}`);
    return generation;
  }, 0);
}

/** The evidence of a release is exported once everything is in the tree, and verifies offline. */
export async function assertEvidenceVerifies(stack: Stack, release: string): Promise<void> {
  const pack = await eventually('the evidence can be exported', () => exported(stack, release), 15_000);
  const files = new Map<string, Uint8Array>();
  const archive = extract();
  archive.end(Buffer.from(pack));
  for await (const entry of archive) files.set(entry.header.name, await buffer(entry));
  const report = verifyFiles(files, {
    trustedKey: stack.verifierKey,
    countTests: (junit) => {
      const counted = countTests(junit);
      return counted.ok ? counted.value : null;
    },
  });
  const bad = report.checks.filter((check) => check.status === 'fail');
  assert.equal(report.outcome, 'verified', JSON.stringify(bad, null, 2));
}

async function exported(stack: Stack, release: string): Promise<Uint8Array | null> {
  try {
    return await stack.client.bytes(`/v1/evidence/${slot.project}/${slot.service}/${release}`);
  } catch (error) {
    // Entries that are not in the tree yet: the sequencer is on its way.
    if (error instanceof ApiError && error.status < 500) return null;
    throw error;
  }
}
