import type { Quantity } from '../../model/manifest/values.ts';
import { containersOf } from './relations.ts';
import type { Violation, WorkloadRule } from './rule.ts';

const wanted = [
  {
    list: 'requests',
    name: 'cpu',
    amount: '100m',
    effect: 'the scheduler may put it on a node that has no time left',
  },
  { list: 'requests', name: 'memory', amount: '128Mi', effect: 'it is among the first to be evicted' },
  { list: 'limits', name: 'memory', amount: '256Mi', effect: 'a leak takes the memory of its whole node' },
] as const;

export const resourcesMissing: WorkloadRule = {
  id: 'resources',
  severity: 'error',
  asks: 'Every container requests CPU and memory and has a memory limit.',
  why: 'Without requests the scheduler packs pods where there is no room, and a canary then measures the node and not the version. Without a memory limit one leak takes its neighbours down. A CPU limit is not asked for: it throttles a busy service on an idle node. Resources of the whole pod count for each of its containers.',
  example: 'resources:\n  requests: { cpu: 100m, memory: 128Mi }\n  limits: { memory: 256Mi }\n',
  check: ({ workloads }) =>
    workloads.flatMap((workload) =>
      containersOf(workload).flatMap(({ container, path }): readonly Violation[] => {
        const { resources } = container;
        // A limit without a request is taken as the request too.
        const has = (list: 'requests' | 'limits', name: string): boolean =>
          [resources, workload.pod.resources].some(
            (one) =>
              Object.hasOwn(one[list], name) || (list === 'requests' && Object.hasOwn(one.limits, name)),
          );
        const missing = wanted.filter(({ list, name }) => !has(list, name));
        if (missing.length === 0) return [];
        return [
          {
            object: workload,
            path: `${path}/resources`,
            message: `container ${container.name} has ${missing.map(({ list, name }) => `no ${name} ${list === 'limits' ? 'limit' : 'request'}`).join(' and ')}: ${missing.map(({ effect }) => effect).join(', ')}`,
            fix: `add ${missing.map(({ list, name, amount }) => `resources.${list}.${name}, such as ${amount}`).join('; ')}`,
          },
        ];
      }),
    ),
};

const suffixes: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** An amount in its base unit: cores, bytes. */
export function amountOf(quantity: Quantity): number {
  if (typeof quantity === 'number') return quantity;
  const [, digits = '0', suffix = ''] = /^\+?(.*?)([KMGTPE]i|[numkMGTPE])?$/.exec(quantity) ?? [];
  return Number(digits) * (suffixes[suffix] ?? 1);
}

export const requestAboveLimit: WorkloadRule = {
  id: 'request-above-limit',
  severity: 'error',
  asks: 'No request is above its limit.',
  why: 'The API server refuses such a pod: the rollout stops at its first one.',
  example: resourcesMissing.example,
  check: ({ workloads }) =>
    workloads.flatMap((workload) =>
      containersOf(workload).flatMap(({ container, path }) =>
        Object.entries(container.resources.requests).flatMap(([name, request]): readonly Violation[] => {
          const limit = Object.hasOwn(container.resources.limits, name)
            ? container.resources.limits[name]
            : undefined;
          if (limit === undefined || amountOf(request) <= amountOf(limit)) return [];
          return [
            {
              object: workload,
              path: `${path}/resources/requests`,
              message: `container ${container.name} requests ${request} of ${name} and may have ${limit}: no pod of it is ever made`,
              fix: 'raise the limit or lower the request',
            },
          ];
        }),
      ),
    ),
};
