import { bounded, ourName, type Part } from './plan.ts';
import type { Cell } from './summary.ts';
import { harms, kinds } from './worlds.ts';

/** One promise, and whether what was measured keeps it, breaks it, or leaves it open: too few canaries to tell. */
export interface Must {
  readonly name: string;
  readonly verdict: 'kept' | 'broken' | 'open';
  readonly found: string;
}
/** By the near and the far end of the interval, or the value where the promise is about that. */
const verdictOf = (isKept: boolean, isPossible: boolean): Must['verdict'] =>
  isKept ? 'kept' : isPossible ? 'open' : 'broken';

const find = (cells: readonly Cell[], part: Part, world: string, harm: string): Cell | undefined =>
  cells.find(
    (cell) => cell.rule === ourName && cell.part === part && cell.world === world && cell.harm === harm,
  );

/** Median minutes to detect at a tenth of the traffic, at most. */
const medians: readonly (readonly [world: string, harm: string, most: number])[] = [
  [kinds.plain.name, harms.half.name, 12],
  [kinds.plain.name, harms.one.name, 4],
  [kinds.plain.name, harms.five.name, 1.25],
  [kinds.plain.name, harms.fifty.name, 1],
  [kinds.plain.name, harms.slower10.name, 13],
  [kinds.plain.name, harms.slower50.name, 1.25],
  [kinds.plain.name, harms.slower2x.name, 1.25],
  [kinds.plain.name, harms.leak.name, 9],
  [kinds.low.name, harms.fifty.name, 3],
];

/**
 * The promises, judged. A rate is kept when the far end of its interval keeps it, and broken when the near end breaks
 * it, which chance alone does in one of forty. A median is kept by its value.
 */
export function judged(cells: readonly Cell[]): readonly Must[] {
  const musts: Must[] = [];
  const rate = (name: string, cell: Cell | undefined, of: 'rollback' | 'promote', most: number): void => {
    if (cell === undefined) return;
    const { share, interval, count } = cell[of];
    musts.push({
      name: `${name} ≤ ${100 * most} %`,
      verdict:
        most === 0 ? verdictOf(count === 0, false) : verdictOf(interval[1] <= most, interval[0] <= most),
      found: `${(100 * share).toFixed(2)} % of ${cell.runs}, upper bound ${(100 * interval[1]).toFixed(2)} %`,
    });
  };
  for (const kind of bounded) {
    rate(`false rollbacks, ${kind.name}`, find(cells, 'A', kind.name, harms.none.name), 'rollback', 0.01);
    const quick = `${kind.name}, 1 s scrapes`;
    rate(`false rollbacks, ${quick}`, find(cells, 'A', quick, harms.none.name), 'rollback', 0.01);
  }
  for (const world of [kinds.sticky.name, `${kinds.sticky.name}, 1 s scrapes`])
    rate(`false rollbacks, ${world}`, find(cells, 'A', world, harms.none.name), 'rollback', 0.02);
  for (const part of ['A', 'B'] as const) {
    const silent = find(cells, part, kinds.plain.name, harms.silent.name);
    rate(`rollbacks without traffic (${part})`, silent, 'rollback', 0);
    rate(`promotions without traffic (${part})`, silent, 'promote', 0);
  }
  for (const world of [kinds.plain.name, kinds.clusters.name, kinds.clean.name])
    rate(
      `false promotions at the margin, ${world}`,
      find(cells, 'margin', world, harms.half.name),
      'promote',
      0.05,
    );
  return [...musts, ...times(cells), ...promotions(cells), ...outlooks(cells)];
}

function times(cells: readonly Cell[]): readonly Must[] {
  return medians.flatMap(([world, harm, most]) => {
    const cell = find(cells, 'A', world, harm);
    if (cell === undefined) return [];
    const { minutes, interval } = cell.medianRollback;
    const near = interval[0];
    return [
      {
        name: `median to detect, ${world}, ${harm} ≤ ${most} min`,
        verdict: verdictOf(minutes !== null && minutes <= most, near !== null && near <= most),
        found: `${minutes?.toFixed(2) ?? 'not half of them'} min of ${cell.runs}`,
      },
    ];
  });
}

function promotions(cells: readonly Cell[]): readonly Must[] {
  const found: Must[] = [kinds.plain.name, kinds.clean.name].flatMap((world) => {
    const cell = find(cells, 'B', world, harms.none.name);
    if (cell === undefined) return [];
    const { promote, medianPromote } = cell;
    const [median, near] = [medianPromote.minutes ?? Infinity, medianPromote.interval[0] ?? Infinity];
    return [
      {
        name: `identical canaries promoted, ${world} ≥ 99 %, median ≤ 10 min`,
        verdict: verdictOf(promote.share >= 0.99 && median <= 10, promote.interval[1] >= 0.99 && near <= 10),
        found: `${(100 * promote.share).toFixed(1)} %, ${medianPromote.minutes?.toFixed(2) ?? '–'} min`,
      },
    ];
  });
  const low = find(cells, 'low-profile', kinds.low.name, harms.none.name);
  if (low === undefined) return found;
  const within = low.promotedWithinHour;
  return [
    ...found,
    {
      name: 'low-traffic profile: good canaries promoted within 60 min ≥ 80 %',
      verdict: verdictOf(within.share >= 0.8, within.interval[1] >= 0.8),
      found: `${(100 * within.share).toFixed(1)} % of ${within.of}, median ${low.medianPromote.minutes?.toFixed(2) ?? '–'} min`,
    },
  ];
}

function outlooks(cells: readonly Cell[]): readonly Must[] {
  return [kinds.plain, kinds.clean, kinds.clusters, kinds.pods].flatMap((kind) => {
    const cell = find(cells, 'A', kind.name, harms.none.name);
    if (cell?.outlook === null || cell === undefined) return [];
    const { share, interval, of } = cell.outlook;
    return [
      {
        name: `outlook's nine of ten cover, ${kind.name} ≥ 85 %`,
        verdict: verdictOf(share >= 0.85, interval[1] >= 0.85),
        found: `${(100 * share).toFixed(1)} % of ${of}`,
      },
    ];
  });
}
