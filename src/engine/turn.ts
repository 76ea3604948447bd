import { decide, isMaterial } from '../core/decide/decide.ts';
import { evaluatorVersion } from '../core/decide/evaluator.ts';
import { foldSlot } from '../core/decide/fold/slot.ts';
import { outcomesOf } from '../core/decide/outcomes.ts';
import { analysisAfter } from '../core/decide/sampled.ts';
import { type Finding, lintDecision } from '../core/lint/lint.ts';
import { canonicalJson } from '../core/model/canonical.ts';
import { type Crypto, seal } from '../core/model/digest.ts';
import type { SlotEntry } from '../core/model/entries.ts';
import { slotStream } from '../core/model/name.ts';
import type { Conclusion, SlotState, TurnInput } from '../core/model/state.ts';
import type { Claim, EngineStore, TurnCommit, TurnRecord } from '../ports/store.ts';

/** Samples wait at most this long for a deciding moment before they are recorded on their own. */
const longestUnrecordedMs = 60_000;

/** What became of a turn. A finding is a decision that was not taken because the lint stopped it. */
export type TurnResult =
  | { readonly result: 'committed' | 'held' | 'conflict'; readonly conclusion: Conclusion }
  | { readonly result: 'stopped'; readonly findings: readonly Finding[] };

/**
 * Takes one turn of a slot: load, decide, lint, append. Pure but for the store. A decision that the lint stops
 * is not recorded; the slot stays where it is and the finding is returned to be shown.
 */
export async function takeTurn(store: EngineStore, crypto: Crypto, claim: Claim): Promise<TurnResult> {
  const record = await store.load(claim.slot);
  const prepared = prepareTurn(record, crypto);
  if (prepared.kind === 'stopped') {
    await store.release(claim, record.now + 5_000);
    return { result: 'stopped', findings: prepared.findings };
  }
  const outcome = await store.commit({ ...prepared.commit, claim });
  if (outcome === 'conflict') return { result: 'conflict', conclusion: prepared.conclusion };
  return {
    result: prepared.commit.entries.length > 0 ? 'committed' : 'held',
    conclusion: prepared.conclusion,
  };
}

type Prepared =
  | { readonly kind: 'ready'; readonly conclusion: Conclusion; readonly commit: Omit<TurnCommit, 'claim'> }
  | { readonly kind: 'stopped'; readonly findings: readonly Finding[] };

/** The pure part of a turn: from what was loaded to what is written. */
export function prepareTurn(record: TurnRecord, crypto: Crypto): Prepared {
  if (record.slot.evaluator > evaluatorVersion)
    return { kind: 'stopped', findings: [newerCore(record.slot)] };
  const taken = takeIn(record, crypto);
  const input: TurnInput = {
    now: record.now,
    slot: taken.state,
    releases: record.releases,
    project: record.project,
    everything: record.everything,
    crypto,
  };
  const conclusion = decide(input);
  const { decision } = conclusion;
  const decided: SlotEntry = {
    type: 'decided',
    at: decision.now,
    decision,
    stateBefore: isMaterial(conclusion) ? seal(crypto, taken.state).digest : '',
  };
  const after = isMaterial(conclusion) ? foldSlot(taken.state, decided, taken.state.seq + 1) : taken.state;
  const findings = lintDecision(input, decision, after);
  if (findings.some((finding) => finding.stops)) return { kind: 'stopped', findings };
  const recorded = isMaterial(conclusion) || taken.overdue;
  const entries = isMaterial(conclusion) ? [...taken.entries, decided] : recorded ? taken.entries : [];
  return {
    kind: 'ready',
    conclusion,
    commit: {
      // The slot's own head is what was loaded; the entries taken in are written by this very commit.
      reads: { ...decision.reads, [slotStream(record.slot.key)]: record.slot.seq },
      follows: record.headHash,
      entries,
      state: recorded ? after : record.slot,
      content: recorded ? taken.content : [],
      samplesUntil: recorded ? taken.samplesUntil : null,
      outcomes: outcomesOf(input, decision),
      waits: conclusion.waits,
      nextCheck: conclusion.nextCheck,
    },
  };
}

/** What a newer core has decided, this one would decide otherwise: it leaves the slot to a newer server. */
const newerCore = (slot: SlotState): Finding => ({
  invariant: 8,
  message: `core ${slot.evaluator} has decided here and this server has core ${evaluatorVersion}: a newer server must go on`,
  stops: true,
});

interface TakenIn {
  readonly state: SlotState;
  readonly entries: readonly SlotEntry[];
  readonly content: readonly { readonly digest: string; readonly bytes: string }[];
  readonly samplesUntil: number | null;
  /** Whether it has waited long enough to be recorded without a decision. */
  readonly overdue: boolean;
}

/** Folds in what was observed since the last entry, as the entries that it would be recorded by. */
function takeIn({ slot, pending, now, project }: TurnRecord, crypto: Crypto): TakenIn {
  const at = Math.max(now, slot.clock);
  const entries: SlotEntry[] = [];
  const content: { digest: string; bytes: string }[] = [];
  const { seenUntil, samples } = pending;
  if (seenUntil !== null && seenUntil > (slot.seenUntil ?? 0))
    entries.push({ type: 'seen', at, until: seenUntil });
  let samplesUntil: number | null = null;
  const analysis = samples.length === 0 ? null : analysisAfter(slot, project, samples);
  if (analysis !== null) {
    const bytes = canonicalJson(samples);
    const digest = crypto.digest(bytes);
    entries.push({ type: 'sampled', at, batch: digest, count: samples.length, analysis });
    content.push({ digest, bytes });
    samplesUntil = Math.max(...samples.map((sample) => sample.t));
  }
  const state = entries.reduce((s, entry) => foldSlot(s, entry, s.seq + 1), slot);
  const oldest = samples.length === 0 ? at : Math.min(...samples.map((sample) => sample.t)) * 1000;
  return { state, entries, content, samplesUntil, overdue: at - oldest >= longestUnrecordedMs };
}
