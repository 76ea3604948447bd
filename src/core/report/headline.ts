import type { Wait } from '../model/decision.ts';
import type { ReasonCode } from '../model/reason.ts';
import { unreachable } from '../model/result.ts';
import type { Promotion, SlotState } from '../model/state.ts';
import { formatDuration } from '../model/time-format.ts';
import type { Millis } from '../model/time.ts';
import { sentenceOf } from './sentences.ts';

const personHolds: readonly ReasonCode[] = [
  'paused',
  'frozen',
  'hold-expired',
  'source-away',
  'stable-degraded',
  'rollback-impossible',
];

/** Whether a person, or a freeze, keeps it where it is. */
export const isHeldByPerson = (waits: readonly Wait[]): boolean =>
  waits.some((wait) => personHolds.includes(wait.reason.code));

/** A release's share of traffic as last read back; null where nothing was ever seen. */
export function weightSeen(slot: SlotState, release: string): number | null {
  if (slot.observed === null) return null;
  return slot.observed.weights.find((w) => w.release === release)?.weight ?? 0;
}

/** Who or what must act on a wait, and how. */
export function actorOf(wait: Wait): string {
  switch (wait.owner) {
    case 'approver':
      return `an approver must act: ${wait.how}`;
    case 'requester':
      return `whoever asked for it must act: ${wait.how}`;
    case 'operator':
      return `an operator must act: ${wait.how}`;
    case 'ci':
      return `CI must act: ${wait.how}`;
    case 'traffic':
      return `it needs requests: ${wait.how}`;
    case 'environment':
      return `the environment must answer: ${wait.how}`;
    case 'time':
      return 'nobody has to act';
    default:
      return unreachable(wait.owner);
  }
}

/** What a promotion is doing, with its place and share. */
export function doingOf(slot: SlotState, promotion: Promotion, waits: readonly Wait[]): string {
  const { environment } = slot.key;
  const weight = weightSeen(slot, promotion.release) ?? 0;
  switch (promotion.state) {
    case 'waiting':
      return promotion.mode === 'rollback'
        ? `has waited to come back in ${environment}`
        : `has waited before ${environment}`;
    case 'rolling-out':
      if (isHeldByPerson(waits)) return `has been held at ${weight} % in ${environment}`;
      return promotion.step < 0
        ? `has been getting ready in ${environment}`
        : `has been at ${weight} % in ${environment}`;
    case 'observing':
      return isHeldByPerson(waits)
        ? `has been held at full traffic in ${environment}`
        : `has been observed at full traffic in ${environment}`;
    case 'rolling-back':
      return `has been going back in ${environment}`;
    case 'promoted':
    case 'rolled-back':
    case 'refused':
    case 'aborted':
    case 'superseded':
      return `has been ${promotion.state} in ${environment}`;
    default:
      return unreachable(promotion.state);
  }
}

/** One sentence: what it does and for how long, what it waits for, who must act, what comes then, what if nobody does. */
export function headlineOf(
  doing: string,
  promotion: Promotion,
  first: Wait | undefined,
  next: string,
  now: Millis,
): string {
  if (first === undefined) {
    const turned =
      promotion.turnedBack === null ? '' : `, because ${sentenceOf(promotion.turnedBack.reason)}`;
    return `${promotion.release} ${doing} ${lasting(now - promotion.since)}${turned}: nothing is in its way; ${next}`;
  }
  const why = promotion.turnedBack === null ? '' : ` because ${sentenceOf(promotion.turnedBack.reason)}`;
  const silence = needsSomebody(first) ? `; if nobody does, ${first.ifNothing}` : '';
  return `${promotion.release} ${doing} ${lasting(now - first.since)}${why}: ${sentenceOf(first.reason)}; ${actorOf(first)}; ${next}${silence}`;
}

const needsSomebody = (wait: Wait): boolean =>
  wait.owner === 'approver' || wait.owner === 'operator' || wait.owner === 'ci' || wait.owner === 'requester';

const lasting = (ms: number): string => (ms < 1000 ? 'for less than 1 s' : `for ${formatDuration(ms)}`);

/** What happens next and when, as far as it is known: `in 4 s it goes to 30 %`, `then it is promoted`. */
export function nextOf(promotion: Promotion, waits: readonly Wait[], now: Millis): string {
  const [first, ...others] = waits;
  const when = first === undefined ? 'now' : whenOf(first, now);
  const more =
    others.length === 0
      ? ''
      : `, once ${others.length === 1 ? 'one other condition is' : `${others.length} other conditions are`} met,`;
  return `${when}${more} ${effectOf(promotion)}`;
}

function whenOf(wait: Wait, now: Millis): string {
  if ('missing' in wait.reason && wait.reason.missing.ms !== null)
    return `in about ${formatDuration(wait.reason.missing.ms[0])}`;
  if (wait.owner === 'time' && wait.nextCheck !== null && wait.nextCheck > now)
    return `in ${formatDuration(wait.nextCheck - now)}`;
  return 'then';
}

function effectOf(promotion: Promotion): string {
  const steps = promotion.plan?.document.steps ?? [];
  switch (promotion.state) {
    case 'waiting':
      return steps[0] === undefined ? 'its plan is made and its gates are asked' : shareOf(steps[0]);
    case 'rolling-out': {
      const step =
        promotion.stepReachedAt === null && promotion.step >= 0 ? promotion.step : promotion.step + 1;
      const weight = steps[step];
      return weight === undefined ? 'it is observed at full traffic' : shareOf(weight);
    }
    case 'observing':
      return 'it is promoted';
    case 'rolling-back':
      return `its processes end and it is ${turnedEnds[promotion.turnedBack?.endsAs ?? 'rolled-back']}`;
    case 'promoted':
    case 'rolled-back':
    case 'refused':
    case 'aborted':
    case 'superseded':
      return 'nothing';
    default:
      return unreachable(promotion.state);
  }
}

const turnedEnds = { 'rolled-back': 'rolled back', refused: 'refused', aborted: 'aborted' } as const;

const shareOf = (weight: number): string =>
  weight === 100 ? 'it gets all traffic' : `it gets ${weight} % of the traffic`;
