import { projectsWith } from '../access.ts';
import type { App } from '../operation.ts';
import type { ServerParts } from '../parts.ts';
import { problemResponse, refuse } from '../refusal.ts';

const readyWithinMs = 2_000;

/** What anybody may ask: whether the process lives, and whether it can serve. */
export function openRoutes(app: App, parts: ServerParts): void {
  app.get('/healthz', (c) => c.json({ status: 'ok' }));
  app.get('/readyz', async (c) => {
    if (parts.closing.aborted)
      return problemResponse(refuse(503, 'not-available', 'the server is closing').error);
    return (await databaseAnswers(parts))
      ? c.json({ status: 'ok' })
      : problemResponse(refuse(503, 'not-available', 'the database does not answer').error);
  });
}

async function databaseAnswers(parts: ServerParts): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), readyWithinMs);
  });
  const answer = parts.pool.query('select 1').then(
    () => true,
    () => false,
  );
  const answered = await Promise.race([answer, tooLate]);
  clearTimeout(timer);
  return answered;
}

/** What the server says of itself. */
export function selfRoutes(app: App, parts: ServerParts): void {
  app.get('/metrics', async (c) => {
    if (projectsWith(c.get('principal'), 'view') !== null)
      return problemResponse(
        refuse(403, 'not-allowed', `${c.get('principal').subject.id} may not view all projects`).error,
      );
    const { body, contentType } = await parts.metrics.expose();
    return c.body(body, 200, { 'content-type': contentType });
  });
  app.openAPIRegistry.registerComponent('securitySchemes', 'bearer', { type: 'http', scheme: 'bearer' });
  let document: string | undefined;
  app.get('/v1/openapi.json', (c) => {
    // Made once, when first asked for: the routes do not change, and making it is not cheap.
    document ??= JSON.stringify(app.getOpenAPI31Document(about));
    return c.body(document, 200, { 'content-type': 'application/json' });
  });
}

const about = {
  openapi: '3.1.0',
  info: {
    title: 'Belay',
    version: 'v1',
    description: 'Progressive delivery: what is promoted, why it waits, and the proof of why it moved.',
  },
};
