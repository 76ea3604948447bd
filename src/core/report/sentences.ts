import { shortDigest } from '../model/digest.ts';
import type { Comparison, MetricStanding, Needed, Reason, ReasonCode, Standing } from '../model/reason.ts';
import { formatDuration, formatInstant } from '../model/time-format.ts';
import { counted, formatArm, formatCount, formatSeries, formatPercent, formatPoints } from './numbers.ts';

type Sentences<C extends ReasonCode> = {
  readonly [K in C]: (reason: Extract<Reason, { code: K }>) => string;
};

/** A person's words after a sentence; nothing where there are none. */
const said = (note: string): string => (note === '' ? '' : ` (“${note}”)`);

const rates = (c: Comparison): string =>
  `${formatSeries(c.series)} ${formatArm(c.canary)} against ${formatArm(c.stable)}`;

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
  | 'no-baseline'
  | 'no-traffic'
  | 'source-unreadable'
  | 'no-stable-traffic'
  | 'not-scraped-yet'
  | 'no-aligned-data'
  | 'not-counted'
  | 'too-many-pods'
  | 'not-enough-traffic'
  | 'learning'
  | 'will-not-settle'
  | 'suspicious'
  | 'one-bad-pod'
  | 'stable-abnormal'
  | 'stable-degraded'
  | 'worse'
  | 'limit-exceeded'
  | 'baking'
  | 'waived'
  | 'within-margin'
> = {
  'no-baseline': () => 'nothing was stable before, so there is nothing to compare with',
  'no-traffic': () => 'the canary gets no requests',
  'source-unreadable': (r) =>
    `since ${formatInstant(r.since)} the source of metrics cannot be read (${r.message}), so that harm would not be seen and it gets no more traffic`,
  'no-stable-traffic': () => 'stable has had no requests since, so there is nothing to compare with',
  'not-scraped-yet': (r) => `nothing was counted at ${r.weight} % yet`,
  'no-aligned-data': (r) =>
    `${r.silent === 'both' ? 'neither version has' : r.silent === 'canary' ? 'the canary has not' : 'stable has not'} been heard of lately, so nothing can be compared`,
  'not-counted': (r) =>
    `${formatSeries(r.series)} are not counted in this environment, so nothing can be said of them`,
  'too-many-pods': (r) =>
    `more pods than the analysis follows (${r.most}, fewer with long names) are scraped one by one`,
  'not-enough-traffic': (r) =>
    `${rates(r.comparison)}: not enough traffic to tell yet; ${missing(r.missing)}`,
  learning: (r) =>
    `${rates(r.comparison)}: not enough traffic to tell yet, and how much stable scatters is still being learnt; ${missing(r.missing)}`,
  'will-not-settle': (r) =>
    `${rates(r.comparison)}: at these rates more traffic will not settle it${marginOf(r.comparison)}`,
  suspicious: (r) => `${rates(r.comparison)}: suspicious, and not yet sure`,
  'one-bad-pod': (r) => `${rates(r.comparison)}: one pod is worse, the others are not`,
  'stable-abnormal': (r) =>
    `${rates(r.comparison)}: stable itself is out of the ordinary, so nothing can be compared`,
  'stable-degraded': (r) =>
    `${rates(r.comparison)}: stable has degraded since this step, and the canary may be why`,
  worse: (r) => `${rates(r.comparison)}, ${howMuchWorse(r.comparison)}`,
  'limit-exceeded': (r) =>
    `${formatSeries(r.comparison.series)} ${formatArm(r.comparison.canary)}, limit ${formatPercent(r.limit)}`,
  baking: (r) => `it bakes at the last weight until ${formatInstant(r.until)} at least`,
  waived: (r) =>
    `${r.by} lets it leave ${r.weight} % without an answer until ${formatInstant(r.until)}${said(r.note)}; ${r.comparisons.length === 0 ? 'nothing was compared' : r.comparisons.map(comparisonSentence).join('; ')}`,
  'within-margin': (r) => r.comparisons.map((c) => `${rates(c)}, ${atMost(c)}`).join('; '),
};

