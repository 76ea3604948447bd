import { argoDocumented, argoTight, flaggerDocumented, flaggerTight, peeking } from './threshold-tools.ts';
import { kayentaDocumented, kayentaQuick } from './kayenta.ts';
import type { Tool } from './tool.ts';
import { type Harm, harms, heldOut, type Kind, kinds } from './worlds.ts';

/** What is done with a world: the rule alone (A), a whole rollout (B), or one of the two with other terms. */
export type Part = 'A' | 'B' | 'bake' | 'low-profile' | 'margin';

/** One row of a table: a kind of world, a harm, and how many canaries each sort of rule gets. */
export interface Row {
  readonly part: Part;
  readonly kind: Kind;
  readonly harm: Harm;
  readonly runs: number;
  /** Runs for the other tools; 0 where only ours is asked. */
  readonly others: number;
}

export const ourName = 'Belay';

export const watchers: readonly Tool[] = [
  argoDocumented(false),
  argoTight,
  flaggerDocumented,
  flaggerTight,
  peeking,
  kayentaQuick(true),
  kayentaDocumented(true),
];
export const rollouts: readonly Tool[] = [
  argoDocumented(true),
  argoTight,
  flaggerDocumented,
  flaggerTight,
  kayentaQuick(false),
  kayentaDocumented(false),
];
export const isKayenta = (tool: Tool): boolean => tool.name.startsWith('Kayenta');

export interface Sizes {
  readonly identical: number;
  readonly worse: number;
  readonly others: number;
  readonly kayenta: number;
  /** Scrapes a second apart cost fifteen times as much. */
  readonly everySecond: number;
}
export const full: Sizes = { identical: 5000, worse: 500, others: 500, kayenta: 100, everySecond: 700 };
export const short: Sizes = { identical: 500, worse: 60, others: 20, kayenta: 5, everySecond: 0 };

const everySecond = (kind: Kind): Kind => ({ ...kind, name: `${kind.name}, 1 s scrapes`, scrape: 1 });

/** Worlds in which identical canaries must be left alone. */
export const bounded: readonly Kind[] = [
  kinds.plain,
  kinds.clean,
  kinds.low,
  kinds.diurnal,
  kinds.incident,
  kinds.clusters,
  kinds.pods,
  kinds.restarts,
];
const others: readonly Kind[] = [
  kinds.sticky,
  kinds.drift,
  kinds.noHistory,
  kinds.noHistoryClusters,
  kinds.armOnly,
  kinds.armOnlyClusters,
  kinds.armOnlyPods,
  kinds.unsynchronised,
];

/** Harm by kind of world, as in the two tables. */
const worse: readonly (readonly [Kind, readonly Harm[]])[] = [
  [
    kinds.plain,
    [
      harms.half,
      harms.one,
      harms.five,
      harms.fifty,
      harms.slower10,
      harms.slower50,
      harms.slower2x,
      harms.leak,
      harms.late,
    ],
  ],
  [kinds.clean, [harms.half, harms.one]],
  [kinds.low, [harms.five, harms.fifty]],
  [kinds.clusters, [harms.half, harms.one, harms.five]],
  [kinds.incident, [harms.one]],
  [kinds.diurnal, [harms.one]],
  [kinds.pods, [harms.half, harms.one]],
  [kinds.restarts, [harms.one]],
  [kinds.unsynchronised, [harms.one]],
  [kinds.noHistory, [harms.half, harms.one, harms.five]],
  [kinds.armOnly, [harms.half, harms.one, harms.five]],
  [kinds.armOnlyClusters, [harms.one]],
];

export function rowsOf(sizes: Sizes): readonly Row[] {
  const row = (part: Part, kind: Kind, harm: Harm, runs: number, others: number): Row => ({
    part,
    kind,
    harm,
    runs,
    others,
  });
  const { identical, worse: some, others: other } = sizes;
  const both = (kind: Kind, harm: Harm, runs: number): readonly Row[] => [
    row('A', kind, harm, runs, other),
    row('B', kind, harm, runs, other),
  ];
  const isShort = sizes.everySecond === 0;
  const rows: Row[] = [
    ...[...bounded, ...others].flatMap((kind) => [
      row('A', kind, harms.none, identical, other),
      row('B', kind, harms.none, Math.min(identical, 2 * some), other),
    ]),
    ...both(kinds.plain, harms.silent, some),
    row('A', kinds.plain, harms.shared, some, 0),
    row('B', kinds.plain, harms.shared, some, 0),
    ...worse.flatMap(([kind, found]) => found.flatMap((harm) => both(kind, harm, some))),
    row('bake', kinds.plain, harms.late, some, 0),
    row('low-profile', kinds.low, harms.none, 2 * some, 0),
    row('low-profile', kinds.low, harms.five, some, 0),
    row('low-profile', kinds.low, harms.fifty, some, 0),
    ...[kinds.plain, kinds.clusters, kinds.clean].map((kind) =>
      row('margin', kind, harms.half, isShort ? 2 * some : 2000, 0),
    ),
  ];
  if (isShort) return rows;
  return [
    ...rows,
    ...heldOut.flatMap((kind) => [
      row('A', kind, harms.none, 2 * some, 0),
      row('B', kind, harms.none, some, 0),
    ]),
    ...bounded.map((kind) => row('A', everySecond(kind), harms.none, sizes.everySecond, 0)),
    // So near to what it is allowed that the bound is told apart from it only by more canaries.
    row('A', everySecond(kinds.sticky), harms.none, identical, 0),
  ];
}
