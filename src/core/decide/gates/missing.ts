import { type Comparing, lackingOf, type Outlook, outlookAt } from '../../analysis/judgement.ts';
import { type MetricProfile, seriesOf } from '../../analysis/profile.ts';
import { nextWeight } from '../../analysis/rollout.ts';
import type { GateOf } from '../../model/gate.ts';
import type { Comparison, Needed, Reason, Standing } from '../../model/reason.ts';

/** Margins (0 to 1) that a service with a request a second can show within the hour. */
const lowTraffic: Readonly<Record<string, number>> = { errors: 0.03, slow: 0.06 };

/** An analysis with the gate and the rollout's steps (percent, rising) that it is of. */
export interface Told extends Comparing {
  readonly gate: GateOf<'metric'>;
  readonly steps: readonly number[];
}

type Missing = Extract<Reason, { code: 'learning' }>['missing'];

/** What is missing here, what comes after, and a way out where it would take longer than the gate holds. */
export function missingOf(
  told: Told,
  { series, margin: own }: Comparison,
  { requests, seconds }: Outlook,
): Missing {
  const { gate, next, state } = told;
  const ms = inMs(seconds);
  const margin = lowTraffic[series.split(':')[0] ?? ''] ?? 0;
  const wide =
    own !== null && own < margin
      ? outlookAt(told, series, { weight: state.stage?.weight ?? next, next, margin })
      : null;
  const wideMs = inMs(wide?.seconds ?? null);
  return {
    requests: [...requests],
    ms,
    next: laterOf(told, series),
    tooLong:
      ms !== null && ms[0] > gate.maxHold
        ? { holdMs: gate.maxHold, wider: wideMs === null ? null : { margin, ms: wideMs } }
        : null,
  };
}

/** What a metric lacks by itself here, and will then lack at the next weight. */
export function standingOf(told: Told, one: MetricProfile): Standing {
  const lacking = lackingOf(told, one);
  if (typeof lacking === 'string') return lacking;
  const { requests, seconds } = lacking;
  return { requests: [...requests], ms: inMs(seconds), next: laterOf(told, seriesOf(one.metric)) };
}

/** What a series needs at the next weight, from the beginning; null where that is full traffic. */
function laterOf(told: Told, series: string): Needed['next'] {
  const { next, steps } = told;
  if (next >= 1) return null;
  const later = outlookAt(told, series, { weight: next, next: nextWeight(steps, next) });
  return {
    weight: Math.round(100 * next),
    requests: later === null ? null : [...later.requests],
    ms: inMs(later?.seconds ?? null),
  };
}

const inMs = (seconds: Outlook['seconds']): [number, number] | null =>
  seconds === null ? null : [seconds[0] * 1000, seconds[1] * 1000];
