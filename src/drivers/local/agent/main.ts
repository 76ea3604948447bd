import { parseArgs } from 'node:util';
import { pino } from 'pino';
import { startAgent } from './agent.ts';
import type { RunningAgent } from './agent.ts';
import { readConfig, readToken } from './config.ts';
import { processIdentity } from './process-identity.ts';

const PARENT_CHECK_MS = 250;

/**
 * The agent of one environment: `main.ts --config FILE`. Outlives the control plane; ends its workloads and itself
 * on SIGTERM and SIGINT, at once on the second. Tells a parent that has opened an IPC channel when it is ready.
 */
async function main(): Promise<void> {
  const { values } = parseArgs({ options: { config: { type: 'string' } } });
  if (values.config === undefined) throw new Error('--config FILE is missing');
  const config = readConfig(values.config);
  const token = readToken(config);
  delete process.env['BELAY_AGENT_TOKEN'];
  const logger = pino(
    { base: { environment: config.environment } },
    pino.destination({ dest: 2, sync: true }),
  );
  const agent = await startAgent(config, token, (event, details) => logger.info(details ?? {}, event));
  // Whatever ends this process, its workloads end with it.
  process.on('exit', () => agent.killAll());
  stopOnSignals(agent);
  if (config.parentPid !== undefined) followParent(config.parentPid);
  if (process.send !== undefined) process.send(agent.endpoint, () => process.disconnect());
}

function stopOnSignals(agent: RunningAgent): void {
  let asked = false;
  const stop = (): void => {
    if (asked) process.exit(1);
    asked = true;
    void agent.stop().then(() => process.exit(0));
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

function followParent(pid: number): void {
  const identity = processIdentity(pid);
  const timer = setInterval(() => {
    if (identity !== undefined && processIdentity(pid) === identity) return;
    clearInterval(timer); // a second signal would end us without grace
    process.kill(process.pid, 'SIGTERM');
  }, PARENT_CHECK_MS);
  timer.unref();
}

await main();
