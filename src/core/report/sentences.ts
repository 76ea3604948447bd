import { shortDigest } from '../model/digest.ts';
import type { Comparison, Reason, ReasonCode } from '../model/reason.ts';
import { formatDuration, formatInstant } from '../model/time-format.ts';
import { counted, formatArm, formatCount, formatMetric, formatPercent, formatPoints } from './numbers.ts';

type Sentences<C extends ReasonCode> = {
  readonly [K in C]: (reason: Extract<Reason, { code: K }>) => string;
};

/** A person's words after a sentence; nothing where there are none. */
const said = (note: string): string => (note === '' ? '' : ` (“${note}”)`);

const rates = (c: Comparison): string =>
  `${formatMetric(c.metric)} ${formatArm(c.canary)} against ${formatArm(c.stable)}`;

/** Beyond this many missing requests the forecast means that more traffic will not settle it. */
const hopeless = 1_000_000;

const queueSentences: Sentences<
  | 'release-open'
  | 'upstream-missing'
  | 'behind'
  | 'superseded-by'
  | 'already-stable'
  | 'quarantined'
  | 'stage-unknown'
  | 'environment-unknown'
  | 'plan-missing'
> = {
  'release-open': () => 'the release is still open: CI has not sealed it',
  'upstream-missing': (r) => `it has not been promoted in stage ${r.stage} yet`,
  behind: (r) => `${r.release} is moving in the same place; one moves at a time`,
  'superseded-by': (r) => `${r.release} was asked for later and overtook it`,
  'already-stable': () => 'it already is the stable version here',
  quarantined: (r) =>
    `artifact ${shortDigest(r.artifact)} was rolled back here and is quarantined since ${formatInstant(r.since)}`,
  'stage-unknown': (r) => `its pipeline has no stage ${r.stage}`,
  'environment-unknown': (r) => `no environment ${r.environment} has been applied`,
  'plan-missing': () => 'its promotion plan has not been made yet',
};

const gateSentences: Sentences<
  | 'signature-missing'
  | 'signature-untrusted'
  | 'signature-subject'
  | 'signature-ok'
  | 'tests-missing'
  | 'tests-failed'
  | 'tests-too-few'
  | 'tests-passed'
  | 'approvals-missing'
  | 'approved'
  | 'window-closed'
  | 'window-open'
  | 'check-missing'
  | 'check-failed'
  | 'check-expired'
  | 'check-passed'
  | 'soaking'
  | 'soaked'
> = {
  'signature-missing': (r) => `no signed statement of type ${r.predicateType} is attached`,
  'signature-untrusted': (r) =>
    `its statement of type ${r.predicateType} is not signed by anybody whom the project trusts for it`,
  'signature-subject': (r) =>
    r.found === ''
      ? 'its signed statement is about another artifact'
      : `its signed statement is about another artifact (${shortDigest(r.found)})`,
  'signature-ok': (r) => `signed by ${r.identity}`,
  'tests-missing': (r) => `no test report ${r.report} for this artifact is attached`,
  'tests-failed': (r) =>
    `${formatCount(r.failed)} of ${counted(r.total, 'test')} failed in report ${r.report}`,
  'tests-too-few': (r) =>
    `report ${r.report} has ${counted(r.total, 'test')} that ran, at least ${formatCount(r.needed)} are needed`,
  'tests-passed': (r) => `${counted(r.total, 'test')} passed in report ${r.report}`,
  'approvals-missing': (r) =>
    `${r.have} of ${counted(r.need, 'approval')} given for plan ${shortDigest(r.plan)}` +
    (r.barred.length === 0 ? '' : `; ${list(r.barred)} may not approve it`),
  approved: (r) => `approved by ${list(r.by)}`,
  'window-closed': (r) => `the window is closed until ${formatInstant(r.until)}${said(r.note)}`,
  'window-open': () => 'the window is open',
  'check-missing': (r) => `no signed report of check ${r.check} is attached`,
  'check-failed': (r) => `check ${r.check} failed`,
  'check-expired': (r) => `the report of check ${r.check} expired at ${formatInstant(r.at)}`,
  'check-passed': (r) => `check ${r.check} passed, signed by ${r.identity}`,
  soaking: (r) =>
    `healthy for ${formatDuration(r.healthyMs)} of ${formatDuration(r.neededMs)} at full traffic`,
  soaked: (r) => `healthy for ${formatDuration(r.healthyMs)} at full traffic`,
};

const metricSentences: Sentences<
  | 'no-traffic'
  | 'no-stable-traffic'
  | 'not-enough-data'
  | 'worse'
  | 'limit-exceeded'
  | 'within-margin'
  | 'no-baseline'
  | 'not-counted'
