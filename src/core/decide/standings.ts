import { gateProfile, seriesOf } from '../analysis/profile.ts';
import { nextWeight } from '../analysis/rollout.ts';
import type { Standings } from '../model/reason.ts';
import type { ProjectState, SlotState } from '../model/state.ts';
import { standingOf } from './gates/missing.ts';

/**
 * What each metric of the rollout that moves lacks by itself, by gate and series. Reckoned when somebody asks, from what
 * is recorded: it decides nothing, and would cost more at each scrape than all the rest.
 */
export function standingsOf(slot: SlotState, project: Pick<ProjectState, 'pinned'>): Standings {
  const moving = slot.promotions.find((p) => p.id === slot.moving);
  if (moving === undefined || slot.analysis?.promotion !== moving.id) return {};
  const stage = project.pinned[moving.pipeline]?.document.spec.stages.find((s) => s.name === moving.stage);
  const steps = moving.plan?.document.steps ?? [100];
  const standings: Record<string, Standings[string]> = {};
  for (const gate of stage?.analysis ?? []) {
    const state = slot.analysis.gates[gate.name]?.rollout;
    if (gate.kind !== 'metric' || state === undefined) continue;
    const profile = gateProfile(gate);
    const told = { state, profile, next: nextWeight(steps, state.stage?.weight ?? 0), gate, steps };
    standings[gate.name] = Object.fromEntries(
      profile.metrics.map((one) => [seriesOf(one.metric), standingOf(told, one)]),
    );
  }
  return standings;
}
