import type { Action } from '../model/decision.ts';
import type { Weight } from '../model/observation.ts';
import type { Reason } from '../model/reason.ts';
import type { GateOf } from '../model/gate.ts';
import type { Promotion, SlotState } from '../model/state.ts';
import type { Millis } from '../model/time.ts';
import { applyAction, isOvertaken, openEffect, readyOf, sizeFor, stepsOf, weightOf } from './capacity.ts';
import { holdsOn } from './holds.ts';
import { awayMs } from './outage.ts';
import { type Answers, ask, gateConditions, recordAnswers, unmetBy } from './stage-gates.ts';
import { artifactChanged, turnBack, turnBackAsked } from './turn-back.ts';
import { go, type Step, type Unmet, unmet, type View, wait } from './view.ts';

/**
 * A rollout on its way up. First whatever turns it back; then, if the wanted weight has been read back, whether
 * the next one may come; capacity is there before traffic.
 */
export function advanceRollout(view: View): Step {
  const answers = analysisAnswers(view);
  return (
    turnBackAsked(view) ??
    artifactChanged(view) ??
    canaryGone(view) ??
    judgeAnalysis(view, answers) ??
    retreat(view, answers) ??
    confirmWeight(view) ??
    keepWeight(view) ??
    stepUp(view, answers)
  );
}

/** Traffic was asked for, and nothing of the canary is ready any more: before it gets any, or while it has it. */
function canaryGone(view: View): Step | null {
  const { slot, promotion } = view;
  if (promotion.step < 0 || readyOf(slot, promotion.release) > 0) return null;
  return turnBack(view, 'rolled-back', { code: 'canary-gone', release: promotion.release });
}

/** The answers of the gates that watch the rollout; none before the canary has traffic. */
const analysisAnswers = (view: View): Answers =>
  view.promotion.mode === 'rollback' || view.promotion.step < 0 ? [] : ask(view, view.stage.analysis);

/** A gate that says worse turns the rollout back, at every turn and whatever holds it. */
const judgeAnalysis = (view: View, answers: Answers): Step | null =>
  recordAnswers(view, answers, (reason) => turnBack(view, 'rolled-back', reason));

/**
 * Stable has degraded since the step up: the canary may take from what both live on. One step down shows it; at the
 * second time, or at the first step, a person is asked.
 */
function retreat(view: View, answers: Answers): Step | null {
  const { promotion } = view;
  if (promotion.stepReachedAt === null || promotion.asked !== null || isUnscraped(view, answers)) return null;
  const degraded = answers.find(
    ([gate, { reason }]) => gate.mode === 'enforce' && reason.code === 'stable-degraded',
  );
  if (degraded === undefined) return null;
  const lower = stepsOf(view)[promotion.step - 1];
  if (lower !== undefined && !promotion.retreated) return shift(view, promotion.step - 1, lower);
  return go([{ type: 'asked', promotion: promotion.id, reason: degraded[1].reason }]);
}

/** Waits until the weight that was asked for is read back. */
export function confirmWeight(view: View): Step | null {
  const { promotion, slot, now } = view;
  if (promotion.step < 0 || promotion.stepReachedAt !== null) return null;
  const wanted = stepsOf(view)[promotion.step] ?? 0;
  const seen = weightOf(slot, promotion.release);
  const asked = promotion.stepAskedAt ?? promotion.since;
  const open = openEffect(slot, 'shift-traffic');
  if (open === undefined && seen === wanted) {
    return go([{ type: 'reached', promotion: promotion.id, step: promotion.step, weight: wanted }]);
  }
  const rewritten = open !== undefined && isOvertaken(slot, open) ? followRoute(view, wanted, seen) : null;
  if (rewritten !== null) return rewritten;
  const deadline = asked + view.stage.rollout.progressDeadline;
  // A hold that came between the decision and its effect stops the effect; that is not the outside's fault.
  const holds = [...holdsOn(view), ...gateConditions(view)];
  // A hold that was lifted only now has kept the effect back: it gets its time again.
  if (now >= deadline && holds.length === 0 && wasHeld(promotion)) {
    const against = analysisAgain(view);
    return against.length === 0 ? shift(view, promotion.step, wanted) : wait(...against);
  }
  if (now >= deadline && holds.length === 0)
    return turnBack(view, 'rolled-back', { code: 'weight-deadline', wanted, afterMs: now - asked });
  return wait(
    ...holds,
    unmet({ code: 'weight-unconfirmed', wanted, seen, deadline }, deadline),
    ...failing(slot),
  );
}

