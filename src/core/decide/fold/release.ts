import type { PromotionState } from '../../model/decision.ts';
import type { ReleaseEntry } from '../../model/entries.ts';
import { unreachable } from '../../model/result.ts';
import type { ReleaseState } from '../../model/state.ts';

/** Whether an end says anew whether a release runs in a stage. */
const settles = (state: PromotionState): boolean => state === 'promoted' || state === 'rolled-back';

/** Folds one entry of a release's stream. The first must be `opened`; anything before it is ignored. */
export function foldRelease(
  state: ReleaseState | null,
  entry: ReleaseEntry,
  seq: number,
): ReleaseState | null {
  if (state === null) {
    if (entry.type !== 'opened') return null;
    return {
      seq,
      openedAt: entry.at,
      openedBy: entry.by,
      commit: entry.commit,
      summary: entry.summary,
      contributors: entry.contributors,
      sealed: null,
      attachments: [],
      stages: {},
    };
  }
  switch (entry.type) {
    case 'opened':
      return { ...state, seq };
    case 'attached':
      return {
        ...state,
        seq,
        attachments: [...state.attachments, { attachment: entry.attachment, at: entry.at, by: entry.by }],
      };
    case 'sealed':
      // Immutable from the first sealing on.
      return {
        ...state,
        seq,
        sealed: state.sealed ?? { digest: entry.sealed, release: entry.release, by: entry.by },
      };
    case 'stage-ended':
      // Asked for again in vain, it is still promoted: only a rollback takes that away.
      if (state.stages[entry.stage]?.state === 'promoted' && !settles(entry.state)) return { ...state, seq };
      return {
        ...state,
        seq,
        stages: {
          ...state.stages,
          [entry.stage]: { state: entry.state, promotion: entry.promotion, at: entry.at },
        },
      };
    default:
      return unreachable(entry);
  }
}
