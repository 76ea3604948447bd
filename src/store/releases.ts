import type { Pool } from 'pg';
import type { Digest } from '../core/model/digest.ts';
import { type ReleaseKey, releaseStream } from '../core/model/name.ts';
import type { Millis } from '../core/model/time.ts';

/** Lists a release that is about to be opened. One that then is not stays without a state, and is not shown. */
export async function listRelease(
  pool: Pool,
  key: ReleaseKey,
  commit: string,
  openedAt: Millis,
): Promise<void> {
  await pool.query({
    name: 'list-release',
    text: `insert into release (stream, project, service, name, commit_id, opened_at)
           values ($1, $2, $3, $4, $5, $6) on conflict do nothing`,
    values: [releaseStream(key), key.project, key.service, key.name, commit, openedAt],
  });
}

/** Makes the listing say what the release's stream says; the stream is the truth. */
export async function relistRelease(
  pool: Pool,
  key: ReleaseKey,
  state: { readonly commit: string; readonly artifact: Digest | null; readonly openedAt: Millis },
): Promise<void> {
  await pool.query({
    name: 'relist-release',
    text: `update release set commit_id = $2, artifact = $3, opened_at = $4 where stream = $1`,
    values: [releaseStream(key), state.commit, state.artifact, state.openedAt],
  });
}

/** Which releases are looked for. `projects` null stands for all. */
export interface ReleaseFilter {
  readonly projects: readonly string[] | null;
  readonly service: string | null;
  readonly limit: number;
}

/** What is listed of a release, which may lag behind its stream. */
export interface ListedRelease {
  readonly key: ReleaseKey;
  readonly commit: string;
  readonly artifact: string | null;
}

interface Row {
  readonly project: string;
  readonly service: string;
  readonly name: string;
  readonly commit_id: string;
  readonly artifact: string | null;
}
const toListed = (row: Row): ListedRelease => ({
  key: { project: row.project, service: row.service, name: row.name },
  commit: row.commit_id,
  artifact: row.artifact,
});

/** Releases, newest first. */
export async function listReleases(pool: Pool, filter: ReleaseFilter): Promise<readonly ListedRelease[]> {
  const { rows } = await pool.query<Row>({
    name: 'list-releases',
    text: `select project, service, name, commit_id, artifact from release
            where ($1::text[] is null or project = any ($1)) and ($2::text is null or service = $2)
            order by opened_at desc, stream limit $3`,
    values: [filter.projects, filter.service, filter.limit],
  });
  return rows.map(toListed);
}

/** Releases with this name, of a commit whose id starts so, or of this artifact; newest first. */
export async function findReleases(
  pool: Pool,
  query: string,
  projects: readonly string[] | null,
  limit: number,
): Promise<readonly ListedRelease[]> {
  const { rows } = await pool.query<Row>({
    name: 'find-releases',
    // The query holds no LIKE wildcard: the door lets only hex, digests and names through.
    text: `select project, service, name, commit_id, artifact from release
            where ($2::text[] is null or project = any ($2))
              and (name = $1 or artifact = $1 or commit_id like $1 || '%')
            order by opened_at desc, stream limit $3`,
    values: [query, projects, limit],
  });
  return rows.map(toListed);
}

/** The projects that have a release of this artifact. */
export async function projectsOfArtifact(pool: Pool, artifact: Digest): Promise<readonly string[]> {
  const { rows } = await pool.query<{ project: string }>({
    name: 'projects-of-artifact',
    text: 'select distinct project from release where artifact = $1',
    values: [artifact],
  });
  return rows.map((row) => row.project);
}
