import type { Profile } from '../../src/core/analysis/profile.ts';
import { isShown } from '../../src/core/analysis/series.ts';
import type { RolloutState } from '../../src/core/model/analysis-state.ts';
import { isInterval, Sequential, steps } from './sequential.ts';
import { bounds, Simulation, slowerThan } from './simulation.ts';
import type { Answer, Tool } from './tool.ts';
import { addedAt, type Harm, type Kind } from './worlds.ts';

/** What one rule did with one canary. Seconds, requests. */
export interface Outcome {
  readonly end: 'rollback' | 'promote' | 'hold';
  readonly t: number;
  readonly requests: number;
  /** Bad requests that the canary's harm had served by then: expected, so that chance does not blur it. */
  readonly harmed: number;
  readonly reason?: string;
}
/** What the outlook foretold as nine of ten, and what it took; null where the hour ended before. */
export interface Foretold {
  readonly most: number;
  readonly took: number | null;
}

/** Bad requests of a canary with this harm beyond those of an identical one: errors, or requests over 250 ms. */
function harmOf(harm: Harm, t: number, requests: number): number {
  const slow = bounds.indexOf(250);
  const slower = (slowerThan(harm.slower)[slow] ?? 0) - (slowerThan(1)[slow] ?? 0);
  return requests * (harm.slower === 1 ? addedAt(harm, t) : slower);
}

const requestsOf = (pods: Readonly<Record<string, { readonly requests: number }>>): number =>
  Object.values(pods).reduce((sum, { requests }) => sum + requests, 0);

/** The rule alone: a tenth of the traffic for an hour, whatever it says of going on. Ours first, then the others. */
export function watch(
  simulation: Simulation,
  history: RolloutState,
  profile: Profile,
  tools: readonly Tool[],
  minutes = 60,
): { readonly outcomes: readonly Outcome[]; readonly foretold: Foretold | null } {
  const { kind, harm } = simulation;
  const ours = new Sequential(history, profile);
  const others = tools.map((tool) => tool.begin());
  const ends: (Outcome | null)[] = [null, ...others.map(() => null)];
  const outlook = new Outlooks();
  let [requests, harmed] = [0, 0];
  for (let t = 0; t < minutes * 60 && ends.includes(null);) {
    t += kind.scrape;
    for (const round of simulation.step(kind.scrape, 0.1)) {
      if (isInterval(round)) {
        const more = requestsOf(round.canary);
        requests += more;
        harmed += harmOf(harm, (round.from + round.to) / 2, more);
      }
      const answers: Answer[] = [
        ends[0] === null ? ours.look(round, 1) : 'hold',
        ...others.map((one, i) => (ends[i + 1] === null && isInterval(round) ? one.look(round) : 'hold')),
      ];
      answers.forEach((answer, i) => {
        if (answer === 'rollback') ends[i] = { end: 'rollback', t: round.to, requests, harmed };
      });
      if (ends[0] === null) outlook.see(ours, round.to, requests);
    }
  }
  const rest = { end: 'hold', t: minutes * 60, requests, harmed } as const;
  return {
    outcomes: ends.map((end, i) => end ?? (i === 0 ? { ...rest, reason: ours.reason.code } : rest)),
    foretold: outlook.kept,
  };
}

/** Keeps the first outlook after a minute, and when what it foretold came. */
class Outlooks {
  kept: { readonly most: number; took: number | null } | null = null;
  private begun = 0;

  see({ reason }: Sequential, t: number, requests: number): void {
    if (this.kept === null) {
      if (t < 60 || (reason.code !== 'not-enough-traffic' && reason.code !== 'learning')) return;
      this.kept = { most: reason.missing.requests[1], took: null };
      this.begun = requests;
      return;
    }
    const isShownNow = reason.code === 'within-margin' || reason.code === 'step-time';
    if (isShownNow) this.kept.took ??= requests - this.begun;
  }
}

/** A whole rollout of ours, cut at three hours: its weights rise when it says so, at the next scrape. */
export function rollOut(
  simulation: Simulation,
  history: RolloutState,
  profile: Profile,
  weights: readonly number[] = steps,
): Outcome {
  const ours = new Sequential(history, profile);
  return ramp(
    simulation,
    weights,
    (round, next) => ours.look(round, next),
    () => ours.reason.code,
  );
}

/** A whole rollout of another tool. */
export function rollOutWith(kind: Kind, seed: number, harm: Harm, tool: Tool): Outcome {
  const simulation = new Simulation(kind, seed).with(harm);
  const watcher = tool.begin();
  simulation.startAt(0);
  return ramp(simulation, tool.weights, (round) => (isInterval(round) ? watcher.look(round) : 'hold'));
}

function ramp(
  simulation: Simulation,
  weights: readonly number[],
  look: (round: Parameters<Sequential['look']>[0], next: number) => Answer,
  reason?: () => string,
): Outcome {
  const { kind, harm } = simulation;
  let [at, requests, harmed] = [0, 0, 0];
  const done = (end: Outcome['end'], t: number): Outcome =>
    reason === undefined ? { end, t, requests, harmed } : { end, t, requests, harmed, reason: reason() };
  for (let t = 0; t < 3 * 3600;) {
    t += kind.scrape;
    for (const round of simulation.step(kind.scrape, weights[at] ?? 1)) {
      if (isInterval(round)) {
        const more = requestsOf(round.canary);
        requests += more;
        harmed += harmOf(harm, (round.from + round.to) / 2, more);
      }
      const answer = look(round, weights[at + 1] ?? 1);
      if (answer === 'rollback') return done('rollback', t);
      if (answer === 'advance' && at + 1 >= weights.length) return done('promote', t);
      if (answer === 'advance') at += 1;
    }
  }
  return done('hold', 3 * 3600);
}

/** The promotion evidence alone, at half the traffic, looked at for three hours: whether harm was ever refuted. */
export function everShown(simulation: Simulation, history: RolloutState, profile: Profile): Outcome {
  const ours = new Sequential(history, profile);
  const { kind } = simulation;
  const isHarmless = (): boolean => {
    const series = ours.state.series['errors'];
    return series !== undefined && isShown(series, profile.beta);
  };
  for (let t = 0; t < 3 * 3600;) {
    t += kind.scrape;
    for (const round of simulation.step(kind.scrape, 0.5)) {
      ours.look(round, 1);
      if (isHarmless()) return { end: 'promote', t, requests: 0, harmed: 0 };
    }
  }
  return { end: 'hold', t: 3 * 3600, requests: 0, harmed: 0 };
}
