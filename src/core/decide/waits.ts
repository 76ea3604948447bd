import type { Wait } from '../model/decision.ts';
import type { Reason } from '../model/reason.ts';
import type { Promotion } from '../model/state.ts';
import type { Millis } from '../model/time.ts';
import { isForWantOfTraffic } from './gates/waiver.ts';
import type { Unmet } from './view.ts';

interface Ownership {
  readonly owner: Wait['owner'];
  readonly how: string;
  readonly ifNothing: string;
}

const stays = 'it stays where it is';
const asks = 'a person is asked when the gate’s hold is over';

function someTraffic(promotion: Promotion, { gate }: Unmet): Ownership {
  const way = gate === null ? '' : `, or ${waive(promotion, gate)}`;
  return { owner: 'traffic', how: `send requests to the service${way}`, ifNothing: asks };
}

/** Where it would take longer than the gate holds, a person need not wait for the end of that. */
function moreTraffic(promotion: Promotion, { reason, gate }: Unmet): Ownership {
  const tooLong = 'missing' in reason && reason.missing.tooLong !== null && gate !== null;
  const way = tooLong ? `, or ${waive(promotion, gate)}` : '';
  return { owner: 'traffic', how: `wait for more requests${way}`, ifNothing: asks };
}

/** A gate that could not tell for too long. What lacked traffic, or its source, a person may go past. */
function askedAPerson(promotion: Promotion, { reason }: Unmet): Ownership {
  const { id, gates } = promotion;
  const gate = reason.code === 'hold-expired' || reason.code === 'source-away' ? reason.gate : '';
  const said = Object.hasOwn(gates, gate) ? gates[gate]?.reason : undefined;
  const may = said !== undefined && (isForWantOfTraffic(said) || said.code === 'source-unreadable');
  const how = `belay resume ${id} to wait on, belay abort ${id} to go back`;
  return { owner: 'operator', how: may ? `${how}, ${waive(promotion, gate)}` : how, ifNothing: stays };
}

const waive = ({ id }: Promotion, gate: string): string =>
  `belay waive ${id} --gate ${gate} -m WHY to leave this weight without an answer`;

/** Who can end each kind of wait, how, and what happens if nobody does. Every code has an answer, by its type. */
const ownership: Readonly<
  Record<Reason['code'], Ownership | ((promotion: Promotion, condition: Unmet) => Ownership)>
