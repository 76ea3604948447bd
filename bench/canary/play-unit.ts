import { errorsAlone, learnt, lowTraffic, usual } from './sequential.ts';
import { everShown, type Foretold, type Outcome, rollOut, rollOutWith, watch } from './play.ts';
import { isKayenta, ourName, type Row, rollouts, type Sizes, watchers } from './plan.ts';
import { Simulation } from './simulation.ts';

/** Canaries with these seeds in one kind of world: the rows share each history. */
export interface Unit {
  readonly rows: readonly number[];
  readonly from: number;
  readonly to: number;
}

/** One canary's end under one rule: which row, which rule. */
export interface Played {
  readonly row: number;
  readonly rule: string;
  readonly seed: number;
  readonly outcome: Outcome;
  readonly foretold?: Foretold;
}

const baked = { ...usual, bake: 30 * 60 };

export function playUnit(all: readonly Row[], unit: Unit, sizes: Sizes): readonly Played[] {
  const played: Played[] = [];
  const first = all[unit.rows[0] ?? 0];
  if (first === undefined) return played;
  for (let seed = unit.from; seed < unit.to; seed++) {
    const before = new Simulation(first.kind, seed);
    const history = learnt(before, usual);
    for (const at of unit.rows) {
      const row = all[at];
      if (row === undefined || seed >= Math.max(row.runs, row.others)) continue;
      played.push(...playRow(row, seed, sizes, before, history).map((one) => ({ ...one, row: at, seed })));
    }
  }
  return played;
}

function playRow(
  row: Row,
  seed: number,
  sizes: Sizes,
  before: Simulation,
  history: ReturnType<typeof learnt>,
): readonly Omit<Played, 'row' | 'seed'>[] {
  const world = before.with(row.harm);
  const isTried = (tool: (typeof watchers)[number]): boolean =>
    seed < (isKayenta(tool) ? Math.min(sizes.kayenta, row.others) : row.others);
  switch (row.part) {
    case 'A': {
      const tools = watchers.filter(isTried);
      const { outcomes, foretold } = watch(world, history, usual, tools);
      return outcomes.map((outcome, i) => ({
        rule: i === 0 ? ourName : (tools[i - 1]?.name ?? ''),
        outcome,
        ...(i === 0 && foretold !== null ? { foretold } : {}),
      }));
    }
    case 'B':
      return [
        { rule: ourName, outcome: rollOut(world, history, usual) },
        ...rollouts.filter(isTried).map((tool) => ({
          rule: tool.name,
          outcome: rollOutWith(row.kind, seed, row.harm, tool),
        })),
      ];
    case 'bake':
      return [{ rule: ourName, outcome: rollOut(world, history, baked) }];
    case 'low-profile':
      return [{ rule: ourName, outcome: rollOut(world, history, lowTraffic) }];
    case 'margin': {
      const own = new Simulation(row.kind, seed);
      const errors = learnt(own, errorsAlone);
      return [{ rule: ourName, outcome: everShown(own.with(row.harm), errors, errorsAlone) }];
    }
    default:
      throw new Error('a row of an unknown part');
  }
}
