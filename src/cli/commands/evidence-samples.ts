import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { packPaths } from '../../core/evidence/layout.ts';
import { SlotEntry } from '../../core/model/entries.ts';
import { EvidenceManifest } from '../../core/model/evidence.ts';
import type { Digest } from '../../core/model/digest.ts';
import { Sample } from '../../core/model/observation.ts';
import { CliFailure, usage } from '../failure.ts';
import { printData } from '../terminal.ts';

interface SamplesOptions {
  readonly environment?: string;
  readonly promotion?: string;
}

/** One promotion of the pack's release, and the batches of samples that it was judged by, in their order. */
interface Sampled {
  readonly promotion: string;
  readonly environment: string;
  readonly batches: readonly Digest[];
}

/**
 * Prints what a release's rollout was judged by, one sample a line, as `analysis replay` reads it. Takes the pack as it
 * is: whether it is genuine is for `evidence verify` to say.
 */
export async function evidenceSamples(folder: string, options: SamplesOptions): Promise<void> {
  const { release } = await manifestOf(folder);
  const found = (await rolloutsIn(folder, release.name)).filter(
    ({ environment, promotion }) =>
      (options.environment ?? environment) === environment && (options.promotion ?? promotion) === promotion,
  );
  const [only, ...others] = found;
  if (only === undefined)
    throw new CliFailure('error', `${folder} has no samples of ${release.name} that were asked for`, [
      'a first release, and one that went to all traffic at once, was compared with nothing',
    ]);
  if (others.length > 0)
    throw usage(
      `${release.name} was compared in ${found.length} rollouts; say which`,
      ...found.map(({ environment, promotion }) => `--environment ${environment} --promotion ${promotion}`),
    );
  for (const batch of only.batches)
    for (const sample of await batchIn(folder, batch)) printData(JSON.stringify(sample));
}

async function manifestOf(folder: string): Promise<EvidenceManifest> {
  const parsed = EvidenceManifest.safeParse(JSON.parse(await textOf(folder, packPaths.manifest)));
  if (parsed.success) return parsed.data;
  throw new CliFailure('error', `${folder} is no evidence pack: ${z.prettifyError(parsed.error)}`, [
    'belay evidence export RELEASE',
  ]);
}

async function rolloutsIn(folder: string, release: string): Promise<readonly Sampled[]> {
  const streams = (await readdir(join(folder, 'streams'))).filter((name) => name.startsWith('slot.'));
  const found = await Promise.all(streams.sort().map((name) => rolloutsOf(folder, name, release)));
  return found.flat();
}

const Line = z.object({ stream: z.string(), entry: SlotEntry });

async function rolloutsOf(folder: string, name: string, release: string): Promise<readonly Sampled[]> {
  const batches = new Map<string, Digest[]>();
  let environment = '';
  for (const text of (await textOf(folder, `streams/${name}`)).trimEnd().split('\n')) {
    const { stream, entry } = Line.parse(JSON.parse(text));
    environment = stream.split('/')[2] ?? '';
    if (entry.type === 'requested' && entry.release === release) batches.set(entry.promotion, []);
    if (entry.type === 'sampled') batches.get(entry.analysis.promotion)?.push(entry.batch);
  }
  return [...batches]
    .filter(([, of]) => of.length > 0)
    .map(([promotion, of]) => ({ promotion, environment, batches: of }));
}

async function batchIn(folder: string, digest: Digest): Promise<readonly Sample[]> {
  return z.array(Sample).parse(JSON.parse(await textOf(folder, packPaths.content(digest))));
}

async function textOf(folder: string, path: string): Promise<string> {
  return readFile(join(folder, path), 'utf8').catch((error: unknown) => {
    throw new CliFailure('error', `cannot read ${join(folder, path)}: ${(error as Error).message}`, [
      'belay evidence export RELEASE   fetches a pack; samples that retention has removed are not in it',
    ]);
  });
}
