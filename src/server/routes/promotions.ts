import { z } from '@hono/zod-openapi';
import { Name } from '../../core/model/name.ts';
import { decideOn, type PersonsDecision } from '../commands/decisions.ts';
import { requestPromotion } from '../commands/promotions.ts';
import { type App, type Call, operation } from '../operation.ts';
import type { ServerParts } from '../parts.ts';
import {
  ApproveRequest,
  NoteRequest,
  PromotionId,
  PromotionRequest,
  PromotionRequested,
  Recorded,
  RejectRequest,
  WaiveRequest,
} from '../schemas.ts';

const params = z.object({ project: Name, environment: Name, service: Name, id: PromotionId });
type Params = z.output<typeof params>;
const path = '/v1/promotions/{project}/{environment}/{service}/{id}';

const summaries = {
  pause: 'Hold a promotion where it stands (promote)',
  resume: 'Let a held promotion go on (promote)',
  abort: 'End an unfinished promotion and return to stable (promote or rollback)',
} as const;

/** Asking for promotions and rollbacks, and deciding on them. */
export function promotionRoutes(app: App, parts: ServerParts): void {
  operation(
    app,
    {
      method: 'post',
      path: '/v1/promotions',
      summary: 'Ask for a promotion or a rollback (promote, or rollback)',
      body: PromotionRequest,
      answer: PromotionRequested,
    },
    ({ by, commandId, body }) => requestPromotion(parts, by, commandId, body),
  );
  const decide = ({ by, params: p }: Call<Params, unknown, unknown>, decision: PersonsDecision) =>
    decideOn(
      parts,
      by,
      { project: p.project, environment: p.environment, service: p.service },
      p.id,
      decision,
    );
  operation(
    app,
    {
      method: 'post',
      path: `${path}/approve`,
      summary: 'Approve exactly this promotion plan (approve; people only)',
      params,
      body: ApproveRequest,
      answer: Recorded,
    },
    (call) => decide(call, { action: 'approve', ...call.body }),
  );
  operation(
    app,
    {
      method: 'post',
      path: `${path}/reject`,
      summary: 'Refuse a promotion (approve)',
      params,
      body: RejectRequest,
      answer: Recorded,
    },
    (call) => decide(call, { action: 'reject', ...call.body }),
  );
  operation(
    app,
    {
      method: 'post',
      path: `${path}/waive`,
      summary:
        'Let a promotion leave its weight without an answer of a metric gate that lacks traffic or metrics (waive; people only)',
      params,
      body: WaiveRequest,
      answer: Recorded,
    },
    (call) => decide(call, { action: 'waive', ...call.body }),
  );
  for (const action of ['pause', 'resume', 'abort'] as const) {
    operation(
      app,
      {
        method: 'post',
        path: `${path}/${action}`,
        summary: summaries[action],
        params,
        body: NoteRequest,
        answer: Recorded,
      },
      (call) => decide(call, { action, ...call.body }),
    );
  }
}
