import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { ln } from '../src/core/analysis/sequential/elementary.ts';
import { profileOf } from '../src/core/analysis/sequential/profile.ts';
import { proportionBounds } from '../src/core/analysis/sequential/proportion.ts';
import { addRound, beginRollout } from '../src/core/analysis/sequential/rollout.ts';
import type { RolloutState } from '../src/core/model/analysis-state.ts';
import { AnalysisProfile } from '../src/core/model/gate.ts';
import { rankTest, type Rule, sequential, thresholdCounting } from './analysis-rules.ts';
import { scrapeSeconds, Simulation, type World, worlds } from './analysis-worlds.ts';
import { machine, percentile } from './report.ts';

/*
 * How often identical canaries are rolled back, how often worse ones are promoted, and how long a decision takes:
 * one canary pod with a tenth of the traffic beside nine stable pods for an hour, scraped every 15 s.
 *   scripts/run bench/analysis.ts [--runs 200] [--only TEXT] [--history MINUTES] [--json FILE]
 */

const { values: options } = parseArgs({
  options: {
    runs: { type: 'string', default: '200' },
    only: { type: 'string', default: '' },
    history: { type: 'string', default: '180' },
    minutes: { type: 'string', default: '60' },
    json: { type: 'string' },
  },
});
const runs = Number(options.runs);
const historySeconds = Number(options.history) * 60;
const seconds = Number(options.minutes) * 60;
const weight = 0.1;
const profile = profileOf(AnalysisProfile.parse({}));

const names = [
  'sequential',
  'threshold, 4 failures (model)',
  'threshold, 10 failures (model)',
  'rank test, 15 min (model)',
] as const;
const rulesFor = (history: RolloutState): readonly Rule[] => [
  sequential(history, profile),
  thresholdCounting(4, 40),
  thresholdCounting(10, 10),
  rankTest(),
];

interface Outcome {
  readonly rollback: number | null;
  readonly promote: number | null;
}

function play(world: World, seed: number): readonly Outcome[] {
  const simulation = new Simulation(world, seed);
  let history = beginRollout(profile, ['slow:100', 'slow:250', 'slow:500']);
  for (let t = -historySeconds; t <= 0; t += scrapeSeconds)
    history = addRound(history, simulation.interval(t, 0), profile, 1);
  const outcomes = names.map((): { rollback: number | null; promote: number | null } => ({
    rollback: null,
    promote: null,
  }));
  const rules = rulesFor(history);
  for (let t = scrapeSeconds; t <= seconds; t += scrapeSeconds) {
    const interval = simulation.interval(t, weight);
    rules.forEach((rule, i) => {
      const outcome = outcomes[i];
      // Detection goes on after a promotion, as where the canary stays; the first answer of each kind counts.
      if (outcome === undefined || outcome.rollback !== null) return;
      const answer = rule(interval);
      if (answer === 'rollback') outcome.rollback = t;
      else if (answer === 'promote') outcome.promote ??= t;
    });
  }
  return outcomes;
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
const median = (values: readonly number[]): number | null =>
  values.length === 0 ? null : percentile(values, 0.5) / 60;

const results = worlds
  .filter(({ name }) => name.includes(options.only))
  .map((world) => {
    const played = Array.from({ length: runs }, (_, seed) => play(world, seed + 1));
    return {
      world: world.name,
      rules: names.map((rule, i) => {
        const outcomes = played.flatMap((run) => run[i] ?? []);
        const back = outcomes.filter(({ rollback }) => rollback !== null).length;
        const promoted = outcomes.filter(
          ({ rollback, promote }) => promote !== null && (rollback === null || promote < rollback),
        ).length;
        return {
          rule,
          rollback: back / runs,
          rollbackBounds: proportionBounds(back, runs, 0.05),
          promoted: promoted / runs,
          medianRollbackMinutes: median(outcomes.flatMap(({ rollback }) => rollback ?? [])),
          medianPromotionMinutes: median(outcomes.flatMap(({ promote }) => promote ?? [])),
        };
      }),
    };
  });

for (const { world, rules } of results) {
  console.log(world);
  for (const one of rules) {
    const minutes = (value: number | null): string => (value === null ? '-' : `${value.toFixed(2)} min`);
    console.log(
      `  ${one.rule.padEnd(32)} rolled back ${percent(one.rollback).padStart(7)} ${minutes(one.medianRollbackMinutes).padStart(10)}` +
        `   promoted first ${percent(one.promoted).padStart(7)} ${minutes(one.medianPromotionMinutes).padStart(10)}`,
    );
  }
}

/** Microseconds for one scrape of one series (four are watched), decision included. */
function cost(): number {
  const simulation = new Simulation(worlds[0] as World, 1);
  const rule = sequential(beginRollout(profile, ['slow:100', 'slow:250', 'slow:500']), profile);
  const intervals = Array.from({ length: 2000 }, (_, i) =>
    simulation.interval((i + 1) * scrapeSeconds, weight),
  );
  for (const interval of intervals.slice(0, 500)) rule(interval);
  const before = performance.now();
  for (const interval of intervals.slice(500)) rule(interval);
  return ((performance.now() - before) * 1000) / 1500 / 4;
}
const report = {
  benchmark: 'canary analysis',
  runs,
  settings: { alpha: profile.alpha, beta: profile.beta, threshold: ln(1 / profile.alpha) },
  historyMinutes: historySeconds / 60,
  results,
  microsecondsPerSeriesAndScrape: cost(),
  machine: machine(),
};
console.log(
  `cost: ${report.microsecondsPerSeriesAndScrape.toFixed(1)} µs per series and scrape, ${runs} runs a world`,
);
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`);