/** A weight that was read back once and is another now: somebody else wrote the route. */
export function keepWeight(view: View): Step | null {
  const { promotion, slot } = view;
  if (promotion.stepReachedAt === null || openEffect(slot, 'shift-traffic') !== undefined) return null;
  const wanted = stepsOf(view)[promotion.step] ?? 0;
  return followRoute(view, wanted, weightOf(slot, promotion.release));
}

/**
 * What somebody else wrote. Taken away altogether, traffic was taken back, and the promotion follows; otherwise the
 * weight that was decided is asked for again.
 */
function followRoute(view: View, wanted: number, seen: number | null): Step | null {
  const { promotion } = view;
  if (seen === null || seen === wanted) return null;
  if (seen === 0) return turnBack(view, 'aborted', { code: 'retreated', release: promotion.release, wanted });
  const held = [...holdsOn(view), ...gateConditions(view), ...analysisAgain(view)].length > 0;
  return held && seen < wanted ? null : shift(view, promotion.step, wanted);
}

/** What speaks against asking for a step again: from the second on, its analysis has to pass as at the first time. */
const analysisAgain = (view: View): readonly Unmet[] =>
  view.promotion.step > 0 && view.slot.stable !== null ? unmetBy(analysisAnswers(view)) : [];

/** Whether the last turn that recorded what it waits for found it held; a gate's code names the gate. */
const wasHeld = (promotion: Promotion): boolean =>
  Object.keys(promotion.waitingSince).some(
    (code) => ['frozen', 'paused', 'hold-expired', 'source-away'].includes(code) || code.includes('/'),
  );

/** The next weight, or full traffic's watch, once nothing speaks against it. */
function stepUp(view: View, answers: Answers): Step {
  const steps = stepsOf(view);
  const { promotion } = view;
  const conditions = promotion.step < 0 ? [] : stepConditions(view, steps, answers);
  if (promotion.step === steps.length - 1) {
    return conditions.length > 0 ? wait(...conditions) : go([{ type: 'observing', promotion: promotion.id }]);
  }
  const weight = steps[promotion.step + 1] ?? 100;
  const capacity = prepare(view, weight);
  if (capacity.kind === 'go') return capacity;
  // What was open at the door may have closed since: a window, a report that expired. Then exposure does not grow.
  const all = [...conditions, ...capacity.unmet, ...gateConditions(view), ...holdsOn(view)];
  if (all.length > 0) return conditions.length > 0 ? askIfTooLong(view, all) : wait(...all);
  return shift(view, promotion.step + 1, weight);
}

/** What has to hold before a step that was reached may be left. */
function stepConditions(view: View, steps: readonly number[], answers: Answers): readonly Unmet[] {
  const { promotion, now, stage } = view;
  const reached = promotion.stepReachedAt ?? now;
  if (promotion.mode === 'rollback' || view.slot.stable === null || promotion.step === steps.length - 1)
    return [];
  const until = reached + stage.rollout.stepAtLeast;
  const time: readonly Unmet[] =
    now < until
      ? [unmet({ code: 'step-time', step: promotion.step, weight: steps[promotion.step] ?? 0, until }, until)]
      : [];
  const scrape: readonly Unmet[] = isUnscraped(view, answers)
    ? [unmet({ code: 'not-scraped-yet', weight: steps[promotion.step] ?? 0 })]
    : [];
  return [...time, ...scrape, ...unmetBy(answers)];
}

/** Whether an analysis has not yet seen the weight that was reached: what it says is of the weight before. */
function isUnscraped(view: View, answers: Answers): boolean {
  const { promotion, slot, stage } = view;
  const weight = stepsOf(view)[promotion.step];
  return stage.analysis.some((gate) => {
    const seen = slot.analysis?.gates[gate.name]?.rollout.stage;
    // Whoever lets it go past a weight without an answer does not wait for one.
    const waived = answers.some(([{ name }, { reason }]) => name === gate.name && reason.code === 'waived');
    return (
      !waived &&
      gate.mode === 'enforce' &&
      slot.analysis?.promotion === promotion.id &&
      seen !== undefined &&
      seen !== null &&
      Math.round(100 * seen.weight) !== weight
    );
  });
}

