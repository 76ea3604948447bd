import type { SlotKey } from '../../core/model/name.ts';
import { ok } from '../../core/model/result.ts';
import { type EnvironmentDriver, noHistory } from '../../ports/environment.ts';
import { applyWorkload, removeWorkload } from './desired-state.ts';
import { scrape } from './metrics.ts';
import { observe } from './observer.ts';
import type { ReadBundle, SlotTarget } from './target.ts';
import { shift } from './traffic.ts';

/**
 * The `kubernetes` driver of one environment. The slot's generation is on its HTTPRoute, and every write holds only for
 * the version of the route that it has read: hence `fences`. `now` in milliseconds.
 */
export function createKubernetesDriver(
  targetOf: (slot: SlotKey) => SlotTarget,
  bundles: ReadBundle,
  now: () => number,
): EnvironmentDriver {
  return {
    fences: true,
    desiredState: {
      applyWorkload: (slot, spec, signal) => applyWorkload(targetOf(slot), spec, bundles, signal),
      removeWorkload: (slot, target, signal) => removeWorkload(targetOf(slot), target, signal),
    },
    traffic: { shift: (slot, target, signal) => shift(targetOf(slot), target, signal) },
    observer: { observe: (slot, signal) => observe(targetOf(slot), signal) },
    metrics: {
      scrape: (slot, arms, signal) => scrape(targetOf(slot), arms, now, signal),
      history: async () => ok(noHistory),
    },
  };
}
