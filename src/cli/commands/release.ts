import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { readBundle } from '../../drivers/kubernetes/bundle/bundle.ts';
import { Digest, shortDigest } from '../../core/model/digest.ts';
import { formatInstant } from '../../core/model/time-format.ts';
import { ArtifactStored, type OpenReleaseRequest, ReleaseList, ReleaseView } from '../../server/schemas.ts';
import { type ApiClient, apiPath } from '../client.ts';
import { connect, connectToChange } from '../connect.ts';
import { CliFailure, usage } from '../failure.ts';
import type { OutputFormat } from '../output-formats.ts';
import { age, type Column, printAnswer, printObject } from '../output.ts';
import type { ConnectionOptions } from '../settings.ts';
import { findRelease, findService } from '../targets.ts';
import { printData, printable, say, sayNext } from '../terminal.ts';

interface ReleaseOptions extends ConnectionOptions {
  readonly service?: string;
  readonly output?: OutputFormat;
}

const releaseName = (release: ReleaseView): string =>
  `release/${release.project}/${release.service}/${release.name}`;

async function printDone(
  release: ReleaseView,
  done: string,
  output: OutputFormat | undefined,
): Promise<void> {
  if (output === 'json' || output === 'yaml') return printObject(output, release);
  printData(`${releaseName(release)}${output === 'name' ? '' : ` ${done}`}`);
}

/** Opens a release for a commit. */
export async function openRelease(
  service: string,
  name: string,
  options: ReleaseOptions & {
    readonly commit: string;
    readonly summary: string;
    readonly contributor: readonly string[];
  },
): Promise<void> {
  const client = await connectToChange(options);
  const found = await findService(client, service);
  const request: OpenReleaseRequest = {
    ...found,
    name,
    commit: options.commit,
    summary: options.summary,
    contributors: [...options.contributor],
  };
  const release = await client.mutate('POST', '/v1/releases', request, ReleaseView);
  await printDone(release, 'opened', options.output);
  sayNext(`belay release attach ${name} --tests unit.xml --artifact FILE`);
  sayNext(`belay release seal ${name} --artifact FILE`);
}

/** Attaches a test report or a signed statement. */
export async function attachToRelease(
  text: string,
  options: ReleaseOptions & {
    readonly tests?: string;
    readonly statement?: string;
    readonly name?: string;
    readonly artifact?: string;
  },
): Promise<void> {
  if ((options.tests === undefined) === (options.statement === undefined))
    throw usage('attach either --tests FILE or --statement FILE');
  const body =
    options.tests === undefined ? await statementBody(options) : await testsBody(options.tests, options);
  const client = await connectToChange(options);
  const release = await findRelease(client, text, options.service);
  const path = apiPath`/v1/releases/${release.project}/${release.service}/${release.name}/attachments`;
  const answer = await client.mutate('POST', path, body, ReleaseView);
  await printDone(
    answer,
    `has ${body.type === 'tests' ? 'test report' : 'statement'} ${body.name}`,
    options.output,
  );
}

async function testsBody(
  file: string,
  options: { readonly artifact?: string; readonly name?: string },
): Promise<{ type: 'tests'; name: string; artifact: string; junit: string }> {
  if (options.artifact === undefined)
    throw usage(
      'say which artifact was tested: --artifact FILE or its digest; a report counts for nothing else',
    );
  const junit = (await readBytes(file)).toString('utf8');
  return { type: 'tests', name: options.name ?? 'unit', artifact: await digestOf(options.artifact), junit };
}

async function statementBody(options: {
  readonly statement?: string;
  readonly name?: string;
}): Promise<{ type: 'statement'; name: string; envelope: unknown }> {
  const file = options.statement ?? '';
  const text = (await readBytes(file)).toString('utf8');
  let envelope: unknown;
  try {
    envelope = JSON.parse(text);
  } catch {
    throw new CliFailure('error', `${file} is no JSON; a statement is a DSSE envelope`);
  }
  return { type: 'statement', name: options.name ?? nameFromFile(file), envelope };
}

/** `out/provenance.dsse.json` is `provenance`. */
const nameFromFile = (file: string): string =>
  (basename(file).split('.')[0] ?? '')
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, '-')
    .replace(/^-+|-+$/g, '') || 'statement';

/** Uploads the artifact where it is a file, and fixes what the release is. */
export async function sealRelease(
  text: string,
  options: ReleaseOptions & {
    readonly artifact?: string;
    readonly artifactName?: string;
    readonly image?: string;
    readonly bundle?: string;
    readonly pipeline?: string;
    readonly contributor: readonly string[];
  },
): Promise<void> {
  const { artifact: file } = options;
  const artifact = file === undefined ? imageOf(options) : await fileOf(file, options);
  const bundle = options.bundle === undefined ? undefined : await bundleOf(options.bundle, artifact.digest);
  const client = await connectToChange(options);
  const release = await findRelease(client, text, options.service);
  for (const upload of [file, options.bundle])
    if (upload !== undefined && !Digest.safeParse(upload).success) await uploadFile(client, upload);
  const path = apiPath`/v1/releases/${release.project}/${release.service}/${release.name}/seal`;
  const body = {
    artifact,
    contributors: options.contributor,
    ...(bundle === undefined ? {} : { bundle }),
    ...(options.pipeline === undefined ? {} : { pipeline: options.pipeline }),
  };
  await printDone(await client.mutate('POST', path, body, ReleaseView), 'sealed', options.output);
  sayNext(`belay promote ${release.name}   in the next stage that does not start by itself`);
  sayNext(`belay why ${release.service}`);
}

interface SealedArtifact {
  readonly name: string;
  readonly digest: string;
  readonly kind?: 'image';
}

