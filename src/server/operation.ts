import { createRoute, type OpenAPIHono, type z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { Principal } from './access.ts';
import type { DoorEnv } from './door.ts';
import { type Answer, problemResponse } from './refusal.ts';
import { Problem } from './schemas.ts';

/** The application that routes are registered on. */
export type App = OpenAPIHono<DoorEnv>;

/** One request behind the door: who asks, and what was sent, checked by its schemas. */
export interface Call<Params, Query, Body> {
  readonly by: Principal;
  readonly commandId: string;
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
}

/** A route as it is published. */
export interface Operation<
  P extends z.ZodObject,
  Q extends z.ZodObject,
  B extends z.ZodType,
  A extends z.ZodType,
> {
  readonly method: 'get' | 'post' | 'delete';
  /** With parameters as `{name}`. */
  readonly path: string;
  readonly summary: string;
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  readonly answer: A;
}

const problems = {
  description: 'Refused; the code says why',
  content: { 'application/problem+json': { schema: Problem } },
} as const;

/** Registers one JSON route. What the handler refuses becomes problem+json; what it returns is the answer. */
export function operation<
  A extends z.ZodType,
  P extends z.ZodObject = z.ZodObject,
  Q extends z.ZodObject = z.ZodObject,
  B extends z.ZodType = z.ZodUndefined,
>(
  app: App,
  route: Operation<P, Q, B, A>,
  handle: (call: Call<z.output<P>, z.output<Q>, z.output<B>>) => Promise<Answer<z.output<A>>>,
): void {
  const { params, query, body } = route;
  const definition = createRoute({
    method: route.method,
    path: route.path,
    summary: route.summary,
    security: [{ bearer: [] }],
    request: {
      ...(params === undefined ? {} : { params }),
      ...(query === undefined ? {} : { query }),
      ...(body === undefined
        ? {}
        : { body: { content: { 'application/json': { schema: body } }, required: true } }),
    },
    responses: {
      200: { description: 'Done', content: { 'application/json': { schema: route.answer } } },
      default: problems,
    },
  });
  const handler = async (c: Context<DoorEnv>): Promise<Response> => {
    // The validators that the definition put before this have run; what they left has exactly these types.
    const valid = (part: 'param' | 'query' | 'json'): unknown => c.req.valid(part as never);
    const answer = await handle({
      by: c.get('principal'),
      commandId: c.get('commandId'),
      params: (params === undefined ? {} : valid('param')) as z.output<P>,
      query: (query === undefined ? {} : valid('query')) as z.output<Q>,
      body: (body === undefined ? undefined : valid('json')) as z.output<B>,
    });
    return answer.ok ? Response.json(answer.value) : problemResponse(answer.error);
  };
  // The definition is generic here, so that the library cannot tell the answer's type; `handle` is held to it.
  app.openapi(definition, handler as never);
}
