import { Diagnostics } from '../../core/model/diagnostics.ts';
import { ok } from '../../core/model/result.ts';
import { sentenceOf } from '../../core/report/sentences.ts';
import { readContent } from '../../store/content.ts';
import { need } from '../access.ts';
import { type App, operation } from '../operation.ts';
import type { ServerParts } from '../parts.ts';
import { DiagnosticsQuery } from '../queries.ts';
import { DiagnosticsList } from '../schemas-diagnostics.ts';
import { serviceSlots } from '../views/service-slots.ts';

/** What releases that were turned back said before they were removed. */
export function diagnosticsRoutes(app: App, parts: ServerParts): void {
  operation(
    app,
    {
      method: 'get',
      path: '/v1/diagnostics',
      summary: 'Last log lines and events of releases that were turned back, the latest first (view)',
      query: DiagnosticsQuery,
      answer: DiagnosticsList,
    },
    async ({ by, query: { project, service, environment, release } }) => {
      const allowed = need(by, 'view', project);
      if (!allowed.ok) return allowed;
      const found = await serviceSlots(parts, { project, service, environment });
      const kept = found
        .flatMap(({ key, slot }) => slot.ended.map((end) => ({ ...end, environment: key.environment })))
        .filter((end) => end.diagnostics !== undefined && (release ?? end.release) === end.release)
        .sort((a, b) => b.at - a.at);
      const content = await readContent(
        parts.pool,
        kept.flatMap(({ diagnostics }) => diagnostics ?? []),
      );
      return ok({
        diagnostics: kept.map(({ environment: where, id, release: name, state, reason, at, diagnostics }) => {
          const bytes = content.get(diagnostics ?? '');
          return {
            environment: where,
            promotion: id,
            release: name,
            state,
            reason: sentenceOf(reason),
            at,
            diagnostics: bytes === undefined ? null : Diagnostics.parse(JSON.parse(bytes)),
          };
        }),
      });
    },
  );
}
