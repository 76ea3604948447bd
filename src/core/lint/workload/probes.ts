import type { Probe } from '../../model/manifest/pod.ts';
import { containersOf, isLasting, servers, serving } from './relations.ts';
import { shown, type Violation, type WorkloadRule } from './rule.ts';

export const readinessMissing: WorkloadRule = {
  id: 'readiness-missing',
  severity: 'error',
  asks: 'A container that gets requests has a readiness probe.',
  why: 'Without one a pod counts as ready the moment its process starts: it gets requests before it can answer them, a rollout goes on over pods that never worked, and a pod whose pool is closed stays in the traffic. Where no Service among the files selects the pods and they only open ports, this is a warning.',
  example: 'readinessProbe:\n  httpGet: { path: /readyz, port: http }\n  periodSeconds: 5\n',
  check: (input) =>
    input.workloads.flatMap((workload) => {
      const severity = serving(input, workload);
      if (severity === null) return [];
      return servers(input, workload)
        .filter(({ container }) => container.readinessProbe === undefined)
        .map(({ container, path }) => ({
          object: workload,
          path: `${path}/readinessProbe`,
          severity,
          message: `container ${container.name} gets requests and has no readiness probe: it counts as ready before it can answer`,
          fix: 'add a readinessProbe that passes only once requests can be answered, such as httpGet {path: /readyz, port: http}',
        }));
    }),
};

/** What a probe does, as one text: two probes with the same text ask the same question. */
function actionOf(probe: Probe): string {
  if (probe.httpGet !== undefined) {
    const { path, port, scheme, host = '' } = probe.httpGet;
    return `GET ${scheme.toLowerCase()}://${host}:${port}${path.startsWith('/') ? path : `/${path}`}`;
  }
  if (probe.tcpSocket !== undefined) return `a connection to port ${probe.tcpSocket.port}`;
  if (probe.grpc !== undefined)
    return `a gRPC health check on port ${probe.grpc.port} of “${probe.grpc.service}”`;
  return `the command ${(probe.exec?.command ?? []).join(' ')}`;
}

export const probesAlike: WorkloadRule = {
  id: 'liveness-as-readiness',
  severity: 'error',
  asks: 'Liveness asks another question than readiness.',
  why: 'Readiness says whether a pod can answer now, and takes it out of the traffic while it cannot. Liveness says whether only a restart can help. If both ask the same, a database that is away for half a minute restarts every pod at once, and the restarted ones have to warm up against it together.',
  example:
    'readinessProbe:\n  httpGet: { path: /readyz, port: http } # with what it needs: the pool is open\nlivenessProbe:\n  httpGet: { path: /livez, port: http } # the process alone: it still answers\n',
  check: ({ workloads }) =>
    workloads.flatMap((workload) =>
      containersOf(workload).flatMap(({ container, path }): readonly Violation[] => {
        const { livenessProbe: liveness, readinessProbe: readiness } = container;
        if (liveness === undefined || readiness === undefined) return [];
        if (actionOf(liveness) !== actionOf(readiness)) return [];
        return [
          {
            object: workload,
            path: `${path}/livenessProbe`,
            message: `liveness of container ${container.name} asks the same as its readiness (${shown(actionOf(liveness))}): what makes a pod unready also restarts it`,
            fix: 'let liveness ask the process alone, such as httpGet {path: /livez, port: http}, or leave it out',
          },
        ];
      }),
    ),
};

export const probePort: WorkloadRule = {
  id: 'probe-port',
  severity: 'error',
  asks: 'A probe’s named port is one of its container’s.',
  why: 'A probe whose port has no such name fails each time: the pod never becomes ready, or is restarted for ever.',
  example:
    'ports: [{ name: http, containerPort: 8080 }]\nreadinessProbe:\n  httpGet: { path: /readyz, port: http }\n',
  check: ({ workloads }) =>
    workloads.flatMap((workload) =>
      containersOf(workload).flatMap(({ container, path }) =>
        (['startupProbe', 'readinessProbe', 'livenessProbe'] as const).flatMap(
          (which): readonly Violation[] => {
            const probe = container[which];
            const action = probe?.httpGet === undefined ? 'tcpSocket' : 'httpGet';
            const port = probe?.[action]?.port;
            const names = container.ports.flatMap(({ name }) => name ?? []);
            if (typeof port !== 'string' || names.includes(port)) return [];
            return [
              {
                object: workload,
                path: `${path}/${which}/${action}/port`,
                message: `${which} of container ${container.name} asks port ${shown(port)}, which the container does not have: it fails each time`,
                fix:
                  names.length === 0 ? `name a port ${shown(port)}` : `there is ${shown(names.join(', '))}`,
              },
            ];
          },
        ),
      ),
    ),
};

/** The longest time from the first failure to the verdict, in seconds. */
const patience = ({ failureThreshold, periodSeconds }: Probe): number => failureThreshold * periodSeconds;

export const livenessImpatient: WorkloadRule = {
  id: 'liveness-impatient',
  severity: 'warning',
  asks: 'Liveness gives up later than readiness.',
  why: 'A pod in trouble should first be taken out of the traffic, where it can recover. If liveness gives up earlier it is killed with its requests instead.',
  example:
    'readinessProbe: { httpGet: { path: /readyz, port: http }, periodSeconds: 5, failureThreshold: 2 }\nlivenessProbe: { httpGet: { path: /livez, port: http }, periodSeconds: 10, failureThreshold: 6 }\n',
  check: ({ workloads }) =>
    workloads.flatMap((workload) =>
      containersOf(workload).flatMap(({ container, path }): readonly Violation[] => {
        const { livenessProbe: liveness, readinessProbe: readiness } = container;
        if (liveness === undefined || readiness === undefined) return [];
        if (patience(liveness) >= patience(readiness)) return [];
        return [
          {
            object: workload,
            path: `${path}/livenessProbe`,
            message: `liveness of container ${container.name} gives up after ${patience(liveness)} s, readiness after ${patience(readiness)} s: a slow pod is killed before it is left out`,
            fix: `give liveness a failureThreshold of at least ${Math.ceil(patience(readiness) / liveness.periodSeconds)}`,
          },
        ];
      }),
    ),
};

export const startupMissing: WorkloadRule = {
  id: 'startup-missing',
  severity: 'warning',
  asks: 'A container with a liveness probe has a startup probe too.',
  why: 'Until a startup probe has passed, liveness does not ask. Without one a start that takes longer than liveness waits, on a busy node or with a cold cache, is killed and begins again, for ever.',
  example:
    'startupProbe:\n  httpGet: { path: /readyz, port: http }\n  periodSeconds: 2\n  failureThreshold: 30 # a start may take a minute\n',
  check: ({ workloads }) =>
    workloads.filter(isLasting).flatMap((workload) =>
      containersOf(workload).flatMap(({ container, path }): readonly Violation[] => {
        const { livenessProbe: liveness, startupProbe: startup } = container;
        if (liveness === undefined || startup !== undefined) return [];
        const limit = liveness.initialDelaySeconds + patience(liveness);
        return [
          {
            object: workload,
            path: `${path}/startupProbe`,
            message: `container ${container.name} has no startup probe: a start that takes more than ${limit} s is killed by liveness and begins again`,
            fix: 'add a startupProbe whose failureThreshold × periodSeconds is the longest start that you accept',
          },
        ];
      }),
    ),
};
