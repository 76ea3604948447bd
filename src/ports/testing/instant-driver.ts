import type { RunningWorkload, Weight } from '../../core/model/observation.ts';
import { ok } from '../../core/model/result.ts';
import { type EnvironmentDriver, noHistory } from '../environment.ts';

/** An outside that does at once what it is asked, and counts 100 requests a scrape on each arm. */
export function instantDriver(errorsOf: (release: string) => number): EnvironmentDriver {
  let generation = 0;
  let workloads: RunningWorkload[] = [];
  let weights: Weight[] = [];
  // Scrapes follow each other by a second, whatever passes between them; the first is of now.
  const began = Math.floor(Date.now() / 1_000);
  let scrapes = 0;
  const sample = (arm: 'canary' | 'stable', release: string, weight: number) => ({
    t: began + scrapes,
    arm,
    pod: `${release}-0`,
    weight,
    requests: scrapes * 200,
    bad: { errors: Math.round(scrapes * 200 * errorsOf(release)) },
    latencyMs: { '250': scrapes * 200, '+Inf': scrapes * 200 },
  });
  return {
    fences: true,
    desiredState: {
      applyWorkload: async (_slot, { release, artifact, replicas, generation: asked }) => {
        generation = Math.max(generation, asked);
        workloads = workloads.filter((w) => w.release !== release);
        workloads.push({ release, artifact, desired: replicas, ready: replicas, open: 0 });
        return { outcome: 'done' };
      },
      removeWorkload: async (_slot, target) => {
        generation = Math.max(generation, target.generation);
        workloads = workloads.filter((w) => w.release !== target.release);
        return { outcome: 'done' };
      },
    },
    traffic: {
      shift: async (_slot, target) => {
        generation = Math.max(generation, target.generation);
        weights = [...target.weights];
        return { outcome: 'done' };
      },
    },
    observer: {
      observe: async () =>
        ok({ generation, workloads: [...workloads], weights: [...weights], level: 'confirmed' }),
    },
    metrics: {
      scrape: async (_slot, arms) => {
        scrapes += 1;
        const weight = (weights.find((w) => w.release === arms.canary)?.weight ?? 0) / 100;
        const stable = arms.stable === null ? [] : [sample('stable', arms.stable, weight)];
        return ok([sample('canary', arms.canary, weight), ...stable]);
      },
      history: async () => ok(noHistory),
    },
    troubleshooting: {
      diagnose: async (_slot, release) => {
        const running = workloads.filter((workload) => workload.release === release);
        return ok({
          processes: running.map(() => ({
            name: `${release}-0`,
            state: 'ready',
            restarts: 0,
            log: ['ready'],
          })),
          events: [],
        });
      },
    },
  };
}
