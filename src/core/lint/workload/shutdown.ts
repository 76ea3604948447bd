import type { Container } from '../../model/manifest/pod.ts';
import { Duration } from '../../model/time.ts';
import { formatDuration } from '../../model/time-format.ts';
import type { Workload } from './objects.ts';
import { isBackend, servers, serving, servicesOf } from './relations.ts';
import { type LintInput, pointerPart, type Violation, type WorkloadRule } from './rule.ts';

/** How long a pod that goes may still be sent new requests: a workload says so where its gateway is slower. */
export const drainAnnotation = 'belay.dev/drain';

/** The standard: endpoints travel from the API server to every proxy and gateway within seconds. */
const standardDrainMs = 5_000;

/** The drain of a workload in milliseconds; null where its annotation says no duration. */
function drainOf(workload: Workload): number | null {
  const written = workload.annotations[drainAnnotation];
  if (written === undefined) return standardDrainMs;
  const read = Duration.safeParse(written);
  return read.success ? read.data : null;
}

type PreStop = NonNullable<Container['lifecycle']['preStop']>;

/** How long a hook keeps the container from its stop signal, in milliseconds; null where it cannot be told. */
function preStopMs({ sleep, exec }: PreStop): number | null {
  if (sleep !== undefined) return sleep.seconds * 1000;
  const found = /(?:^|[\s;&/])sleep\s+(\d{1,6}(?:\.\d{1,3})?)(s|m)?(?=$|[\s;&])/.exec(
    (exec?.command ?? []).join(' '),
  );
  return found === null ? null : Number(found[1]) * (found[2] === 'm' ? 60_000 : 1000);
}

export const preStopMissing: WorkloadRule = {
  id: 'prestop',
  severity: 'error',
  asks: 'A container that gets requests waits in `preStop` until nobody sends it new ones.',
  why: `A pod that goes gets its stop signal at the same moment as the proxies and gateways begin to hear that it goes. Until they all have, new requests still arrive; a server that has stopped listening refuses them. The wait must be at least as long as that drain: ${standardDrainMs / 1000} s, or what the annotation \`${drainAnnotation}\` says where a load balancer takes longer. A command other than \`sleep\` is believed.`,
  example:
    'lifecycle:\n  preStop:\n    sleep: { seconds: 10 } # needs no shell in the image; Kubernetes 1.30 and newer\n',
  check: (input) => input.workloads.flatMap((workload) => unwaiting(input, workload)),
};

function unwaiting(input: LintInput, workload: Workload): readonly Violation[] {
  const severity = serving(input, workload);
  if (severity === null) return [];
  const drain = drainOf(workload);
  if (drain === null) return [badDrain(workload)];
  return servers(input, workload).flatMap(({ container, path }): readonly Violation[] => {
    const { preStop } = container.lifecycle;
    const where = { object: workload, severity, path: `${path}/lifecycle/preStop` };
    const fix = `add lifecycle.preStop.sleep.seconds: ${Math.ceil(drain / 1000)} or more`;
    if (preStop === undefined)
      return [
        {
          ...where,
          message: `container ${container.name} has no preStop: it stops listening while requests are still sent to it`,
          fix,
        },
      ];
    const waits = preStopMs(preStop);
    if (waits === null || waits >= drain) return [];
    return [
      {
        ...where,
        message: `preStop of container ${container.name} waits ${formatDuration(waits)}, and the drain takes ${formatDuration(drain)}: requests are still sent to it when it stops listening`,
        fix,
      },
    ];
  });
}

const badDrain = (workload: Workload): Violation => ({
  object: workload,
  path: `${workload.base}/metadata/annotations/${pointerPart(drainAnnotation)}`,
  message: `annotation ${drainAnnotation} is no duration`,
  fix: 'write it as 15s or 1m',
});

export const terminationGrace: WorkloadRule = {
  id: 'termination-grace',
  severity: 'error',
  asks: 'The termination grace is longer than `preStop` and the open requests together.',
  why: 'terminationGracePeriodSeconds begins before preStop does, and at its end the process is killed with whatever it still answers. It must hold the wait of preStop and then the longest request: the request timeout of the routes that lead here, or the drain where none says one.',
  example:
    'terminationGracePeriodSeconds: 45\ncontainers:\n  - name: web\n    lifecycle: { preStop: { sleep: { seconds: 10 } } }\n',
  check: (input) => input.workloads.flatMap((workload) => impatient(input, workload)),
};

function impatient(input: LintInput, workload: Workload): readonly Violation[] {
  const severity = serving(input, workload);
  const drain = drainOf(workload);
  if (severity === null || drain === null) return [];
  const waits = servers(input, workload).map(({ container: { lifecycle } }) =>
    lifecycle.preStop === undefined ? 0 : (preStopMs(lifecycle.preStop) ?? drain),
  );
  const wait = Math.max(0, ...waits);
  const open = longestRequestMs(input, workload) ?? drain;
  const grace = workload.pod.terminationGracePeriodSeconds * 1000;
  if (grace >= wait + open) return [];
  return [
    {
      object: workload,
      severity,
      path: `${workload.podPath}/terminationGracePeriodSeconds`,
      message: `the pods are killed after ${formatDuration(grace)}, and preStop (${formatDuration(wait)}) with the open requests (${formatDuration(open)}) may take ${formatDuration(wait + open)}: what is being answered is cut off`,
      fix: `set terminationGracePeriodSeconds to ${Math.ceil((wait + open) / 1000)} or more`,
    },
  ];
}

/** The longest request timeout of the routes to a workload's Services; null where none says one. */
function longestRequestMs(input: LintInput, workload: Workload): number | null {
  const services = servicesOf(input, workload);
  const timeouts = input.routes.flatMap((route) =>
    route.spec.rules
      .filter(({ backendRefs }) =>
        backendRefs.some((backend) => services.some((service) => isBackend(route, backend, service))),
      )
      .flatMap(({ timeouts: { request } }) => {
        const read = Duration.safeParse(request);
        return read.success && read.data > 0 ? [read.data] : [];
      }),
  );
  return timeouts.length === 0 ? null : Math.max(...timeouts);
}
