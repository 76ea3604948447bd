import type { SlotEntry } from '../../model/entries.ts';
import { unreachable } from '../../model/result.ts';
import type { Promotion } from '../../model/state.ts';
import { forgotten } from '../outage.ts';

type Said = Extract<
  SlotEntry,
  { type: 'approved' | 'rejected' | 'paused' | 'resumed' | 'abort-asked' | 'waived' }
>;

/** What of an open promotion changes by what a person says to it. */
export function said(promotion: Promotion, entry: Said): Partial<Promotion> {
  const { by, note, at } = entry;
  switch (entry.type) {
    case 'approved': {
      const others = promotion.approvals.filter((a) => a.by.id !== by.id || a.plan !== entry.plan);
      return { approvals: [...others, { by, plan: entry.plan, at }] };
    }
    case 'rejected':
      return { rejected: { by, note, changesRequested: entry.changesRequested } };
    case 'paused':
      return { paused: { by, note, at } };
    case 'resumed':
      return resumed(promotion, at);
    case 'abort-asked':
      return { abort: { by, note } };
    case 'waived':
      return waived(promotion, entry);
    default:
      return unreachable(entry);
  }
}

const resumed = (promotion: Promotion, at: number): Partial<Promotion> => ({
  paused: null,
  asked: null,
  // Where going back is impossible, going on takes the wish to go back with it.
  ...(promotion.asked?.reason.code === 'rollback-impossible' ? { abort: null, rejected: null } : {}),
  // A person who says "go on waiting" gives the gates their time again.
  ...(promotion.asked === null || promotion.stepReachedAt === null
    ? {}
    : { stepReachedAt: at, ...forgotten(promotion) }),
});

/** A new waiver takes the place of an older one, and answers what a gate had asked a person. */
function waived(promotion: Promotion, entry: Extract<SlotEntry, { type: 'waived' }>): Partial<Promotion> {
  const { gate, by, note, at, until, step, weight, said } = entry;
  const others = (promotion.waivers ?? []).filter((one) => one.gate !== gate || one.step !== step);
  const reason = promotion.asked?.reason;
  const asked =
    (reason?.code === 'hold-expired' || reason?.code === 'source-away') && reason.gate === gate
      ? null
      : promotion.asked;
  return { asked, waivers: [...others, { gate, by, note, at, until, step, weight, over: said.code }] };
}