> = {
  'no-traffic': (r) => `${formatMetric(r.metric)}: the canary has had no requests yet`,
  'no-stable-traffic': (r) =>
    `${formatMetric(r.metric)}: stable has had no requests since, so there is nothing to compare with`,
  'not-enough-data': (r) => `${rates(r.comparison)}: not enough data to tell; ${missing(r)}`,
  worse: (r) => `${rates(r.comparison)}, ${howMuchWorse(r.comparison)}`,
  'limit-exceeded': (r) =>
    `${formatMetric(r.metric)} ${formatArm(r.canary)}, limit ${formatPercent(r.limit)}`,
  'within-margin': (r) => `${rates(r.comparison)}, ${atMost(r.comparison)}`,
  'no-baseline': (r) =>
    `${formatMetric(r.metric)}: nothing was stable before, so there is nothing to compare with`,
  'not-counted': (r) =>
    `${formatMetric(r.metric)} are not counted in this environment, so nothing can be said of them`,
};

/**
 * A canary is judged worse when it was seen beyond the margin and is surely worse than stable, which may be long before
 * it is sure to be beyond the margin: "at least" is said only where it is.
 */
function howMuchWorse(c: Comparison): string {
  const margin = formatPoints(c.margin);
  if (c.lower > c.margin) return `at least ${formatPoints(c.lower, 'down')} worse, margin ${margin}`;
  const seen = c.canary.bad / c.canary.requests - c.stable.bad / c.stable.requests;
  return `surely worse and seen ${formatPoints(seen)} worse, margin ${margin}`;
}

function missing(r: Extract<Reason, { code: 'not-enough-data' }>): string {
  if (r.missingRequests >= hopeless) return 'at these rates more traffic will not settle it';
  const eta = r.etaMs === null ? '' : `, ${formatDuration(r.etaMs)}`;
  return `about ${counted(r.missingRequests, 'more request')}${eta}`;
}

const atMost = (c: Comparison): string =>
  c.upper <= 0
    ? `not worse, margin ${formatPoints(c.margin)}`
    : `at most ${formatPoints(c.upper, 'up')} worse, margin ${formatPoints(c.margin)}`;

const rolloutSentences: Sentences<
  | 'frozen'
  | 'paused'
  | 'not-ready'
  | 'progress-deadline'
  | 'weight-unconfirmed'
  | 'weight-deadline'
  | 'step-time'
  | 'not-retired'
  | 'hold-expired'
  | 'canary-gone'
  | 'retreated'
  | 'effect-failing'
> = {
  frozen: (r) =>
    `${r.scope} is frozen by ${r.freeze} ${r.until === null ? 'until somebody lifts it' : `until ${formatInstant(r.until)}`}${said(r.note)}`,
  paused: (r) => `paused by ${r.by}${said(r.note)}`,
  'not-ready': (r) =>
    `${r.ready} of ${r.needed} needed processes ready; it turns back at ${formatInstant(r.deadline)}`,
  'progress-deadline': (r) =>
    `${r.ready} of ${r.needed} needed processes were ready after ${formatDuration(r.afterMs)}: the progress deadline`,
  'weight-unconfirmed': (r) =>
    `${r.wanted} % of the traffic was asked for, ${r.seen === null ? 'nothing was read back yet' : `${r.seen} % is read back`}`,
  'weight-deadline': (r) =>
    `${r.wanted} % of the traffic was asked for and not read back within ${formatDuration(r.afterMs)}`,
  'step-time': (r) => `at ${r.weight} % (step ${r.step + 1}) until ${formatInstant(r.until)} at least`,
  'not-retired': (r) => `the processes of ${r.release} have not ended yet`,
  'hold-expired': (r) => `gate ${r.gate} could not tell for ${formatDuration(r.afterMs)} and asks a person`,
  'canary-gone': (r) => `${r.release} had traffic and none of its processes was ready any more`,
  retreated: (r) =>
    `${r.release} was to have ${r.wanted} % of traffic and was seen to have none: it was taken back from outside`,
  'effect-failing': (r) => `${r.effect} failed ${counted(r.attempts, 'time')}: ${r.message}`,
};

const peopleSentences: Sentences<
  'rejected' | 'abort-asked' | 'rollback-asked' | 'rollback-impossible' | 'done'
> = {
  rejected: (r) => `${r.by} ${r.changesRequested ? 'asked for changes' : 'rejected it'}${said(r.note)}`,
  'abort-asked': (r) => `${r.by} aborted it${said(r.note)}`,
  'rollback-asked': (r) => `${r.by} asked for a rollback${said(r.note)}`,
  'rollback-impossible': (r) => `it cannot go back: ${r.why}`,
  done: () => 'all its gates passed and all traffic was read back on it',
};

const sentences: Sentences<ReasonCode> = {
  ...queueSentences,
  ...gateSentences,
  ...metricSentences,
  ...rolloutSentences,
  ...peopleSentences,
};

/**
 * A reason as one plain clause with its numbers: lower-case, no full stop, so that a headline, a table and a
 * history can all carry it. The one place where reasons get their words.
 */
export function sentenceOf(reason: Reason): string {
  // The record's type has one function for each code; the index signature of a union loses which.
  return (sentences[reason.code] as (reason: Reason) => string)(reason);
}

/** `a`, `a and b`, `a, b and c`. */
export function list(items: readonly string[]): string {
  const last = items.at(-1) ?? 'nobody';
  return items.length < 2 ? last : `${items.slice(0, -1).join(', ')} and ${last}`;
}
