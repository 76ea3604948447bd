import { z } from 'zod';

/**
 * What a gate says. Only `pass` opens it.
 * - `fail`: the evidence says no.
 * - `insufficient`: evidence is there, but too little of it to tell.
 * - `error`: it could not be evaluated.
 * - `pending`: nothing has been evaluated yet.
 */
export const Verdict = z.enum(['pass', 'fail', 'insufficient', 'error', 'pending']);
export type Verdict = z.infer<typeof Verdict>;

/** Most decisive first: what all-of says when several members do not pass. */
const severity: readonly Verdict[] = ['fail', 'error', 'insufficient', 'pending', 'pass'];
/** Nearest to opening first: what any-of says when none passes. */
const nearness: readonly Verdict[] = ['pass', 'insufficient', 'pending', 'error', 'fail'];

const first = (order: readonly Verdict[], verdicts: readonly Verdict[]): Verdict | undefined =>
  order.find((verdict) => verdicts.includes(verdict));

/**
 * All of them must pass. One `fail` decides; then `error`, `insufficient`, `pending`. Of nothing: `pass`,
 * because a stage without gates asks for nothing.
 */
export const allOf = (verdicts: readonly Verdict[]): Verdict => first(severity, verdicts) ?? 'pass';

/**
 * One of them must pass. `fail` only when every one failed. Of nothing: `fail`, because no alternative is
 * there that could pass.
 */
export const anyOf = (verdicts: readonly Verdict[]): Verdict => first(nearness, verdicts) ?? 'fail';

/** What a gate kind's verdict counts for; it dies when that changes. */
export type Binding = 'artifact' | 'configuration' | 'slot' | 'rollout';
