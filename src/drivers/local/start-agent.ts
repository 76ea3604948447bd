import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { z } from 'zod';
import { err, ok } from '../../core/model/result.ts';
import type { Result } from '../../core/model/result.ts';
import type { AgentConfig } from './agent/config.ts';
import { Endpoint, TOKEN_FILE } from './protocol.ts';

const MAIN = fileURLToPath(new URL('agent/main.ts', import.meta.url));
/** A small young generation: requests leave little behind, and an environment should fit on a laptop. */
const NODE_FLAGS = ['--disable-warning=ExperimentalWarning', '--max-semi-space-size=4'];
const START_PATIENCE_MS = 20_000;

export type StartOptions = Omit<z.input<typeof AgentConfig>, 'tokenFile'>;

/** An agent that runs as a process of its own. */
export interface AgentProcess {
  readonly folder: string;
  readonly endpoint: Endpoint;
  /** The edge's address of one service. */
  edge(project: string, service: string): string | undefined;
  /** Resolves with the exit code (null after a signal) once it has ended, for whatever reason. */
  readonly exited: Promise<number | null>;
  /** SIGTERM; resolves when it and all its workloads have ended. */
  stop(): Promise<void>;
}

/**
 * Starts the agent of an environment. It leads its own process group and outlives us, unless `parentPid` says
 * otherwise. The token is made once per folder and lies in a file that only its owner can read.
 */
export async function startAgentProcess(options: StartOptions): Promise<Result<AgentProcess, string>> {
  const { folder } = options;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);
  const tokenFile = join(folder, TOKEN_FILE);
  ensureToken(tokenFile);
  const configFile = join(folder, 'config.json');
  writeFileSync(configFile, JSON.stringify({ ...options, tokenFile }, null, 2), { mode: 0o600 });
  const logFile = join(folder, 'agent.log');
  const log = openSync(logFile, 'a', 0o600);
  const child = spawn(process.execPath, [...NODE_FLAGS, MAIN, '--config', configFile], {
    stdio: ['ignore', log, log, 'ipc'],
    detached: true,
  });
  closeSync(log);
  const exited = new Promise<number | null>((resolve) => {
    child.once('exit', (code) => resolve(code));
    child.once('error', () => resolve(null));
  });
  const endpoint = await endpointOf(child, exited);
  if (endpoint === undefined) {
    child.kill('SIGKILL');
    return err(`the agent did not start: ${readFileSync(logFile, 'utf8').trim().slice(-1000)}`);
  }
  child.unref();
  return ok({
    folder,
    endpoint,
    edge: (project, service) =>
      endpoint.slots.find((slot) => slot.project === project && slot.service === service)?.edge,
    exited,
    stop: async () => {
      child.ref();
      child.kill('SIGTERM');
      await exited;
    },
  });
}

function ensureToken(file: string): void {
  try {
    writeFileSync(file, randomBytes(32).toString('base64url'), { flag: 'wx', mode: 0o600 });
  } catch (problem) {
    if ((problem as NodeJS.ErrnoException).code !== 'EEXIST') throw problem;
  }
}

/** What it tells us when it is ready; undefined if it ends or says nothing in time. */
async function endpointOf(child: ChildProcess, exited: Promise<unknown>): Promise<Endpoint | undefined> {
  const over = new AbortController();
  const message = new Promise<unknown>((resolve) => child.once('message', resolve));
  const late = delay(START_PATIENCE_MS, undefined, { signal: over.signal }).catch(() => undefined);
  const said = await Promise.race([message, exited.then(() => undefined), late]);
  over.abort();
  const parsed = Endpoint.safeParse(said);
  return parsed.success ? parsed.data : undefined;
}
