import { standingsOf } from '../../core/decide/standings.ts';
import { whyReport } from '../../core/report/why.ts';
import { ok } from '../../core/model/result.ts';
import { listSlots, mostSlots } from '../../store/slots-listing.ts';
import { databaseNow } from '../../store/streams.ts';
import { need, visibleProjects } from '../access.ts';
import { type App, operation } from '../operation.ts';
import type { ServerParts } from '../parts.ts';
import { SlotQuery, WhyQuery } from '../queries.ts';
import { SlotList, type SlotView } from '../schemas.ts';
import { WhyAnswer } from '../schemas-why.ts';
import { serviceSlots } from '../views/service-slots.ts';
import { slotView } from '../views/slot-view.ts';

/** What runs where, what is on its way, and why it waits. */
export function slotRoutes(app: App, parts: ServerParts): void {
  operation(
    app,
    {
      method: 'get',
      path: '/v1/slots',
      summary: 'What is stable, what moves and what waits, in each slot (view)',
      query: SlotQuery,
      answer: SlotList,
    },
    async ({ by, query }) => {
      const projects = visibleProjects(by, query.project);
      if (!projects.ok) return projects;
      const listed = await listSlots(parts.pool, {
        projects: projects.value,
        service: query.service ?? null,
        environment: query.environment ?? null,
      });
      const slots: SlotView[] = [];
      for (const slot of listed) slots.push(await slotView(parts, slot));
      return ok({ slots, truncated: listed.length === mostSlots });
    },
  );
  operation(
    app,
    {
      method: 'get',
      path: '/v1/why',
      summary: 'What a service waits for, who must act, and what happens next (view)',
      query: WhyQuery,
      answer: WhyAnswer,
    },
    async ({ by, query: { project, service, environment } }) => {
      const allowed = need(by, 'view', project);
      if (!allowed.ok) return allowed;
      const found = await serviceSlots(parts, { project, service, environment });
      const slots = found.map(({ slot, waits, project: documents }) => ({
        slot,
        waits,
        standings: standingsOf(slot, documents),
      }));
      return ok(whyReport({ project, service }, slots, await databaseNow(parts.pool)));
    },
  );
}
