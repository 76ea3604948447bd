import type { Interval, Round } from '../../src/core/analysis/boundaries.ts';
import { ln } from '../../src/core/analysis/elementary.ts';
import { decideRollout, rolloutEvidence, type SequentialReason } from '../../src/core/analysis/judgement.ts';
import { type Profile, profileOf } from '../../src/core/analysis/profile.ts';
import { addRound, beginRollout } from '../../src/core/analysis/rollout.ts';
import type { RolloutState } from '../../src/core/model/analysis-state.ts';
import { AnalysisProfile } from '../../src/core/model/gate.ts';
import type { Simulation } from './simulation.ts';
import type { Answer } from './tool.ts';

export const usual = profileOf(AnalysisProfile.parse({}));
/** Margins of 3 points: what a service with one request a second can show within the hour. */
export const lowTraffic = profileOf(
  AnalysisProfile.parse({ errors: { marginPoints: 3 }, latency: { marginPoints: 6 } }),
);
export const errorsAlone = profileOf(AnalysisProfile.parse({ latency: null }));

export const shape: readonly string[] = ['slow:100', 'slow:250', 'slow:500'];
export const steps: readonly number[] = [0.05, 0.1, 0.25, 0.5];

/** A history until 1,000 errors, or as many bursts of them, or 24 hours; beyond three hours in steps of a minute. */
export function learnt(simulation: Simulation, profile: Profile): RolloutState {
  let state = beginRollout(profile, profile === errorsAlone ? [] : shape);
  if (!simulation.kind.history) {
    simulation.startAt(0);
    return state;
  }
  const { perSecond, errors, cluster, scrape } = simulation.kind;
  const seconds = Math.min(24 * 3600, Math.ceil((1000 * cluster) / (0.95 * perSecond * errors)));
  const step = seconds > 3 * 3600 ? 60 : Math.max(15, scrape);
  simulation.startAt(-Math.ceil(seconds / step) * step);
  for (let t = -Math.ceil(seconds / step) * step; t < 0; t += step)
    for (const round of simulation.step(step, 0)) state = addRound(state, round, profile, 1);
  return state;
}

/** The sequential analysis at work: it answers, and remembers why. */
export class Sequential {
  state: RolloutState;
  reason: SequentialReason = { code: 'no-traffic' };
  private readonly profile: Profile;

  constructor(state: RolloutState, profile: Profile) {
    this.state = state;
    this.profile = profile;
  }

  look(round: Round, next: number): Answer {
    this.state = addRound(this.state, round, this.profile, next);
    const { move, reason } = decideRollout(this.state, this.profile, round.to, next);
    this.reason = reason;
    return move;
  }

  /** Whether the evidence alone asks for a rollback, whatever else is asked for. */
  get alarmed(): boolean {
    return rolloutEvidence(this.state) >= ln(1 / this.profile.alpha);
  }
}

export const isInterval = (round: Round): round is Interval => round.kind === 'interval';