/** A gate that cannot tell for longer than it may asks a person. */
function askIfTooLong(view: View, all: readonly Unmet[]): Step {
  const { promotion, now, stage } = view;
  if (promotion.asked !== null || promotion.stepReachedAt === null) return wait(...all);
  let next: readonly Unmet[] = all;
  for (const gate of stage.analysis) {
    if (gate.kind !== 'metric' || !all.some((u) => u.gate === gate.name)) continue;
    const { expires, reason } = patienceOf(gate, promotion, promotion.stepReachedAt, now);
    if (now >= expires) return go([{ type: 'asked', promotion: promotion.id, reason }]);
    next = next.map((u) => (u.gate === gate.name ? { ...u, next: Math.min(u.next ?? expires, expires) } : u));
  }
  return wait(...next);
}

/**
 * When a gate asks a person, and what for. The time in which the source of metrics is away has a budget of its own: the
 * gate's hold stands still meanwhile.
 */
function patienceOf(
  gate: GateOf<'metric'>,
  promotion: Promotion,
  reached: Millis,
  now: Millis,
): { readonly expires: Millis; readonly reason: Reason } {
  const away = awayMs(promotion, now);
  const open = promotion.outages?.open ?? null;
  if (open !== null) {
    const reason = { code: 'source-away', gate: gate.name, afterMs: away, message: open.message } as const;
    return { expires: now + gate.maxOutage - away, reason };
  }
  const reason = { code: 'hold-expired', gate: gate.name, afterMs: now - reached - away } as const;
  return { expires: reached + gate.maxHold + away, reason };
}

/** Asks for the size that the next weight needs, and waits until that many are ready. */
function prepare(view: View, weight: number): Step {
  const { slot, promotion, now } = view;
  const needed = sizeFor(view.environment.document.spec.replicas, weight);
  const ready = readyOf(slot, promotion.release);
  const open = openEffect(slot, 'apply-workload', promotion.release);
  const asked =
    open?.action.type === 'apply-workload' && open.action.replicas >= needed && !isOvertaken(slot, open);
  // What is being removed may still look ready: only an apply that was seen rules that out.
  const removing = openEffect(slot, 'remove-workload', promotion.release) !== undefined;
  if (ready >= needed && slot.wanted.includes(promotion.release) && open === undefined && !removing)
    return wait();
  if (!asked) {
    if (holdsOn(view).length > 0) return wait();
    const action = applyAction(slot, promotion, needed);
    return action === null ? wait(unmet({ code: 'plan-missing' })) : go([], [action]);
  }
  const deadline = open.since + view.stage.rollout.progressDeadline;
  if (now >= deadline) {
    const reason: Reason = { code: 'progress-deadline', ready, needed, afterMs: now - open.since };
    return turnBack(view, promotion.step < 0 ? 'refused' : 'rolled-back', reason);
  }
  return wait(unmet({ code: 'not-ready', ready, needed, deadline }, deadline), ...failing(slot));
}

function shift(view: View, step: number, weight: number): Step {
  const { slot, promotion } = view;
  const action: Action = {
    type: 'shift-traffic',
    generation: slot.generation + 1,
    weights: sharesFor(slot, promotion.release, weight),
  };
  return go([{ type: 'shifting', promotion: promotion.id, step, weight }], [action]);
}

/** Stable first, then the canary; together 100. */
function sharesFor(slot: SlotState, canary: string, weight: number): Weight[] {
  const rest = 100 - weight;
  const stable = slot.stable;
  return stable === null || rest === 0
    ? [{ release: canary, weight: 100 }]
    : [
        { release: stable.release, weight: rest },
        { release: canary, weight },
      ];
}

/** Effects that failed at least once, so that "not confirmed yet" comes with what the outside said. */
export function failing(slot: SlotState): readonly Unmet[] {
  return slot.effects.flatMap((effect) =>
    effect.failure === null
      ? []
      : [
          unmet({
            code: 'effect-failing',
            effect: effect.action.type,
            attempts: effect.failure.attempts,
            message: effect.failure.message,
          }),
        ],
  );
}
