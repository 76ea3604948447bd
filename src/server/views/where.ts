import { loadSlot } from '../../store/slot-rows.ts';
import { findReleases } from '../../store/releases.ts';
import { listSlots } from '../../store/slots-listing.ts';
import { releaseStream } from '../../core/model/name.ts';
import { readEntries } from '../../store/streams.ts';
import type { ReleaseEntry } from '../../core/model/entries.ts';
import type { ServerParts } from '../parts.ts';
import type { ReleaseView, WhereAnswer } from '../schemas.ts';
import { showListed } from './release-view.ts';

/** A commit may be in many releases; more than this are not answered at once. */
const mostReleases = 50;

/** Where a commit, an artifact or a release is: the stages it went through, and where it gets traffic now. */
export async function whereIs(
  parts: ServerParts,
  query: string,
  projects: readonly string[] | null,
): Promise<WhereAnswer> {
  const views = await showListed(parts, await findReleases(parts.pool, query, projects, mostReleases));
  const releases: WhereAnswer['releases'] = [];
  for (const { attachments: _unused, stages: _known, ...view } of views) {
    releases.push({ ...view, ...(await placesOf(parts, view)) });
  }
  return { releases };
}

async function placesOf(
  parts: ServerParts,
  release: Pick<ReleaseView, 'project' | 'service' | 'name'>,
): Promise<Pick<WhereAnswer['releases'][number], 'stages' | 'running'>> {
  const { project, service, name } = release;
  const entries = await readEntries<ReleaseEntry>(parts.pool, releaseStream({ project, service, name }), 0);
  const stages = new Map<string, WhereAnswer['releases'][number]['stages'][number]>();
  for (const { entry } of entries) {
    if (entry.type !== 'stage-ended') continue;
    const { stage, environment, state, at } = entry;
    stages.set(stage, { stage, environment, state, at });
  }
  const running: { environment: string; weight: number }[] = [];
  for (const { key } of await listSlots(parts.pool, { projects: [project], service, environment: null })) {
    const { slot } = await loadSlot(parts.pool, parts.folds, key);
    const weight = slot.observed?.weights.find((w) => w.release === name)?.weight ?? 0;
    if (weight > 0) running.push({ environment: key.environment, weight });
    for (const { stage, state, since } of slot.promotions.filter((p) => p.release === name)) {
      stages.set(stage, { stage, environment: key.environment, state, at: since });
    }
  }
  return { stages: [...stages.values()], running };
}
