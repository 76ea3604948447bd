import { formatDuration } from '../../model/time-format.ts';
import type { Workload } from './objects.ts';
import { containersOf } from './relations.ts';
import type { LintInput, StageDeadline, Violation, WorkloadRule } from './rule.ts';

/** The longest that a container may take until it is ready, in seconds, as its probes allow it, and which one says so. */
interface StartBudget {
  readonly seconds: number;
  readonly path: string;
  readonly container: string;
}

/**
 * The slowest container decides. Its startup probe allows initialDelay + failureThreshold × period; readiness asks for
 * the first time after its own delay and needs successThreshold passes.
 */
function startBudget(workload: Workload): StartBudget | null {
  const budgets = containersOf(workload)
    .filter(({ runs }) => runs)
    .flatMap(({ container, path }): readonly StartBudget[] => {
      const { startupProbe: startup, readinessProbe: readiness } = container;
      const starts =
        startup === undefined
          ? 0
          : startup.initialDelaySeconds + startup.failureThreshold * startup.periodSeconds;
      const settles =
        readiness === undefined
          ? 0
          : Math.max(0, readiness.initialDelaySeconds - starts) +
            (readiness.successThreshold - 1) * readiness.periodSeconds;
      const seconds = starts + settles;
      if (seconds === 0) return [];
      const which = startup === undefined ? 'readinessProbe' : 'startupProbe';
      return [{ seconds, path: `${path}/${which}`, container: container.name }];
    });
  return budgets.reduce<StartBudget | null>(
    (longest, one) => (longest === null || one.seconds > longest.seconds ? one : longest),
    null,
  );
}

/** The stages that carry a workload: by the service's name, or by there being one of each. */
function stagesOf(input: LintInput, workload: Workload): readonly StageDeadline[] {
  const names = [workload.name, workload.labels['app.kubernetes.io/name']];
  const named = input.deadlines.filter(({ service }) => names.includes(service));
  if (named.length > 0) return named;
  const alone =
    new Set(input.deadlines.map(({ service }) => service)).size === 1 &&
    input.workloads.filter(({ kind }) => kind === 'Deployment').length === 1;
  return alone ? input.deadlines : [];
}

function late(input: LintInput, workload: Workload): readonly Violation[] {
  const budget = startBudget(workload);
  if (budget === null) return [];
  const seconds = budget.seconds + workload.minReadySeconds;
  const found = (whose: string, deadline: number, fix: string): Violation => ({
    object: workload,
    path: budget.path,
    message: `container ${budget.container} may take ${formatDuration(seconds * 1000)} until it counts as ready, and ${whose} gives up after ${formatDuration(deadline)}: a slow start is taken for a failed one`,
    fix,
  });
  const own = workload.progressDeadlineSeconds * 1000;
  const kubernetes =
    seconds * 1000 < own
      ? []
      : [
          found(
            'the Deployment itself',
            own,
            `allow less, or give it a progressDeadlineSeconds above ${seconds}`,
          ),
        ];
  const stages = stagesOf(input, workload)
    .filter(({ deadlineMs }) => seconds * 1000 >= deadlineMs)
    .map(({ stage, deadlineMs }) =>
      found(
        `stage ${stage} of the pipeline`,
        deadlineMs,
        `allow less, or give the stage a progressDeadline above ${seconds}s`,
      ),
    );
  return [...kubernetes, ...stages];
}

export const startupBudget: WorkloadRule = {
  id: 'startup-budget',
  severity: 'error',
  asks: 'The time that the probes allow for a start is shorter than the rollout waits.',
  why: 'The probes may allow a start of initialDelaySeconds + failureThreshold × periodSeconds, and minReadySeconds on top. If the Deployment’s progressDeadlineSeconds, or the progressDeadline of a stage, is over before, a release is given up that Kubernetes still holds to be starting. The stages are those of a belay.yaml that is linted in the same call, matched by the service’s name.',
  example:
    '# in belay.yaml: rollout: { progressDeadline: 5m }\nstartupProbe:\n  httpGet: { path: /readyz, port: http }\n  periodSeconds: 2\n  failureThreshold: 60 # two minutes\n',
  check: (input) =>
    input.workloads.filter(({ kind }) => kind === 'Deployment').flatMap((workload) => late(input, workload)),
};
