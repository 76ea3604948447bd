import { test } from 'node:test';
import type { FaultPoint } from '../../fault-points.ts';
import { killedAt } from './kill-journey.ts';

/* The moments at which a server is killed, beside the one in `rollout.test.ts`. */

const points: readonly Pick<FaultPoint, 'at' | 'occurrence'>[] = [
  { at: 'turn-sent', occurrence: 1 },
  { at: 'turn-committed', occurrence: 3 },
  { at: 'workload-wanted', occurrence: 1 },
  { at: 'workload-done', occurrence: 1 },
  { at: 'shift-wanted', occurrence: 2 },
  { at: 'shift-done', occurrence: 3 },
  { at: 'removal-done', occurrence: 1 },
  { at: 'observation-recorded', occurrence: 3 },
  { at: 'tree-signed', occurrence: 2 },
];

for (const point of points)
  test(`killed at ${point.at}, time ${point.occurrence}, another server goes on`, () =>
    killedAt(`killed-${point.at}`, point));