/** A comparison by itself: both rates, and how much worse it surely is, or at most. */
const comparisonSentence = (c: Comparison): string =>
  `${rates(c)}, ${c.lower >= 0.001 ? howMuchWorse(c) : atMost(c)}`;

const marginOf = (c: Comparison): string => (c.margin === null ? '' : `, margin ${formatPoints(c.margin)}`);

/**
 * A canary is judged worse when it is surely worse than stable, which may be long before it is sure by how much: "at
 * least" is said only where it is.
 */
function howMuchWorse(c: Comparison): string {
  if (c.lower >= 0.001) return `at least ${formatPoints(c.lower, 'down')} worse${marginOf(c)}`;
  const seen = c.canary.bad / c.canary.requests - c.stable.bad / c.stable.requests;
  return `surely worse and seen ${formatPoints(seen)} worse${marginOf(c)}`;
}

type Missing = Extract<Reason, { code: 'learning' }>['missing'];

function missing({ requests, ms, next, tooLong }: Missing): string {
  const range = `about ${requestRange(requests)}`;
  if (ms === null) return range;
  const then = next === null || next.ms === null ? '' : `, and then ${span(next.ms)} at ${next.weight} %`;
  return `${range}, ${span(ms)}${then}${tooLong === null ? '' : wayOut(tooLong)}`;
}

const requestRange = ([half, most]: Needed['requests']): string =>
  half === most ? counted(half, 'more request') : `${formatCount(half)} to ${counted(most, 'more request')}`;

/** One metric by itself: its comparison, and what it lacks here and at the next weight. */
export const metricSentence = ({ standing, ...comparison }: MetricStanding): string =>
  `${comparisonSentence(comparison)}${standing === null ? '' : `; ${standingSentence(standing)}`}`;

function standingSentence(standing: Standing): string {
  switch (standing) {
    case 'shown':
      return 'enough for the next weight';
    case 'no-traffic':
      return 'nothing to compare at this weight yet';
    case 'will-not-settle':
      return 'at these rates more traffic will not settle this';
    default: {
      const { requests, ms, next } = standing;
      const here = `about ${requestRange(requests)}${ms === null ? '' : `, ${span(ms)}`}`;
      return next === null ? here : `${here}; then, at ${next.weight} %, ${laterSentence(next)}`;
    }
  }
}

const laterSentence = ({ requests, ms }: NonNullable<Needed['next']>): string =>
  requests === null
    ? 'more traffic will not settle it at these rates'
    : `${requestRange(requests).replace(' more ', ' ')}${ms === null ? '' : `, ${span(ms)}`}`;

/** Where traffic is too low for the margin: what a person may do about it. */
function wayOut({ holdMs, wider }: NonNullable<Missing['tooLong']>): string {
  const asked = `; that is longer than the ${formatDuration(holdMs)} after which a person is asked`;
  return wider === null
    ? asked
    : `${asked}: with a margin of ${formatPoints(wider.margin)}, for low traffic, it would take ${span(wider.ms)}`;
}

function span([soon, late]: readonly [number, number]): string {
  const [from, to] = [formatDuration(soon), formatDuration(late)];
  return from === to ? from : `${from} to ${to}`;
}

const atMost = (c: Comparison): string =>
  c.upper <= 0 ? `not worse${marginOf(c)}` : `at most ${formatPoints(c.upper, 'up')} worse${marginOf(c)}`;

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
  | 'source-away'
  | 'canary-gone'
  | 'artifact-changed'
  | 'retreated'
  | 'outside-unreadable'
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
  'source-away': (r) =>
    `the source of metrics has been away for ${formatDuration(r.afterMs)} (${r.message}), so that gate ${r.gate} cannot tell and asks a person`,
  'canary-gone': (r) => `${r.release} had traffic and none of its processes was ready any more`,
  'artifact-changed': (r) =>
    `${r.release} runs artifact ${shortDigest(r.running)} where ${shortDigest(r.approved)} was approved: it was changed from outside`,
  retreated: (r) =>
    `${r.release} was to have ${r.wanted} % of traffic and was seen to have none: it was taken back from outside`,
  'outside-unreadable': (r) =>
    `since ${formatInstant(r.since)} nobody can tell what runs and how traffic is shared: ${r.message}`,
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
