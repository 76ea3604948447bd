import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { machine } from '../report.ts';
import { chartOf } from './chart.ts';
import { measureCost } from './cost.ts';
import { judged } from './musts.ts';
import { full, rowsOf, short, type Sizes } from './plan.ts';
import type { Played, Unit } from './play-unit.ts';
import { type Cell, cellOf, minutes, percent } from './summary.ts';

/*
 * Canary rules side by side in simulated worlds: how often identical canaries are rolled back, how long worse ones
 * take to be found, what whole rollouts end in. Exits 1 when one of the promises is broken.
 *   scripts/run bench/canary/benchmark.ts [--short] [--only TEXT] [--sizes others=50,kayenta=10] [--minutes 30]
 *     [--json FILE] [--svg FILE] [--onto FILE]
 * With --minutes no work is handed out after that (--short: 3.5): every cell says how many canaries it had.
 * With --onto the cells that are not played now are those of an earlier run's JSON.
 */
const { values: options } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    sizes: { type: 'string', default: '' },
    minutes: { type: 'string' },
    threads: { type: 'string', default: String(cpus().length) },
    json: { type: 'string' },
    svg: { type: 'string' },
    onto: { type: 'string' },
  },
});
const form = options.short ? 'short' : 'full';
/** Minutes after which no more work is handed out: the short form is done in four. */
const mostMinutes = Number(options.minutes ?? (options.short ? 3.5 : Infinity));
const started = performance.now();
const sizes: Sizes = { ...(form === 'short' ? short : full), ...named(options.sizes) };
const rows = rowsOf(sizes);

/** Sizes by name, as in `worse=60,others=12`. */
function named(text: string): Partial<Sizes> {
  const entries = text
    .split(',')
    .filter((part) => part !== '')
    .map((part) => part.split('='));
  for (const [name = '', count] of entries)
    if (!(name in full) || !/^\d+$/.test(count ?? ''))
      throw new Error(`--sizes: expected ${Object.keys(full).join(', ')} with a number each, not ${text}`);
  return Object.fromEntries(entries.map(([name = '', count]) => [name, Number(count)]));
}

/** Seeds of one kind of world in small pieces: the rows of a kind share each seed's history. */
function units(): readonly Unit[] {
  const kinds = new Map<string, number[]>();
  rows.forEach(({ kind, harm, part }, i) => {
    if (!`${part} ${kind.name}, ${harm.name}`.includes(options.only)) return;
    kinds.set(kind.name, [...(kinds.get(kind.name) ?? []), i]);
  });
  const found: Unit[] = [];
  for (const at of kinds.values()) {
    const most = Math.max(...at.map((i) => rows[i]?.runs ?? 0));
    for (let from = 0; from < most;) {
      const to = Math.min(most, from + 4);
      found.push({ rows: at, from, to });
      from = to;
    }
  }
  // All worlds get on evenly, so that a run that is cut short tells of all of them.
  return found.sort((a, b) => a.from - b.from);
}

async function playAll(queue: Unit[]): Promise<readonly Played[]> {
  const played: Played[] = [];
  const all = queue.length;
  await Promise.all(
    Array.from({ length: Number(options.threads) }, async () => {
      const worker = new Worker(new URL('worker.ts', import.meta.url), { workerData: sizes });
      for (let unit = queue.shift(); unit !== undefined; unit = queue.shift()) {
        if (seconds() > 60 * mostMinutes) break;
        const answer = new Promise<readonly Played[]>((resolve, reject) => {
          worker.once('message', resolve);
          worker.once('error', reject);
        });
        worker.postMessage(unit, []);
        for (const one of await answer) played.push(one);
        worker.removeAllListeners('error');
        if (queue.length % 200 === 0)
          console.error(`${queue.length} of ${all} left, ${seconds().toFixed(0)} s`);
      }
      await worker.terminate();
    }),
  );
  return played;
}
const seconds = (): number => (performance.now() - started) / 1000;

function summarised(played: readonly Played[]): readonly Cell[] {
  const groups = new Map<string, Played[]>();
  for (const one of played) {
    const key = `${one.row}\n${one.rule}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [one]);
    else group.push(one);
  }
  return rows.flatMap((row, i) =>
    [...groups]
      .filter(([key]) => key.startsWith(`${i}\n`))
      .map(([, group]) => cellOf(row, group[0]?.rule ?? '', group)),
  );
}

function print(cells: readonly Cell[]): void {
  const titles = {
    A: 'A. The rule alone: a tenth of the traffic, an hour',
    B: 'B. Whole rollouts, cut at three hours',
    bake: 'Whole rollouts with a bake of 30 minutes',
    'low-profile': 'Whole rollouts with the low-traffic profile',
    margin: 'Promotion evidence exactly at the margin, looked at for three hours',
  } as const;
  for (const [part, title] of Object.entries(titles)) {
    console.log(`\n${title}`);
    let before = '';
    for (const cell of cells.filter((one) => one.part === part)) {
      const world = `${cell.world}; ${cell.harm}`;
      if (world !== before) console.log(`  ${world}`);
      before = world;
      console.log(
        `    ${cell.rule.padEnd(26)} back ${percent(cell.rollback).padEnd(24)} ${minutes(cell.medianRollback).padEnd(28)}` +
          ` promoted ${percent(cell.promote).padEnd(24)} ${minutes(cell.medianPromote).padEnd(28)} harmed ${cell.harmed.toFixed(0)}`,
      );
    }
  }
}

/** What was played now, in the place of what an earlier run says of the same world, harm and rule. */
function onto(now: readonly Cell[], file: string | undefined): readonly Cell[] {
  if (file === undefined) return now;
  const earlier = (JSON.parse(readFileSync(file, 'utf8')) as { readonly cells: readonly Cell[] }).cells;
  const keyOf = ({ part, world, harm, rule }: Cell): string => [part, world, harm, rule].join('\n');
  const played = new Map(now.map((cell) => [keyOf(cell), cell]));
  const kept = earlier.map((cell) => played.get(keyOf(cell)) ?? cell);
  const known = new Set(earlier.map(keyOf));
  return [...kept, ...now.filter((cell) => !known.has(keyOf(cell)))];
}

const cells = onto(summarised(await playAll([...units()])), options.onto);
print(cells);
const musts = judged(cells);
console.log('\nPromises');
for (const { name, verdict, found } of musts) console.log(`  ${verdict.padEnd(6)} ${name}: ${found}`);
const cost = measureCost();
console.log(
  `\nCost: ${cost.microsecondsPerBound.toFixed(1)} µs a bound and scrape; state ${cost.bytesPerMetric} bytes a metric` +
    ` and ${cost.bytesPerPodSeries} a pod series; 10,000 analyses at 15 s: ${(100 * cost.shareOfCore).toFixed(0)} % of a core`,
);
const report = {
  benchmark: 'canary rules in simulated worlds',
  form,
  sizes,
  seconds: Math.round(seconds()),
  machine: machine(),
  cost,
  musts,
  cells,
};
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(report, null, 1)}\n`);
if (options.svg !== undefined) writeFileSync(options.svg, chartOf(cells));
console.log(`${form} form in ${seconds().toFixed(0)} s`);
// The full form must be able to tell; the short one has too few canaries for some promises.
process.exitCode = musts.every(
  ({ verdict }) => verdict === 'kept' || (verdict === 'open' && form === 'short'),
)
  ? 0
  : 1;
