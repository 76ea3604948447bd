import type { Interval } from '../../src/core/analysis/boundaries.ts';
import { isInterval, learnt, Sequential, usual } from './sequential.ts';
import { Simulation } from './simulation.ts';
import { kinds } from './worlds.ts';

export interface Cost {
  /** One scrape of one counted series, its share of the decision included. */
  readonly microsecondsPerBound: number;
  /** The state as it is stored, without what grows with pods. */
  readonly bytesPerMetric: number;
  readonly bytesPerPodSeries: number;
  /** 10,000 analyses of four series with a scrape each 15 seconds, of one core of this machine. */
  readonly shareOfCore: number;
}

/** An hour at a tenth of the traffic, ten pods, four series: errors and three latency bounds. */
export function measureCost(): Cost {
  const simulation = new Simulation(kinds.plain, 1);
  const ours = new Sequential(learnt(simulation, usual), usual);
  const series = Object.keys(ours.state.series).length;
  const intervals: Interval[] = [];
  for (let i = 0; i < 4000; i++) intervals.push(...simulation.step(15, 0.1).filter(isInterval));
  for (const interval of intervals.slice(0, 1000)) ours.look(interval, 1);
  const rounds: number[] = [];
  for (let i = 1000; i < 4000; i += 500) {
    // The processor's time, not the clock's: others may be at work on this machine.
    const before = process.cpuUsage();
    for (const interval of intervals.slice(i, i + 500)) ours.look(interval, 1);
    const { user, system } = process.cpuUsage(before);
    rounds.push((user + system) / 500 / series);
  }
  // The least of some rounds: what other processes take is not the rule's cost.
  const microsecondsPerBound = Math.min(...rounds);
  const bytes = JSON.stringify(ours.state.series['errors']).length;
  const pods = Object.keys(ours.state.series['errors']?.pods ?? {}).length;
  const perPod = bytesOfPods(ours.state.series['errors']);
  return {
    microsecondsPerBound,
    bytesPerMetric: bytes - perPod,
    bytesPerPodSeries: Math.ceil(perPod / pods),
    shareOfCore: (10_000 / 15) * series * microsecondsPerBound * 1e-6,
  };
}

/** What is keyed by pod, in bytes. */
function bytesOfPods(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return Object.entries(value).reduce(
    (sum, [key, inner]) =>
      sum + (key === 'pods' || key === 'without' ? JSON.stringify(inner).length - 2 : bytesOfPods(inner)),
    0,
  );
}
