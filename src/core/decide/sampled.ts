import { gateProfile } from '../analysis/profile.ts';
import { addBatch, beginWith, beginWithHistory } from '../analysis/rollout.ts';
import {
  type AnalysisState,
  type GateAnalysis,
  mostPods,
  type RolloutState,
} from '../model/analysis-state.ts';
import type { GateOf } from '../model/gate.ts';
import type { Sample } from '../model/observation.ts';
import type { Promotion, ProjectState, SlotState } from '../model/state.ts';
import { analysisOf } from './gates/metric.ts';

/** In characters, of all their names together: every series tells of every pod by its name. */
const longestNames = 1_400;
/** In bytes, of all gates together: what an entry of the ledger has room for, beside the slices of a history. */
const largest = { sampled: 62_000, history: 48_000 };

type Pinned = Pick<ProjectState, 'pinned'>;

/**
 * The analysis after one more batch of samples of the promotion that moves, gate by gate; null where nothing moves.
 * Its pipeline is pinned and its plan does not change, so that whoever verifies the entry finds the same.
 */
export function analysisAfter(
  slot: SlotState,
  project: Pinned,
  samples: readonly Sample[],
): AnalysisState | null {
  const moving = movingOf(slot);
  if (moving === undefined) return null;
  const before = slot.analysis?.promotion === moving.id ? slot.analysis : null;
  const pods = new Set(samples.map(({ pod }) => pod));
  for (const { rollout } of Object.values(before?.gates ?? {}))
    for (const pod of Object.keys(rollout.counters.pods)) pods.add(pod);
  const crowded: AnalysisState = { promotion: moving.id, gates: before?.gates ?? {}, crowded: true };
  if (before?.crowded === true || isCrowded(pods)) return crowded;
  const after = analysed(moving, project, (gate, steps) => {
    const profile = gateProfile(gate);
    const begun =
      before?.gates[gate.name]?.rollout ?? beginWith(profile, samples, slot.learnt[gate.name] ?? {});
    return addBatch(begun, profile, steps, samples);
  });
  return sizeOf(after) > largest.sampled ? crowded : after;
}

/** The analysis at the beginning of a rollout, from what stable counted before it; null where nothing moves. */
export function analysisFromHistory(
  slot: SlotState,
  project: Pinned,
  history: readonly Sample[],
): AnalysisState | null {
  const moving = movingOf(slot);
  if (moving === undefined) return null;
  const none: AnalysisState = { promotion: moving.id, gates: {}, crowded: false };
  if (history.length === 0) return none;
  const found = analysed(moving, project, (gate) =>
    beginWithHistory(gateProfile(gate), history, slot.learnt[gate.name] ?? {}),
  );
  const pods = new Set(Object.values(found.gates).flatMap((one) => Object.keys(one.rollout.counters.pods)));
  return isCrowded(pods) || sizeOf(found) > largest.history ? none : found;
}

const movingOf = (slot: SlotState): Promotion | undefined =>
  slot.promotions.find((p) => p.id === slot.moving);

const isCrowded = (pods: ReadonlySet<string>): boolean =>
  pods.size > mostPods || [...pods].reduce((length, name) => length + name.length, 0) > longestNames;

/** In bytes of UTF-8, as it is written; of a few pods it is small enough without being written. */
function sizeOf({ gates }: AnalysisState): number {
  const pods = Object.values(gates).map(({ rollout }) => Object.keys(rollout.counters.pods).length);
  if (pods.reduce((sum, count) => sum + 36_000 + 1_500 * count, 0) < largest.history) return 0;
  return JSON.stringify(gates).replaceAll(/[^ -~]/g, '...').length;
}

function analysed(
  moving: Promotion,
  project: Pinned,
  rolloutOf: (gate: GateOf<'metric'>, steps: readonly number[]) => RolloutState,
): AnalysisState {
  const stage = project.pinned[moving.pipeline]?.document.spec.stages.find((s) => s.name === moving.stage);
  const steps = moving.plan?.document.steps ?? [100];
  const gates: Record<string, GateAnalysis> = {};
  for (const gate of stage?.analysis ?? []) {
    if (gate.kind === 'metric') gates[gate.name] = analysisOf(gate, rolloutOf(gate, steps), steps);
  }
  return { promotion: moving.id, gates, crowded: false };
}
