import type { Move } from '../model/decision.ts';
import type { Gate } from '../model/gate.ts';
import type { Reason } from '../model/reason.ts';
import type { GateAnswer, GateContext } from './gates/context.ts';
import { judge } from './gates/judge.ts';
import { go, type Step, type Unmet, unmet, type View } from './view.ts';

/** Gates with what they say now. */
export type Answers = readonly (readonly [Gate, GateAnswer])[];

/** How many gates' answers are recorded in one round, so that a decision stays small. */
const mostRecorded = 4;

/** What a view's gates read. */
export function gateContext(view: View): GateContext {
  return {
    now: view.now,
    slot: view.slot,
    promotion: view.promotion,
    release: view.release,
    project: view.input.project.project,
    environment: view.environment,
    editors: view.input.project.pinned[view.promotion.pipeline]?.editors ?? [],
    crypto: view.input.crypto,
  };
}

/** Asks gates, in their order. */
export function ask(view: View, gates: readonly Gate[]): Answers {
  const context = gateContext(view);
  return gates.map((gate) => [gate, judge(gate, context)] as const);
}

/** The entry gates that apply, with their answers. A rollback is only asked whether its artifact is still trusted. */
export const entryAnswers = (view: View): Answers =>
  ask(
    view,
    view.stage.gates.filter((gate) => view.promotion.mode === 'promote' || gate.kind === 'signature'),
  );

/** What the gates that may block have against going on. */
export const unmetBy = (answers: Answers): readonly Unmet[] =>
  answers
    .filter(([gate, answer]) => gate.mode === 'enforce' && answer.verdict !== 'pass')
    .map(([gate, answer]) => unmet(answer.reason, answer.next, gate.name));

/** What the entry gates have against traffic. */
export const gateConditions = (view: View): readonly Unmet[] => unmetBy(entryAnswers(view));

/**
 * Records what changed in what gates say since it was last recorded. A clear no of one that may block does what
 * `onFail` says, with its answer recorded beside. Null when there is nothing to record.
 */
export function recordAnswers(view: View, answers: Answers, onFail: (reason: Reason) => Step): Step | null {
  const moves: Move[] = [];
  for (const [gate, { verdict, reason }] of answers) {
    if (moves.length >= mostRecorded) return go(moves);
    const last = view.promotion.gates[gate.name];
    if (last?.verdict !== verdict || last.reason.code !== reason.code) {
      moves.push({ type: 'judged', promotion: view.promotion.id, gate: gate.name, verdict, reason });
    }
    if (verdict === 'fail' && gate.mode === 'enforce') {
      const failed = onFail(reason);
      return failed.kind === 'go' ? go([...moves, ...failed.moves], failed.actions) : failed;
    }
  }
  return moves.length > 0 ? go(moves) : null;
}
