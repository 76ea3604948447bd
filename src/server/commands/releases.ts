import { requestBySystem } from '../../core/decide/outcomes.ts';
import { seal } from '../../core/model/digest.ts';
import type { ReleaseEntry } from '../../core/model/entries.ts';
import { projectStream, type ReleaseKey, releaseStream, slotStream } from '../../core/model/name.ts';
import { ok } from '../../core/model/result.ts';
import type { Attachment, SealedRelease } from '../../core/model/release.ts';
import type { ReleaseState } from '../../core/model/state.ts';
import type { Millis } from '../../core/model/time.ts';
import type { z } from 'zod';
import type { StreamFacts } from '../../store/append-together.ts';
import { keepContent } from '../../store/content.ts';
import { listRelease } from '../../store/releases.ts';
import { need, type Principal } from '../access.ts';
import { countTests } from '../junit.ts';
import type { ServerParts } from '../parts.ts';
import { type Answer, refuse } from '../refusal.ts';
import type { AttachRequest, OpenReleaseRequest, ReleaseView, SealReleaseRequest } from '../schemas.ts';
import { relist, releaseView } from '../views/release-view.ts';
import { record, recordTogether } from './record.ts';

/** Every turn that reads a release reads all that is attached to it. */
const mostAttachments = 100;

/** Opens a release for a commit. A name is given once. */
export async function openRelease(
  parts: ServerParts,
  by: Principal,
  request: z.output<typeof OpenReleaseRequest>,
): Promise<Answer<ReleaseView>> {
  const { project, service, name, commit, summary, contributors } = request;
  const allowed = need(by, 'create-release', project);
  if (!allowed.ok) return allowed;
  const known = await parts.folds.project(projectStream(project));
  if (known.seq === 0) return refuse(404, 'unknown-project', `there is no project ${project}`);
  const key: ReleaseKey = { project, service, name };
  const stream = releaseStream(key);
  const recorded = await record(parts, stream, async (now) => {
    const state = await parts.folds.release(stream);
    if (state !== null)
      return refuse(
        409,
        'release-exists',
        `release ${name} of ${service} was opened before, for commit ${state.commit}`,
      );
    const entry: ReleaseEntry = { type: 'opened', at: now, by: by.subject, commit, summary, contributors };
    await listRelease(parts.pool, key, commit, now);
    return ok(entry);
  });
  return recorded.ok ? shown(parts, key) : recorded;
}

/** Attaches evidence. Whether it counts is the gates' to judge; here it only has to be whole. */
export async function attach(
  parts: ServerParts,
  by: Principal,
  key: ReleaseKey,
  request: AttachRequest,
): Promise<Answer<ReleaseView>> {
  const allowed = need(by, 'create-release', key.project);
  if (!allowed.ok) return allowed;
  const attachment = readAttachment(parts, request);
  if (!attachment.ok) return attachment;
  const stream = releaseStream(key);
  const recorded = await record(parts, stream, async (now) => {
    const state = await parts.folds.release(stream);
    if (state === null) return unknownRelease(key);
    if (state.attachments.length >= mostAttachments)
      return refuse(
        409,
        'too-many-attachments',
        `release ${key.name} has ${mostAttachments} attachments already`,
      );
    const sealed = state.sealed?.release.artifact.digest;
    const { value } = attachment;
    if (value.type === 'tests' && sealed !== undefined && value.artifact !== sealed)
      return refuse(
        422,
        'digest-mismatch',
        `release ${key.name} is sealed with ${sealed}, not ${value.artifact}`,
      );
    // Kept only for an entry that names it: what nobody names is never removed.
    if (value.type === 'tests' && request.type === 'tests')
      await keepContent(parts.pool, value.content, request.junit);
    return ok({ type: 'attached', at: now, by: by.subject, attachment: value });
  });
  return recorded.ok ? shown(parts, key) : recorded;
}

function readAttachment(parts: ServerParts, request: AttachRequest): Answer<Attachment> {
  if (request.type === 'statement') return ok(request);
  const counts = countTests(request.junit);
  if (!counts.ok) return refuse(422, 'invalid-report', counts.error);
  const content = parts.crypto.digest(request.junit);
  return ok({ type: 'tests', name: request.name, artifact: request.artifact, content, counts: counts.value });
}

/**
 * Seals a release: immutable from then on. In the same transaction the stages that take it by themselves, and wait
 * for no other stage, ask for it.
 */
