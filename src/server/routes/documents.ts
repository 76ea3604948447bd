import { z } from '@hono/zod-openapi';
import { Name, projectStream } from '../../core/model/name.ts';
import { ok } from '../../core/model/result.ts';
import { need, visibleProjects } from '../access.ts';
import { listProjects } from '../../store/slots-listing.ts';
import { appliedDocument, appliedDocuments, applyDocuments } from '../commands/documents.ts';
import { type App, operation } from '../operation.ts';
import type { ServerParts } from '../parts.ts';
import { refuse } from '../refusal.ts';
import { ApplyAnswer, ApplyRequest, DocumentKind, DocumentList, DocumentView } from '../schemas.ts';

/** Applying documents and reading them back. */
export function documentRoutes(app: App, parts: ServerParts): void {
  operation(
    app,
    {
      method: 'post',
      path: '/v1/apply',
      summary: 'Apply documents, all of them or none (admin)',
      query: z.object({ dryRun: z.enum(['true', 'false']).default('false') }),
      body: ApplyRequest,
      answer: ApplyAnswer,
    },
    ({ by, query, body }) => applyDocuments(parts, by, body, query.dryRun === 'true'),
  );
  operation(
    app,
    {
      method: 'get',
      path: '/v1/documents',
      summary: 'All documents as they are applied (view)',
      query: z.object({ project: Name.optional(), kind: DocumentKind.optional() }),
      answer: DocumentList,
    },
    async ({ by, query }) => {
      const visible = visibleProjects(by, query.project);
      if (!visible.ok) return visible;
      const projects = visible.value ?? (await listProjects(parts.pool));
      const states = await Promise.all(
        projects.map((project) => parts.folds.project(projectStream(project))),
      );
      const documents = states.flatMap((state) => appliedDocuments(state));
      return ok({
        documents: documents.filter((one) => query.kind === undefined || one.kind === query.kind),
      });
    },
  );
  operation(
    app,
    {
      method: 'get',
      path: '/v1/projects/{project}/documents/{kind}/{name}',
      summary: 'A document as it is applied (view)',
      params: z.object({ project: Name, kind: DocumentKind, name: Name }),
      answer: DocumentView,
    },
    async ({ by, params: { project, kind, name } }) => {
      const allowed = need(by, 'view', project);
      if (!allowed.ok) return allowed;
      const applied = appliedDocument(await parts.folds.project(projectStream(project)), kind, name);
      return applied === undefined
        ? refuse(404, 'unknown-document', `there is no ${kind} ${name} in project ${project}`)
        : ok({ kind, name, project, ...applied });
    },
  );
}
