import type { Wait } from '../model/decision.ts';
import type { ReasonCode } from '../model/reason.ts';

/**
 * The most telling condition first: what went wrong outside, what a person was asked, what holds everything,
 * what somebody has to bring, what the outside has to do, what only takes time.
 */
const telling: readonly ReasonCode[] = [
  'outside-unreadable',
  'effect-failing',
  'rollback-impossible',
  'hold-expired',
  'source-away',
  'paused',
  'frozen',
  'stage-unknown',
  'environment-unknown',
  'release-open',
  'upstream-missing',
  'signature-missing',
  'tests-missing',
  'tests-too-few',
  'check-missing',
  'check-expired',
  'approvals-missing',
  'artifact-changed',
  'canary-gone',
  'retreated',
  'not-ready',
  'weight-unconfirmed',
  'not-retired',
  'behind',
  'window-closed',
  'stable-degraded',
  'source-unreadable',
  'no-aligned-data',
  'not-counted',
  'too-many-pods',
  'not-scraped-yet',
  'no-traffic',
  'no-stable-traffic',
  'stable-abnormal',
  'one-bad-pod',
  'suspicious',
  'will-not-settle',
  'not-enough-traffic',
  'learning',
  'soaking',
  'step-time',
  'baking',
];

const rank = (wait: Wait): number => {
  const index = telling.indexOf(wait.reason.code);
  return index === -1 ? telling.length : index;
};

/** Orders waits of one promotion; of the same kind, the one that has waited longest comes first. */
export const blockingFirst = (a: Wait, b: Wait): number => rank(a) - rank(b) || a.since - b.since;
