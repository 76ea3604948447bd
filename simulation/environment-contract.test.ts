import assert from 'node:assert/strict';
import type { SlotKey } from '../src/core/model/name.ts';
import type { Digest } from '../src/core/model/digest.ts';
import { type Observed, environmentContract } from '../src/drivers/contract.ts';
import { nodeCrypto } from '../src/engine/crypto.ts';
import type { WorkloadSpec } from '../src/ports/environment.ts';
import { VirtualClock } from './clock.ts';
import { SimulatedEnvironment } from './environment.ts';
import { noFaults } from './faults.ts';
import { Random } from './random.ts';
import { goodBehaviour, SimulatedSlot } from './simulated-slot.ts';
import { worldBegins } from './world.ts';

const slot: SlotKey = { project: 'demo', environment: 'test', service: 'tiny' };
const noConfiguration: Digest = `sha256:${'0'.repeat(64)}`;
/** Virtual time costs nothing: a look every 100 ms, for a minute. */
const lookEveryMs = 100;
const looks = 600;
const requestsPerSecond = 100;

const spec =
  (release: string) =>
  (generation: number, replicas: number): WorkloadSpec => ({
    generation,
    release,
    artifact: nodeCrypto.digest(release),
    configuration: { digest: noConfiguration, parameters: {}, bundle: null, secrets: [] },
    replicas,
  });

// What the simulation believes of the outside is what a real one is held to.
environmentContract('simulated', async () => {
  const clock = new VirtualClock(worldBegins);
  const breaches: string[] = [];
  const outside = new SimulatedSlot(
    new Random('contract'),
    () => goodBehaviour,
    requestsPerSecond,
    (_, message) => breaches.push(message),
  );
  const driver = new SimulatedEnvironment({
    clock,
    fates: noFaults,
    giveUp: () => assert.fail('nothing hangs here'),
    slotFor: () => outside,
    changed: () => undefined,
  }).driver();
  const until = async (predicate: (observed: Observed) => boolean): Promise<Observed> => {
    for (let look = 0; look < looks; look++) {
      const seen = await driver.observer.observe(slot, new AbortController().signal);
      assert.ok(seen.ok);
      if (predicate(seen.value)) return seen.value;
      clock.passTo(clock.elapsed + lookEveryMs);
    }
    throw new Error('it did not come to be so within a minute of virtual time');
  };
  return {
    driver,
    slot,
    releases: { stable: spec('tiny-v1'), canary: spec('tiny-v2') },
    until,
    sendRequests: async (count) => clock.passTo(clock.elapsed + (count / requestsPerSecond) * 1_000),
    close: async () =>
      // The contract asks for it once, on purpose: the engine never may.
      assert.deepEqual(breaches, ['tiny-v2 is removed at 30 % of traffic']),
  };
});
