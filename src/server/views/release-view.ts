import { type ReleaseKey, releaseStream } from '../../core/model/name.ts';
import type { Attachment } from '../../core/model/release.ts';
import type { ReleaseState } from '../../core/model/state.ts';
import { relistRelease, type ListedRelease } from '../../store/releases.ts';
import type { ServerParts } from '../parts.ts';
import type { AttachmentView, ReleaseView } from '../schemas.ts';

/** A release as it is shown; null where it was never opened. */
export async function releaseView(parts: ServerParts, key: ReleaseKey): Promise<ReleaseView | null> {
  const state = await parts.folds.release(releaseStream(key));
  if (state === null) return null;
  const claimed = state.sealed?.release ?? state;
  return {
    ...key,
    commit: state.commit,
    summary: claimed.summary,
    contributors: [...claimed.contributors],
    openedAt: state.openedAt,
    openedBy: state.openedBy,
    sealed:
      state.sealed === null
        ? null
        : {
            digest: state.sealed.digest,
            artifact: state.sealed.release.artifact,
            bundle: state.sealed.release.bundle,
          },
    attachments: state.attachments.map(({ attachment, at, by }) => ({
      ...attachmentView(attachment),
      at,
      by,
    })),
    stages: Object.entries(state.stages).map(([stage, end]) => ({ stage, ...end })),
  };
}

const attachmentView = (attachment: Attachment): Omit<AttachmentView, 'at' | 'by'> =>
  attachment.type === 'statement'
    ? { type: 'statement', name: attachment.name }
    : {
        type: 'tests',
        name: attachment.name,
        artifact: attachment.artifact,
        counts: attachment.counts,
      };

/** Shows what a listing found, and mends the listing where it lags behind a release's stream. */
export async function showListed(
  parts: ServerParts,
  listed: readonly ListedRelease[],
): Promise<readonly ReleaseView[]> {
  const views: ReleaseView[] = [];
  for (const { key, commit, artifact } of listed) {
    const view = await releaseView(parts, key);
    if (view === null) continue;
    const sealed = view.sealed?.artifact.digest ?? null;
    if (sealed !== artifact || view.commit !== commit)
      await relistRelease(parts.pool, key, {
        commit: view.commit,
        artifact: sealed,
        openedAt: view.openedAt,
      });
    views.push(view);
  }
  return views;
}

/** Brings the listing up to a release's state. */
export const relist = (parts: ServerParts, key: ReleaseKey, state: ReleaseState): Promise<void> =>
  relistRelease(parts.pool, key, {
    commit: state.commit,
    artifact: state.sealed?.release.artifact.digest ?? null,
    openedAt: state.openedAt,
  });
