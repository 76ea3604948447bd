import { ok } from '../../core/model/result.ts';
import { readBefore } from '../../store/history.ts';
import { visibleProjects } from '../access.ts';
import { type App, operation } from '../operation.ts';
import type { ServerParts } from '../parts.ts';
import { HistoryQuery } from '../queries.ts';
import { HistoryAnswer } from '../schemas-ledger.ts';
import { historyView } from '../views/entry-view.ts';

/** What was recorded, newest first. */
export function historyRoutes(app: App, parts: ServerParts): void {
  operation(
    app,
    {
      method: 'get',
      path: '/v1/history',
      summary: 'Entries of the ledger, newest first (view)',
      query: HistoryQuery,
      answer: HistoryAnswer,
    },
    async ({ by, query }) => {
      const projects = visibleProjects(by, query.project);
      if (!projects.ok) return projects;
      const placed = await readBefore(
        parts.pool,
        query.before ?? Number.MAX_SAFE_INTEGER,
        {
          projects: projects.value,
          service: query.service ?? null,
          environment: query.environment ?? null,
        },
        query.limit,
      );
      const last = placed.at(-1);
      return ok({
        entries: placed.map(historyView),
        next: last === undefined || placed.length < query.limit ? null : last.index,
      });
    },
  );
}
