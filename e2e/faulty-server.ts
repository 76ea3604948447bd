import { setImmediate as nextTick } from 'node:timers/promises';
import type { PoolClient } from 'pg';
import { startBelay } from '../src/app/belay-server.ts';
import { readConfig } from '../src/app/config.ts';
import type { SlotKey } from '../src/core/model/name.ts';
import type { EnvironmentDriver, Outcome } from '../src/ports/environment.ts';
import type { EngineStore } from '../src/ports/store.ts';
import type { FaultName } from './fault-points.ts';

/**
 * A server that kills itself, as `kill -9` would, at one point of its work: FAULT_POINT names it and FAULT_OCCURRENCE
 * says at which time it comes by. Counting starts with the first message from the parent. Only tests start this file;
 * what it starts is the server as everybody runs it, with parts wrapped around its store and driver. With `idle` it
 * does not die: it takes up no work until it is armed.
 */
const wanted = process.env['FAULT_POINT'];
let left = Number(process.env['FAULT_OCCURRENCE'] ?? 1);
let armed = false;

function die(at: FaultName): void {
  if (!armed || at !== wanted) return;
  left -= 1;
  if (left <= 0) process.kill(process.pid, 'SIGKILL');
}

/** Every method is given on by hand: what the store is asked is seen, and nothing of it is changed. */
function dyingStore(real: EngineStore): EngineStore {
  const moves = async (slot: SlotKey): Promise<boolean> => (await real.load(slot)).slot.moving !== null;
  return {
    claim: async (lane, limit, leaseMs) =>
      wanted === 'idle' && !armed ? [] : real.claim(lane, limit, leaseMs),
    load: (slot) => real.load(slot),
    commit: async (turn) => {
      if (turn.entries.length === 0) return real.commit(turn);
      die('turn-decided');
      const committing = real.commit(turn);
      // Far enough for the statement to have left; the answer takes a round trip and a write to the disk.
      for (let ticks = 0; ticks < 3; ticks += 1) await nextTick();
      die('turn-sent');
      const outcome = await committing;
      if (outcome === 'committed') die('turn-committed');
      return outcome;
    },
    release: (claim, dueAt) => real.release(claim, dueAt),
    observed: async (slot, observation) => {
      const counts = await moves(slot);
      if (counts) die('observed');
      await real.observed(slot, observation);
      if (counts) die('observation-recorded');
    },
    sampled: async (slot, promotion, samples) => {
      await real.sampled(slot, promotion, samples);
      die('samples-recorded');
    },
    historyRead: (slot, read) => real.historyRead(slot, read),
    diagnosticsRead: (slot, read, bytes) => real.diagnosticsRead(slot, read, bytes),
    lookFailed: (slot, message) => real.lookFailed(slot, message),
    sourceChanged: (slot, news) => real.sourceChanged(slot, news),
    effectFailed: (slot, effect, outcome, message) => real.effectFailed(slot, effect, outcome, message),
  };
}

async function around(before: FaultName, after: FaultName, call: () => Promise<Outcome>): Promise<Outcome> {
  die(before);
  const outcome = await call();
  if (outcome.outcome === 'done') die(after);
  return outcome;
}

const dyingDriver = (real: EnvironmentDriver): EnvironmentDriver => ({
  ...real,
  desiredState: {
    applyWorkload: (slot, spec, signal) =>
      around('workload-wanted', 'workload-done', () => real.desiredState.applyWorkload(slot, spec, signal)),
    removeWorkload: (slot, target, signal) =>
      around('removal-wanted', 'removal-done', () => real.desiredState.removeWorkload(slot, target, signal)),
  },
  traffic: {
    shift: (slot, target, signal) =>
      around('shift-wanted', 'shift-done', () => real.traffic.shift(slot, target, signal)),
  },
});

type Query = (query: unknown, ...rest: readonly unknown[]) => unknown;
const watched = new WeakSet<PoolClient>();

/** The sequencer's own transactions are told by the checkpoint that they insert. */
function watchSequencer(client: PoolClient): void {
  if (watched.has(client)) return;
  watched.add(client);
  let signed = false;
  const ask = client.query.bind(client) as Query;
  const watch: Query = (query, ...rest) => {
    const name = typeof query === 'object' && query !== null && 'name' in query ? query.name : undefined;
    if (name === 'insert-checkpoint') signed = true;
    if (query !== 'commit' || !signed) return ask(query, ...rest);
    signed = false;
    die('tree-signed');
    return (ask(query, ...rest) as Promise<unknown>).then((answer) => {
      die('tree-committed');
      return answer;
    });
  };
  Object.assign(client, { query: watch });
}

const server = await startBelay(readConfig(process.env), { store: dyingStore, driver: dyingDriver });
server.pool.on('acquire', watchSequencer);
process.on('SIGTERM', () => void server.stop().then(() => process.disconnect()));
process.on('message', () => {
  armed = true;
  process.send?.('armed');
});
process.send?.({ url: server.url, token: server.bootstrapToken, verifierKey: server.verifierKey });
process.on('disconnect', () => void server.stop());
