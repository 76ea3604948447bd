import { z } from '@hono/zod-openapi';
import { everythingStream, projectStream } from '../../core/model/name.ts';
import { ok } from '../../core/model/result.ts';
import { listProjects } from '../../store/slots-listing.ts';
import { databaseNow } from '../../store/streams.ts';
import { visibleProjects } from '../access.ts';
import { freeze, liftFreeze } from '../commands/freezes.ts';
import { type App, operation } from '../operation.ts';
import type { ServerParts } from '../parts.ts';
import { LiftFreezeQuery } from '../queries.ts';
import { FreezeId, type FreezeView, Recorded } from '../schemas.ts';
import { FreezeAnswer, FreezeList, FreezeRequest } from '../schemas-freezes.ts';
import { freezeViews, plannedFreezes } from '../views/freeze-view.ts';

/** Holding a project, an environment, or everything. */
export function freezeRoutes(app: App, parts: ServerParts): void {
  operation(
    app,
    {
      method: 'post',
      path: '/v1/freezes',
      summary: 'Hold every promotion in a scope, at once (freeze)',
      body: FreezeRequest,
      answer: FreezeAnswer,
    },
    ({ by, commandId, body }) => freeze(parts, by, commandId, body),
  );
  operation(
    app,
    {
      method: 'delete',
      path: '/v1/freezes/{id}',
      summary: 'Lift a freeze (freeze)',
      params: z.object({ id: FreezeId }),
      query: LiftFreezeQuery,
      answer: Recorded,
    },
    ({ by, params, query }) => liftFreeze(parts, by, params.id, query),
  );
  operation(
    app,
    {
      method: 'get',
      path: '/v1/freezes',
      summary: 'The freezes that are on now (view)',
      answer: FreezeList,
    },
    async ({ by }) => {
      const visible = visibleProjects(by, undefined);
      if (!visible.ok) return visible;
      return ok({ freezes: await freezesOnNow(parts, visible.value ?? (await listProjects(parts.pool))) });
    },
  );
}

async function freezesOnNow(parts: ServerParts, projects: readonly string[]): Promise<FreezeView[]> {
  const now = await databaseNow(parts.pool);
  const views = [...freezeViews(await parts.folds.project(everythingStream), null)];
  for (const name of projects) {
    const project = await parts.folds.project(projectStream(name));
    const planned = Object.values(project.environments).flatMap((e) => plannedFreezes(e.document, now));
    views.push(...freezeViews(project, name), ...planned);
  }
  return views.filter((view) => view.until === null || now < view.until);
}
