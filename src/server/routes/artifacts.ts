import { Readable } from 'node:stream';
import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { Digest } from '../../core/model/digest.ts';
import { type ArtifactRefusal, tooLarge } from '../../ports/artifacts.ts';
import { projectsOfArtifact } from '../../store/releases.ts';
import { may, needSomewhere, projectsWith } from '../access.ts';
import type { DoorEnv } from '../door.ts';
import type { App } from '../operation.ts';
import type { ServerParts } from '../parts.ts';
import { problemResponse, refuse } from '../refusal.ts';
import { ArtifactStored } from '../schemas.ts';

const path = '/v1/artifacts/{digest}';
const bytes = { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } } as const;

/** Taking artifacts in and giving them out, as streams. */
export function artifactRoutes(app: App, parts: ServerParts): void {
  const common = { path, security: [{ bearer: [] }], request: { params: z.object({ digest: Digest }) } };
  app.openAPIRegistry.registerPath({
    ...common,
    method: 'put',
    summary: 'Store an artifact under its digest (create-release)',
    request: { ...common.request, body: { content: bytes, required: true } },
    responses: {
      200: { description: 'Was there', content: { 'application/json': { schema: ArtifactStored } } },
      201: { description: 'Stored', content: { 'application/json': { schema: ArtifactStored } } },
    },
  });
  app.openAPIRegistry.registerPath({
    ...common,
    method: 'get',
    summary: 'An artifact’s bytes (view in a project that has a release of it)',
    responses: { 200: { description: 'The bytes', content: bytes } },
  });
  app.put('/v1/artifacts/:digest', (c) => put(parts, c));
  app.get('/v1/artifacts/:digest', (c) => get(parts, c));
}

async function put(parts: ServerParts, c: Context<DoorEnv>): Promise<Response> {
  const allowed = needSomewhere(c.get('principal'), 'create-release');
  if (!allowed.ok) return problemResponse(allowed.error);
  const digest = Digest.safeParse(c.req.param('digest'));
  if (!digest.success) return notADigest();
  const { mostBytes } = parts.artifacts;
  if (Number(c.req.header('content-length') ?? 0) > mostBytes) return refusalOf(tooLarge(mostBytes));
  const body: AsyncIterable<Uint8Array> = c.req.raw.body ?? new ReadableStream({ start: (s) => s.close() });
  const stored = await parts.artifacts.store(digest.data, body);
  if (!stored.ok) return refusalOf(stored.error);
  return Response.json(
    { digest: digest.data, bytes: stored.value.bytes },
    { status: stored.value.created ? 201 : 200 },
  );
}

/** Also answers HEAD. Whoever may upload may ask whether it is there; its bytes are for those who may see a release of it. */
async function get(parts: ServerParts, c: Context<DoorEnv>): Promise<Response> {
  const by = c.get('principal');
  const digest = Digest.safeParse(c.req.param('digest'));
  if (!digest.success) return notADigest();
  const head = c.req.method === 'HEAD';
  const uploader = head && needSomewhere(by, 'create-release').ok;
  if (!uploader && projectsWith(by, 'view') !== null) {
    const projects = await projectsOfArtifact(parts.pool, digest.data);
    if (!projects.some((project) => may(by, 'view', project))) {
      const detail = `${by.subject.id} may not view a project that has a release of this artifact`;
      return problemResponse(refuse(403, 'not-allowed', detail).error);
    }
  }
  const found = head ? await sizeAlone(parts, digest.data) : await parts.artifacts.read(digest.data);
  if (found === null)
    return problemResponse(refuse(404, 'unknown-artifact', `artifact ${digest.data} is not here`).error);
  const headers = { 'content-type': 'application/octet-stream', 'content-length': String(found.bytes) };
  if (found.content === null) return new Response(null, { headers });
  const stream = Readable.toWeb(Readable.from(found.content)) as ReadableStream<Uint8Array>;
  return new Response(stream, { headers });
}

async function sizeAlone({ artifacts }: ServerParts, digest: Digest) {
  const bytes = await artifacts.size(digest);
  return bytes === null ? null : { bytes, content: null };
}

const statuses = { 'digest-mismatch': 422, 'too-large': 413, 'no-space': 507 } as const;

const refusalOf = ({ code, message }: ArtifactRefusal): Response =>
  problemResponse(refuse(statuses[code], code, message).error);

const notADigest = () =>
  problemResponse(
    refuse(400, 'invalid-request', 'expected a digest: sha256: and 64 lower-case hex digits').error,
  );
