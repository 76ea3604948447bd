import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest, Agent } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Digest } from '../../../core/model/digest.ts';
import type { SlotKey } from '../../../core/model/name.ts';
import type { WorkloadSpec } from '../../../ports/environment.ts';
import type { Observed } from '../../contract.ts';
import { packArchive } from '../archive.ts';
import { MANIFEST_NAME } from '../artifact.ts';
import { putArtifact } from '../content-store.ts';
import { createLocalDriver } from '../driver.ts';
import { startAgentProcess } from '../start-agent.ts';
import type { AgentProcess, StartOptions } from '../start-agent.ts';

const DEADLINE_MS = 15_000;
const NO_CONFIGURATION: Digest = `sha256:${'0'.repeat(64)}`;

export const slot: SlotKey = { project: 'demo', environment: 'test', service: 'tiny' };

/** Polls until it is so; rejects after 15 seconds with what it was last. */
export async function eventually<T>(read: () => Promise<T> | T, isSo: (value: T) => boolean): Promise<T> {
  const deadline = performance.now() + DEADLINE_MS;
  for (;;) {
    const value = await read();
    if (isSo(value)) return value;
    if (performance.now() > deadline) throw new Error(`it did not come to be so: ${JSON.stringify(value)}`);
    await delay(15);
  }
}

/** The source of a service without dependencies: says who it is, and can be slow, fail, break off and crash. */
const TINY = `
const { createServer } = require('node:http');
const server = createServer((request, response) => {
  const url = new URL(request.url, 'http://tiny');
  if (url.pathname === '/readyz') return response.writeHead(process.env.NEVER_READY ? 503 : 200).end();
  if (url.pathname === '/crash') process.exit(3);
  if (url.pathname === '/environment') return response.end(JSON.stringify({ env: process.env, argv: process.argv, pid: process.pid, cwd: process.cwd() }));
  if (url.pathname === '/fail') return response.writeHead(500).end('no');
  if (url.pathname === '/headers') return response.end(JSON.stringify(request.headers));
  if (url.pathname === '/break') { response.write('half'); return setTimeout(() => response.destroy(), 20); }
  setTimeout(() => response.end(VERSION), Number(url.searchParams.get('wait') ?? 0));
});
server.listen(Number(process.env.PORT), '127.0.0.1');
process.on('SIGTERM', () => { if (!process.env.STUBBORN) server.close(() => process.exit(0)); });
`;

export interface TestEnvironment {
  readonly folder: string;
  readonly agent: AgentProcess;
  readonly driver: ReturnType<typeof createLocalDriver>;
  readonly artifacts: { readonly v1: Digest; readonly v2: Digest };
  spec(release: string, generation: number, changes?: Partial<WorkloadSpec>): WorkloadSpec;
  observe(): Promise<Observed>;
  until(predicate: (observed: Observed) => boolean): Promise<Observed>;
  /** One request through the edge. */
  request(
    path: string,
    options?: { method?: string; headers?: Record<string, string>; body?: string },
  ): Promise<EdgeAnswer>;
  /** Another agent on the same folder. */
  startAgain(): Promise<AgentProcess>;
  close(): Promise<void>;
}

export interface EdgeAnswer {
  readonly status: number;
  readonly release: string | undefined;
  readonly body: string;
}

/** A real agent in a temporary folder, with two versions of a tiny service in its content store. */
export async function makeEnvironment(changes: Partial<StartOptions> = {}): Promise<TestEnvironment> {
  const root = mkdtempSync(join(tmpdir(), 'belay-local-'));
  const artifacts = join(root, 'artifacts');
  const secrets = join(root, 'secrets');
  mkdirSync(secrets);
  writeFileSync(join(secrets, 'password'), 'correct horse\n', { mode: 0o600 });
  const digests = { v1: await packTiny(root, artifacts, 'v1'), v2: await packTiny(root, artifacts, 'v2') };
  const folder = join(root, 'agent');
  const options: StartOptions = {
    folder,
    artifacts,
    secrets,
    environment: slot.environment,
    slots: [{ project: slot.project, service: slot.service }],
    parentPid: process.pid,
    ...changes,
  };
  const start = async (): Promise<AgentProcess> => {
    const started = await startAgentProcess(options);
    if (!started.ok) throw new Error(started.error);
    running.push(started.value);
    return started.value;
  };
  const running: AgentProcess[] = [];
  const agent = await start();
  const driver = createLocalDriver(folder);
  const connections = new Agent({ keepAlive: true });
  const observe = async (): Promise<Observed> => {
    const result = await driver.observer.observe(slot, AbortSignal.timeout(5000));
    if (!result.ok) throw new Error(result.error.message);
    return result.value;
  };
  return {
    folder,
    agent,
    driver,
    artifacts: digests,
    spec: (release, generation, changed) => ({
      generation,
      release,
      artifact: release.endsWith('2') ? digests.v2 : digests.v1,
      configuration: { digest: NO_CONFIGURATION, parameters: {}, bundle: null, secrets: [] },
      replicas: 1,
      ...changed,
    }),
    observe,
    until: (predicate) => eventually(observe, predicate),
    request: (path, request) =>
      send(running.at(-1)?.edge(slot.project, slot.service) ?? '', path, connections, request),
    startAgain: start,
    close: async () => {
      connections.destroy();
      await Promise.all(running.map((one) => one.stop()));
      rmSync(root, { recursive: true, force: true });
    },
  };
}

async function packTiny(root: string, artifacts: string, version: string): Promise<Digest> {
  const folder = join(root, version);
  mkdirSync(folder);
  writeFileSync(join(folder, 'server.cjs'), TINY.replace('VERSION', `'${version}'`));
  const manifest = {
    start: ['node', 'server.cjs'],
    portVariable: 'PORT',
    readiness: '/readyz',
    stopSignal: 'SIGTERM',
    graceSeconds: 1,
  };
  writeFileSync(join(folder, MANIFEST_NAME), JSON.stringify(manifest));
  return putArtifact(artifacts, (await packArchive(folder)).bytes);
}

function send(
  edge: string,
  path: string,
  agent: Agent,
  options: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<EdgeAnswer> {
  return new Promise((resolve, reject) => {
    const { method = 'GET', headers = {}, body } = options;
    const request = httpRequest(edge + path, { method, headers, agent }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.once('error', reject);
      response.once('end', () => {
        const release = response.headers['belay-release'];
        resolve({
          status: response.statusCode ?? 0,
          release: typeof release === 'string' ? release : undefined,
          body: text,
        });
      });
    });
    request.once('error', reject);
    request.end(body);
  });
}