> = {
  'release-open': {
    owner: 'ci',
    how: 'CI seals the release: belay release seal',
    ifNothing: 'no traffic is shifted',
  },
  'upstream-missing': {
    owner: 'requester',
    how: 'promote the release in that stage first',
    ifNothing: stays,
  },
  behind: {
    owner: 'time',
    how: 'wait for the promotion ahead, or abort it',
    ifNothing: 'it starts when that one ends',
  },
  'superseded-by': { owner: 'requester', how: 'ask for the promotion again', ifNothing: stays },
  'already-stable': { owner: 'requester', how: 'nothing to do', ifNothing: stays },
  quarantined: { owner: 'operator', how: 'promote with --lift-quarantine and a reason', ifNothing: stays },
  'stage-unknown': { owner: 'operator', how: 'apply a pipeline that has the stage', ifNothing: stays },
  'environment-unknown': { owner: 'operator', how: 'apply the environment', ifNothing: stays },
  'plan-missing': { owner: 'time', how: 'the plan is made in the next turn', ifNothing: stays },
  'signature-missing': {
    owner: 'ci',
    how: 'attach a statement signed by a trusted identity: belay release attach',
    ifNothing: 'no traffic is shifted',
  },
  'signature-untrusted': {
    owner: 'ci',
    how: 'sign with an identity that the project trusts',
    ifNothing: 'no traffic is shifted',
  },
  'signature-subject': {
    owner: 'ci',
    how: 'sign this artifact’s digest',
    ifNothing: 'no traffic is shifted',
  },
  'signature-ok': { owner: 'time', how: 'nothing to do', ifNothing: stays },
  'tests-missing': {
    owner: 'ci',
    how: 'attach the report: belay release attach --tests FILE',
    ifNothing: 'no traffic is shifted',
  },
  'tests-failed': {
    owner: 'ci',
    how: 'mend the tests and open a new release',
    ifNothing: 'no traffic is shifted',
  },
  'tests-too-few': {
    owner: 'ci',
    how: 'attach a report with enough tests',
    ifNothing: 'no traffic is shifted',
  },
  'tests-passed': { owner: 'time', how: 'nothing to do', ifNothing: stays },
  'approvals-missing': (promotion) => ({
    owner: 'approver',
    how: `belay approve ${promotion.id}`,
    ifNothing: 'no traffic is shifted',
  }),
  approved: { owner: 'time', how: 'nothing to do', ifNothing: stays },
  'window-closed': {
    owner: 'time',
    how: 'wait for the window',
    ifNothing: 'it goes on when the window opens',
  },
  'window-open': { owner: 'time', how: 'nothing to do', ifNothing: stays },
  'check-missing': { owner: 'ci', how: 'run the check and attach its signed report', ifNothing: stays },
  'check-failed': { owner: 'ci', how: 'mend what the check found and open a new release', ifNothing: stays },
  'check-expired': { owner: 'ci', how: 'run the check again', ifNothing: stays },
  'check-passed': { owner: 'time', how: 'nothing to do', ifNothing: stays },
  soaking: { owner: 'time', how: 'wait', ifNothing: 'it is promoted when the time is full' },
  soaked: { owner: 'time', how: 'nothing to do', ifNothing: stays },
  'no-traffic': someTraffic,
  'no-stable-traffic': someTraffic,
  'outside-unreadable': {
    owner: 'environment',
    how: 'mend what it says; for a cluster: belay doctor --pre -f FILE',
    ifNothing: 'it stays where it is, and what was asked for is asked for again',
  },
  'source-unreadable': {
    owner: 'environment',
    how: 'mend what the source says; belay apply --dry-run tries its queries',
    ifNothing: 'a person is asked when it has been away for the gate’s maxOutage',
  },
  'not-scraped-yet': { owner: 'time', how: 'wait for the next scrape', ifNothing: stays },
  'no-aligned-data': {
    owner: 'environment',
    how: 'look at what is to be scraped: the pods, the edge, the metrics’ source',
    ifNothing: asks,
  },
  'too-many-pods': {
    owner: 'operator',
    how: 'count at the gateway, one series for each version',
    ifNothing: asks,
  },
  'not-enough-traffic': moreTraffic,
  learning: moreTraffic,
  'will-not-settle': (promotion) => ({
    owner: 'operator',
    how: `take a wider margin for the next release, or belay abort ${promotion.id}`,
    ifNothing: asks,
  }),
  suspicious: { owner: 'traffic', how: 'wait: more requests tell', ifNothing: asks },
  'one-bad-pod': {
    owner: 'environment',
    how: 'look at that pod and its node; the other pods are not worse',
    ifNothing: asks,
  },
  'stable-abnormal': {
    owner: 'environment',
    how: 'an incident hits both versions: wait until it is over',
    ifNothing: asks,
  },
  'stable-degraded': (promotion) => ({
    owner: 'operator',
    how: `belay abort ${promotion.id} if the new version takes from the old, belay resume ${promotion.id} to look again`,
    ifNothing: stays,
  }),
  baking: { owner: 'time', how: 'wait', ifNothing: 'it goes on when the time is over and its gates pass' },
  worse: { owner: 'time', how: 'nothing to do', ifNothing: 'it is rolled back' },
  'limit-exceeded': { owner: 'time', how: 'nothing to do', ifNothing: 'it is rolled back' },
  'within-margin': { owner: 'time', how: 'nothing to do', ifNothing: stays },
  'no-baseline': { owner: 'time', how: 'nothing to do', ifNothing: stays },
  'not-counted': {
    owner: 'operator',
    how: 'use a latency bound that the environment’s histogram has, and saturation only where its metrics have a gauge',
    ifNothing: asks,
  },
  frozen: { owner: 'operator', how: 'belay unfreeze', ifNothing: stays },
  paused: (promotion) => ({ owner: 'operator', how: `belay resume ${promotion.id}`, ifNothing: stays }),
  'not-ready': {
    owner: 'environment',
    how: 'look at the service’s own logs',
    ifNothing: 'it turns back at the deadline',
  },
  'progress-deadline': { owner: 'environment', how: 'look at the service’s own logs', ifNothing: stays },
  'weight-unconfirmed': {
    owner: 'environment',
    how: 'the weight is asked for again until it is read back',
    ifNothing: 'it turns back at the deadline',
  },
  'weight-deadline': { owner: 'environment', how: 'look at the traffic driver', ifNothing: stays },
  'step-time': {
    owner: 'time',
    how: 'wait',
    ifNothing: 'it goes on when the step’s time is over and its gates pass',
  },
  'not-retired': {
    owner: 'environment',
    how: 'open requests are drained, then the processes end',
    ifNothing: 'traffic is already away from it',
  },
  'artifact-changed': {
    owner: 'requester',
    how: 'find who changed it, then ask for the promotion again',
    ifNothing: stays,
  },
  'hold-expired': askedAPerson,
  'source-away': askedAPerson,
  waived: { owner: 'time', how: 'nothing to do', ifNothing: stays },
  retreated: { owner: 'time', how: 'nothing to do', ifNothing: stays },
  'canary-gone': { owner: 'environment', how: 'look at the service’s own logs', ifNothing: stays },
  'effect-failing': {
    owner: 'environment',
    how: 'it is tried again with growing pauses',
    ifNothing: 'it turns back at the deadline',
  },
  rejected: { owner: 'requester', how: 'change what was asked for', ifNothing: stays },
  'abort-asked': { owner: 'time', how: 'nothing to do', ifNothing: stays },
  'rollback-asked': { owner: 'time', how: 'nothing to do', ifNothing: stays },
  'rollback-impossible': (promotion) => ({
    owner: 'operator',
    how: `mend forward with a new release, or belay resume ${promotion.id}`,
    ifNothing: stays,
  }),
  done: { owner: 'time', how: 'nothing to do', ifNothing: stays },
};

/** A wait as it is stored and shown, from an unmet condition. */
export function waitFrom(condition: Unmet, promotion: Promotion, since: Millis): Wait {
  const entry = ownership[condition.reason.code];
  const { owner, how, ifNothing } = typeof entry === 'function' ? entry(promotion, condition) : entry;
  return {
    promotion: promotion.id,
    reason: condition.reason,
    gate: condition.gate,
    since,
    owner,
    how,
    nextCheck: condition.next,
    ifNothing,
  };
}