export async function sealRelease(
  parts: ServerParts,
  by: Principal,
  key: ReleaseKey,
  request: z.output<typeof SealReleaseRequest>,
): Promise<Answer<ReleaseView>> {
  const allowed = need(by, 'create-release', key.project);
  if (!allowed.ok) return allowed;
  const stream = releaseStream(key);
  if ((await parts.folds.release(stream)) === null) return unknownRelease(key);
  const bytes = await sizeOf(parts, request.artifact);
  if (!bytes.ok) return bytes;
  if (request.bundle !== undefined && (await parts.artifacts.size(request.bundle)) === null)
    return notUploaded('bundle', request.bundle);
  const asking = await firstStages(parts, key, request.pipeline);
  if (!asking.ok) return asking;
  const streams = [stream, ...asking.value.map((a) => a.stream)];
  const recorded = await recordTogether(parts, streams, async (now) => {
    const state = await parts.folds.release(stream);
    if (state === null) return unknownRelease(key);
    if (state.sealed !== null) {
      await relist(parts, key, state);
      return refuse(
        409,
        'already-sealed',
        `release ${key.name} was sealed before, as ${state.sealed.digest}`,
      );
    }
    const release = sealedRelease(key, state, request, bytes.value);
    const sealed = seal(parts.crypto, release).digest;
    const fact: ReleaseEntry = { type: 'sealed', at: now, by: by.subject, sealed, release };
    return ok([{ stream, entries: [fact] }, ...asking.value.map((a) => a.ask(state, now))]);
  });
  if (!recorded.ok) return recorded;
  const state = await parts.folds.release(stream);
  if (state !== null) await relist(parts, key, state);
  return shown(parts, key);
}

const notUploaded = (what: string, digest: string) =>
  refuse(409, 'unknown-artifact', `${what} ${digest} was not uploaded; PUT /v1/artifacts first`);

/** An uploaded file's size. An image is not here: its registry and its digest answer for it. */
async function sizeOf(
  parts: ServerParts,
  artifact: z.output<typeof SealReleaseRequest>['artifact'],
): Promise<Answer<number | null>> {
  if (artifact.kind === 'image') return ok(null);
  const bytes = await parts.artifacts.size(artifact.digest);
  return bytes === null ? notUploaded('artifact', artifact.digest) : ok(bytes);
}

function sealedRelease(
  key: ReleaseKey,
  state: ReleaseState,
  request: z.output<typeof SealReleaseRequest>,
  bytes: number | null,
): SealedRelease {
  const { name, digest } = request.artifact;
  return {
    key,
    commit: state.commit,
    artifact: { name, digest, bytes },
    bundle: request.bundle ?? null,
    contributors: [...new Set([...state.contributors, ...request.contributors])].sort(),
    summary: state.summary,
    openedBy: state.openedBy,
  };
}

interface Asking {
  readonly stream: string;
  readonly ask: (state: ReleaseState, now: Millis) => StreamFacts;
}

/** The stages that ask for a release as soon as it is sealed, of the pipeline that was named, else of all of the service. */
async function firstStages(
  parts: ServerParts,
  key: ReleaseKey,
  pipeline: string | undefined,
): Promise<Answer<readonly Asking[]>> {
  const project = await parts.folds.project(projectStream(key.project));
  const own = Object.values(project.pipelines).filter(
    ({ document }) =>
      document.spec.service === key.service &&
      (pipeline === undefined || document.metadata.name === pipeline),
  );
  if (pipeline !== undefined && own.length === 0)
    return refuse(404, 'unknown-document', `${key.service} has no pipeline ${pipeline}`);
  const asking = own.flatMap(({ digest, document }) =>
    document.spec.stages
      .filter((stage) => stage.promote === 'auto' && stage.after.length === 0)
      .map((stage): Asking => {
        const stream = slotStream({ ...key, environment: stage.environment });
        return {
          stream,
          ask: (state, now) => ({
            stream,
            entries: [requestBySystem(stage, digest, key.name, now, state.stages[stage.name] !== undefined)],
          }),
        };
      }),
  );
  return ok(asking);
}

async function shown(parts: ServerParts, key: ReleaseKey): Promise<Answer<ReleaseView>> {
  const view = await releaseView(parts, key);
  return view === null ? unknownRelease(key) : ok(view);
}

export const unknownRelease = (key: ReleaseKey) =>
  refuse(
    404,
    'unknown-release',
    `there is no release ${key.name} of ${key.service} in project ${key.project}`,
  );
