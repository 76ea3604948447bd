import { z } from '@hono/zod-openapi';
import { Name } from '../../core/model/name.ts';
import { ok } from '../../core/model/result.ts';
import { listReleases } from '../../store/releases.ts';
import { need, visibleProjects } from '../access.ts';
import { attach, openRelease, sealRelease, unknownRelease } from '../commands/releases.ts';
import { type App, operation } from '../operation.ts';
import type { ServerParts } from '../parts.ts';
import { ReleaseQuery, WhereQuery } from '../queries.ts';
import {
  AttachRequest,
  OpenReleaseRequest,
  ReleaseList,
  ReleaseView,
  SealReleaseRequest,
  WhereAnswer,
} from '../schemas.ts';
import { releaseView, showListed } from '../views/release-view.ts';
import { whereIs } from '../views/where.ts';

const params = z.object({ project: Name, service: Name, name: Name });
const path = '/v1/releases/{project}/{service}/{name}';

/** Opening, attaching, sealing and finding releases. */
export function releaseRoutes(app: App, parts: ServerParts): void {
  commands(app, parts);
  queries(app, parts);
}

function commands(app: App, parts: ServerParts): void {
  operation(
    app,
    {
      method: 'post',
      path: '/v1/releases',
      summary: 'Open a release for a commit (create-release)',
      body: OpenReleaseRequest,
      answer: ReleaseView,
    },
    ({ by, body }) => openRelease(parts, by, body),
  );
  operation(
    app,
    {
      method: 'post',
      path: `${path}/attachments`,
      summary: 'Attach a signed statement or a test report (create-release)',
      params,
      body: AttachRequest,
      answer: ReleaseView,
    },
    ({ by, params: key, body }) => attach(parts, by, key, body),
  );
  operation(
    app,
    {
      method: 'post',
      path: `${path}/seal`,
      summary: 'Seal a release: immutable from then on (create-release)',
      params,
      body: SealReleaseRequest,
      answer: ReleaseView,
    },
    ({ by, params: key, body }) => sealRelease(parts, by, key, body),
  );
}

function queries(app: App, parts: ServerParts): void {
  operation(
    app,
    {
      method: 'get',
      path,
      summary: 'A release with its evidence (view)',
      params,
      answer: ReleaseView,
    },
    async ({ by, params: key }) => {
      const allowed = need(by, 'view', key.project);
      if (!allowed.ok) return allowed;
      const view = await releaseView(parts, key);
      return view === null ? unknownRelease(key) : ok(view);
    },
  );
  operation(
    app,
    {
      method: 'get',
      path: '/v1/releases',
      summary: 'Releases, newest first (view)',
      query: ReleaseQuery,
      answer: ReleaseList,
    },
    async ({ by, query }) => {
      const projects = visibleProjects(by, query.project);
      if (!projects.ok) return projects;
      const filter = { projects: projects.value, service: query.service ?? null, limit: query.limit };
      return ok({ releases: [...(await showListed(parts, await listReleases(parts.pool, filter)))] });
    },
  );
  operation(
    app,
    {
      method: 'get',
      path: '/v1/where',
      summary: 'Where a commit, an artifact or a release is (view)',
      query: WhereQuery,
      answer: WhereAnswer,
    },
    async ({ by, query }) => {
      const projects = visibleProjects(by, undefined);
      return projects.ok ? ok(await whereIs(parts, query.q, projects.value)) : projects;
    },
  );
}
