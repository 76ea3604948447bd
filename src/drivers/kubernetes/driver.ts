import type { SlotKey } from '../../core/model/name.ts';
import { ok } from '../../core/model/result.ts';
import { type EnvironmentDriver, noHistory } from '../../ports/environment.ts';
import { applyWorkload, removeWorkload } from './desired-state.ts';
import { diagnose } from './diagnostics.ts';
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
  /** What is asked of a slot may change it: it is not at rest. */
  const asked = (slot: SlotKey): SlotTarget => {
    const target = targetOf(slot);
    target.watch?.asked(slot);
    return target;
  };
  return {
    fences: true,
    desiredState: {
      applyWorkload: (slot, spec, signal) => applyWorkload(asked(slot), spec, bundles, signal),
      removeWorkload: (slot, target, signal) => removeWorkload(asked(slot), target, signal),
    },
    traffic: { shift: (slot, target, signal) => shift(asked(slot), target, signal) },
    observer: { observe: (slot, signal) => observe(targetOf(slot), signal) },
    metrics: {
      scrape: (slot, arms, signal) => scrape(asked(slot), arms, now, signal),
      history: async () => ok(noHistory),
    },
    troubleshooting: { diagnose: (slot, release, signal) => diagnose(targetOf(slot), release, signal) },
  };
}
