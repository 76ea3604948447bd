import { bounded, ourName, type Part } from './plan.ts';
import type { Cell } from './summary.ts';
import { harms, kinds } from './worlds.ts';

/** One promise, and whether what was measured keeps it. */
export interface Must {
  readonly name: string;
  readonly kept: boolean;
  readonly found: string;
}

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
 * The promises, judged. The full form demands that the interval's far end keeps them; the short form, with too few
 * canaries for that, fails only where the near end breaks them, so that chance alone does not.
 */
export function judged(cells: readonly Cell[], form: 'full' | 'short'): readonly Must[] {
  const musts: Must[] = [];
  const rate = (name: string, cell: Cell | undefined, of: 'rollback' | 'promote', most: number): void => {
    if (cell === undefined) return;
    const { share, interval, count } = cell[of];
    const bound = form === 'full' ? interval[1] : interval[0];
    musts.push({
      name: `${name} ≤ ${100 * most} %`,
      kept: most === 0 ? count === 0 : bound <= most,
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
  return [...musts, ...times(cells, form), ...promotions(cells, form), ...outlooks(cells, form)];
}

function times(cells: readonly Cell[], form: 'full' | 'short'): readonly Must[] {
  return medians.flatMap(([world, harm, most]) => {
    const cell = find(cells, 'A', world, harm);
    if (cell === undefined) return [];
    const { minutes, interval } = cell.medianRollback;
    const found = form === 'full' ? minutes : interval[0];
    return [
      {
        name: `median to detect, ${world}, ${harm} ≤ ${most} min`,
        kept: found !== null && found <= most,
        found: `${minutes?.toFixed(2) ?? 'not half of them'} min of ${cell.runs}`,
      },
    ];
  });
}

function promotions(cells: readonly Cell[], form: 'full' | 'short'): readonly Must[] {
  const found: Must[] = [kinds.plain.name, kinds.clean.name].flatMap((world) => {
    const cell = find(cells, 'B', world, harms.none.name);
    if (cell === undefined) return [];
    const { promote, medianPromote } = cell;
    const isEnough = form === 'full' ? promote.share >= 0.99 : promote.interval[1] >= 0.99;
    const median = form === 'full' ? medianPromote.minutes : medianPromote.interval[0];
    return [
      {
        name: `identical canaries promoted, ${world} ≥ 99 %, median ≤ 10 min`,
        kept: isEnough && median !== null && median <= 10,
        found: `${(100 * promote.share).toFixed(1)} %, ${medianPromote.minutes?.toFixed(2) ?? '–'} min`,
      },
    ];
  });
  const low = find(cells, 'low-profile', kinds.low.name, harms.none.name);
  if (low === undefined) return found;
  return [
    ...found,
    {
      name: 'low-traffic profile: good canaries promoted, median ≤ 60 min, ≥ 80 %',
      kept: low.promote.interval[1] >= 0.8 && (low.medianPromote.minutes ?? Infinity) <= 60,
      found: `${(100 * low.promote.share).toFixed(1)} %, ${low.medianPromote.minutes?.toFixed(2) ?? '–'} min`,
    },
  ];
}

function outlooks(cells: readonly Cell[], form: 'full' | 'short'): readonly Must[] {
  return [kinds.plain, kinds.clean, kinds.clusters, kinds.pods].flatMap((kind) => {
    const cell = find(cells, 'A', kind.name, harms.none.name);
    if (cell?.outlook === null || cell === undefined) return [];
    const { share, interval, of } = cell.outlook;
    return [
      {
        name: `outlook's nine of ten cover, ${kind.name} ≥ 85 %`,
        kept: (form === 'full' ? share : interval[1]) >= 0.85,
        found: `${(100 * share).toFixed(1)} % of ${of}`,
      },
    ];
  });
}