interface ArtifactOptions {
  readonly artifact?: string;
  readonly artifactName?: string;
  readonly image?: string;
}

async function fileOf(file: string, { artifactName, image }: ArtifactOptions): Promise<SealedArtifact> {
  if (image !== undefined) throw usage('a release has one artifact: either --artifact or --image');
  return { name: artifactName ?? basename(file), digest: await digestOf(file) };
}

/** REGISTRY/REPOSITORY@sha256:…, as `docker push` and CI print it. */
function imageOf({ image, artifactName }: ArtifactOptions): SealedArtifact {
  if (image === undefined)
    throw usage('say what the release is: --artifact FILE, or --image REPOSITORY@sha256:…');
  const [, name = '', digest = ''] = /^([^\s@]+)@(sha256:[0-9a-f]{64})$/.exec(image) ?? [];
  if (digest === '')
    throw usage(`${image} is no image by digest: REGISTRY/REPOSITORY@sha256:… (a tag is no identity)`);
  return { name: artifactName ?? name, digest, kind: 'image' };
}

/** The bundle's digest. A file is read as the driver will read it, so that what is refused later is refused now. */
async function bundleOf(bundle: string, artifact: string): Promise<string> {
  if (Digest.safeParse(bundle).success) return bundle;
  const read = readBundle((await readBytes(bundle)).toString('utf8'), artifact);
  if (!read.ok) throw new CliFailure('error', `${bundle} is refused:\n  ${read.error.join('\n  ')}`);
  return digestOf(bundle);
}

async function uploadFile(client: ApiClient, file: string): Promise<void> {
  const bytes = await readBytes(file);
  const digest = await digestOf(file);
  const stored = await client.put(apiPath`/v1/artifacts/${digest}`, new Uint8Array(bytes), ArtifactStored);
  say(`uploaded ${file}: ${stored.digest}, ${stored.bytes} bytes`);
}

/** A digest as it is, or that of a file's bytes. */
async function digestOf(fileOrDigest: string): Promise<string> {
  if (Digest.safeParse(fileOrDigest).success) return fileOrDigest;
  if (fileOrDigest.startsWith('sha256:'))
    throw usage(`${fileOrDigest} is no digest: sha256: and 64 lower-case hex digits`);
  return `sha256:${createHash('sha256')
    .update(await readBytes(fileOrDigest))
    .digest('hex')}`;
}

async function readBytes(file: string): Promise<Buffer> {
  return readFile(file).catch((error: unknown) => {
    throw new CliFailure('error', `cannot read ${file}: ${(error as Error).message}`);
  });
}

/** Prints one release with its evidence and stages. */
export async function showRelease(text: string, options: ReleaseOptions): Promise<void> {
  const client = await connect(options);
  const release = await findRelease(client, text, options.service);
  if (options.output === 'json' || options.output === 'yaml') return printObject(options.output, release);
  if (options.output === 'name') return printData(releaseName(release));
  for (const line of releaseLines(release)) printData(printable(line.trimEnd()));
}

function releaseLines(release: ReleaseView): readonly string[] {
  const field = (name: string, value: string): string => `${`${name}:`.padEnd(14)}${value}`;
  const { sealed } = release;
  return [
    field('Release', releaseName(release).replace('release/', '')),
    field('Commit', release.commit),
    field('Summary', release.summary === '' ? '-' : release.summary),
    field('Contributors', `${release.contributors.join(', ') || '-'} (as CI claims them)`),
    field('Opened', `${formatInstant(release.openedAt)} by ${release.openedBy.id}`),
    field('Sealed', sealed === null ? 'not yet: it waits for build confidence' : sealed.digest),
    ...(sealed === null ? [] : [field('Artifact', `${sealed.artifact.name} ${sealed.artifact.digest}`)]),
    field('Evidence', release.attachments.length === 0 ? 'none' : ''),
    ...release.attachments.map((a) => {
      const counts =
        a.counts === undefined
          ? ''
          : `: ${a.counts.total} tests, ${a.counts.failed} failed, ${a.counts.skipped} skipped, of ${shortDigest(a.artifact ?? '')}`;
      return `  ${a.type} ${a.name}${counts}, by ${a.by.id} at ${formatInstant(a.at)}`;
    }),
    field('Stages', release.stages.length === 0 ? 'none yet' : ''),
    ...release.stages.map((s) => `  ${s.stage}: ${s.state} at ${formatInstant(s.at)} (${s.promotion})`),
  ];
}

/** Prints releases, newest first. */
export async function listReleases(
  service: string | undefined,
  options: ReleaseOptions & { readonly limit: string },
): Promise<void> {
  const client = await connect(options);
  const answer = await client.get(
    '/v1/releases',
    { project: client.settings.project, service, limit: options.limit },
    ReleaseList,
  );
  const now = Date.now();
  const columns: readonly Column<ReleaseView>[] = [
    { heading: 'NAME', cell: (r) => r.name },
    { heading: 'PROJECT', cell: (r) => r.project, wide: true },
    { heading: 'SERVICE', cell: (r) => r.service },
    { heading: 'COMMIT', cell: (r) => r.commit.slice(0, 12) },
    { heading: 'STATE', cell: (r) => (r.sealed === null ? 'open' : 'sealed') },
    { heading: 'STAGES', cell: (r) => r.stages.map((s) => `${s.stage}:${s.state}`).join(',') },
    { heading: 'ARTIFACT', cell: (r) => r.sealed?.artifact.digest ?? '', wide: true },
    { heading: 'AGE', cell: (r) => age(r.openedAt, now) },
  ];
  await printAnswer(options.output, answer, {
    rows: answer.releases,
    columns,
    name: releaseName,
    empty: 'There is no release yet.',
  });
}
