import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ShopArtifact, type ShopVersion, shopVersions } from '../../examples/shop/build.ts';
import { Load } from '../../examples/shop/load.ts';
import { ApplyAnswer, CreatedToken, type Grant } from '../server/schemas.ts';
import { Client } from './demo/client.ts';
import { startClusterStack } from './demo/cluster/cluster-stack.ts';
import type { ClusterOptions } from './demo/cluster/options.ts';
import { demoDocuments, gatesInWords, project } from './demo/documents.ts';
import { proveEvidence } from './demo/evidence.ts';
import { proportionalMegabytes } from './demo/memory.ts';
import { narrate, type Narrator } from './demo/narrator.ts';
import { type DemoReport, isAsExpected, type VersionReport } from './demo/report.ts';
import { startLocalStack } from './demo/local-stack.ts';
import { type Stack, Undo } from './demo/stack.ts';
import { releaseName, type Story, tellVersion } from './demo/story.ts';
import { makeSigningKey } from '../cli/signing.ts';

export interface DemoOptions {
  /** Where the report is written as JSON. */
  readonly report?: string;
  /** One JSON object a line instead of lines for people. */
  readonly json: boolean;
  readonly seed: number;
  /** Leaves the folder with all data. */
  readonly keep: boolean;
  /** Only these versions; v1 comes first in any case. */
  readonly only?: readonly string[];
  /** Plays it on a Kubernetes cluster; on this machine alone where it is undefined. */
  readonly cluster?: ClusterOptions | undefined;
}

const requestsPerSecond = 200;
const smokeRequestsPerSecond = 5;
const longestLoadSeconds = 600;

/** Plays the demo; resolves with its exit code. Whatever happens, nothing is left running or behind. */
export async function runDemo(options: DemoOptions, signal: AbortSignal): Promise<number> {
  const versions = chosenVersions(options.only);
  const narrator = narrate(options.json, (line) => void process.stdout.write(`${line}\n`));
  const undo = new Undo();
  try {
    const report = await play(options, versions, narrator, undo, signal);
    if (options.report !== undefined) await writeFile(options.report, `${JSON.stringify(report, null, 2)}\n`);
    return isAsExpected(report) ? 0 : 1;
  } catch (error) {
    if (signal.aborted) {
      narrator.turned('interrupted; everything is being stopped and removed');
      return 130;
    }
    throw error;
  } finally {
    const problems = await undo.run();
    for (const problem of problems) narrator.turned(`could not be undone: ${String(problem)}`);
  }
}

/** Which versions are played, in order; throws with the names that there are. */
export function chosenVersions(only: readonly string[] | undefined): readonly ShopVersion[] {
  if (only === undefined) return shopVersions;
  const unknown = only.find((name) => !shopVersions.some((version) => version === name));
  if (unknown !== undefined)
    throw new Error(`there is no version ${unknown}; there are ${shopVersions.join(', ')}`);
  return shopVersions.filter((version) => version === 'v1' || only.includes(version));
}

async function play(
  options: DemoOptions,
  versions: readonly ShopVersion[],
  narrator: Narrator,
  undo: Undo,
  signal: AbortSignal,
): Promise<DemoReport> {
  const began = performance.now();
  const stack = await (options.cluster === undefined
    ? startLocalStack(undo, narrator, options.keep, signal)
    : startClusterStack(options.cluster, undo, narrator, options.keep, signal));
  const story = await setTheStage(stack, narrator, signal);
  const reports: VersionReport[] = [];
  let memoryMegabytes: number | null = null;
  for (const version of versions) {
    reports.push(await tellVersion(story, version));
    if (version === 'v1') startLoad(stack, story, undo, narrator, options.seed);
    const now = proportionalMegabytes(stack.pids);
    memoryMegabytes = now === null ? memoryMegabytes : Math.max(memoryMegabytes ?? 0, now);
  }
  const proven = releaseName(versions.includes('v3') ? 'v3' : (versions.at(-1) ?? 'v1'));
  const evidence = await proveEvidence(
    story.cast.requester,
    proven,
    stack.verifierKey,
    join(stack.folder, 'evidence'),
    narrator,
  );
  const seconds = Math.round((performance.now() - began) / 1000);
  narrator.note(
    `${seconds} s in all${memoryMegabytes === null ? '' : `, ${memoryMegabytes} MB at most`}${options.keep ? `; everything is in ${stack.folder}` : ''}`,
  );
  return { versions: reports, evidence, memoryMegabytes, seconds };
}

/** Identities with rights of their own, and the documents; all through the API. */
async function setTheStage(stack: Stack, narrator: Narrator, signal: AbortSignal): Promise<Story> {
  const admin = new Client(stack.url, stack.bootstrapToken);
  const identity = async (
    subject: string,
    kind: 'person' | 'machine',
    verbs: Grant['verbs'],
  ): Promise<Client> => {
    const grants = [{ project, stages: '*' as const, verbs }];
    const created = await admin.post('/v1/tokens', { subject, kind, grants }, CreatedToken);
    return new Client(stack.url, created.token);
  };
  const cast = {
    ci: await identity('ci', 'machine', ['create-release', 'view']),
    requester: await identity('person-rosa', 'person', ['promote', 'view']),
    approver: await identity('person-kim', 'person', ['approve', 'view']),
  };
  const ciKey = makeSigningKey();
  const documents = await demoDocuments({
    ciKey: ciKey.publicKey,
    environments: stack.environments,
    pace: stack.pace,
  });
  await admin.post('/v1/apply', { documents }, ApplyAnswer);
  narrator.note(gatesInWords(documents));
  const buildFolder = join(stack.folder, 'build');
  await mkdir(buildFolder, { recursive: true });
  const deliver = (built: ShopArtifact) => stack.deliver(built);
  return { cast, narrator, ciKey, buildFolder, deliver, production: null, signal };
}

/** Customers come once there is something for them: 200 a second to production, a small smoke load to staging. */
function startLoad(stack: Stack, story: Story, undo: Undo, narrator: Narrator, seed: number): void {
  const common = { seed, seconds: longestLoadSeconds };
  const staging = new Load({
    ...common,
    edge: stack.edges.staging.url,
    host: stack.edges.staging.host,
    profile: 'smoke',
    rate: smokeRequestsPerSecond,
  });
  const production = new Load({
    ...common,
    edge: stack.edges.production.url,
    host: stack.edges.production.host,
    profile: 'production',
    rate: requestsPerSecond,
  });
  undo.add(async () => void (await Promise.all([staging.stop(), production.stop()])));
  story.production = production;
  narrator.done(
    `load         ${requestsPerSecond} requests/s to production, half of them checkouts; ${smokeRequestsPerSecond}/s to staging`,
  );
}
