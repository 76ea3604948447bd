import { gateProfile } from '../analysis/sequential/profile.ts';
import { addBatch } from '../analysis/sequential/rollout.ts';
import type { AnalysisState, RolloutState } from '../model/analysis-state.ts';
import type { Sample } from '../model/observation.ts';
import type { ProjectState, SlotState } from '../model/state.ts';

/** Pods of both arms together that an analysis follows: more would outgrow an entry of the ledger. */
export const mostPods = 40;
/** In characters, of all their names together: every series tells of every pod by its name. */
const longestNames = 1_400;

/**
 * The analysis after one more batch of samples of the promotion that moves, gate by gate; null where nothing moves.
 * Its pipeline is pinned and its plan does not change, so that whoever verifies the entry finds the same.
 */
export function analysisAfter(
  slot: SlotState,
  project: Pick<ProjectState, 'pinned'>,
  samples: readonly Sample[],
): AnalysisState | null {
  const moving = slot.promotions.find((p) => p.id === slot.moving);
  if (moving === undefined) return null;
  const before = slot.analysis?.promotion === moving.id ? slot.analysis : null;
  const pods = new Set(samples.map(({ pod }) => pod));
  for (const state of Object.values(before?.gates ?? {}))
    for (const pod of Object.keys(state.counters.pods)) pods.add(pod);
  const names = [...pods].reduce((length, name) => length + name.length, 0);
  if (before?.crowded === true || pods.size > mostPods || names > longestNames)
    return { promotion: moving.id, gates: before?.gates ?? {}, crowded: true };
  const stage = project.pinned[moving.pipeline]?.document.spec.stages.find((s) => s.name === moving.stage);
  const steps = moving.plan?.document.steps ?? [100];
  const gates: Record<string, RolloutState> = {};
  for (const gate of stage?.analysis ?? [])
    if (gate.kind === 'metric')
      gates[gate.name] = addBatch(before?.gates[gate.name] ?? null, gateProfile(gate), steps, samples);
  return { promotion: moving.id, gates, crowded: false };
}
