import { freezesOn } from './freeze.ts';
import { type Unmet, unmet, type View } from './view.ts';

/**
 * What holds a promotion where it stands: a freeze, a person's pause, a gate that asked a person. A rollback is
 * held by none of them. Whatever holds it, analysis and people may still turn it back.
 */
export function holdsOn(view: View): readonly Unmet[] {
  const { promotion, input } = view;
  if (promotion.mode === 'rollback') return [];
  const holds = [
    ...freezesOn(view.slot.key, view.environment.document, input.project, input.everything, view.now),
  ];
  if (promotion.paused !== null) {
    holds.push(unmet({ code: 'paused', by: promotion.paused.by.id, note: promotion.paused.note }));
  }
  if (promotion.asked !== null) holds.push(unmet(promotion.asked.reason));
  return holds;
}
