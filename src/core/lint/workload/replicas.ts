import { autoscalerOf, isSized, leastReplicas, serving } from './relations.ts';
import type { LintInput, Violation, WorkloadRule } from './rule.ts';

const sizedServers = (input: LintInput): LintInput['workloads'] =>
  input.workloads.filter((workload) => isSized(workload) && serving(input, workload) !== null);

export const replicasSingle: WorkloadRule = {
  id: 'replicas',
  severity: 'error',
  asks: 'What gets requests runs at least twice.',
  why: 'A single pod goes with its node, and each drained node is an outage. An autoscaler counts by its minReplicas.',
  example: 'spec:\n  replicas: 2\n',
  check: (input) =>
    sizedServers(input).flatMap((workload): readonly Violation[] => {
      const count = leastReplicas(input, workload);
      if (count >= 2) return [];
      const autoscaler = autoscalerOf(input, workload);
      return [
        {
          object: autoscaler ?? workload,
          path:
            autoscaler === undefined
              ? `${workload.base}/spec/replicas`
              : `${autoscaler.base}/spec/minReplicas`,
          severity: serving(input, workload) ?? 'error',
          message: `${workload.title} may run ${count === 0 ? 'no pod' : 'a single pod'}: it does not survive the loss of a node`,
          fix: `set ${autoscaler === undefined ? 'replicas' : 'minReplicas'} to 2 or more`,
        },
      ];
    }),
};

export const replicasAutoscaled: WorkloadRule = {
  id: 'replicas-autoscaled',
  severity: 'error',
  asks: 'What an autoscaler sizes declares no replicas.',
  why: 'Both write the same number: each apply sets the size back to what the file says, in the middle of the load that the autoscaler had answered.',
  example:
    'kind: Deployment\nspec:\n  # no replicas: the HorizontalPodAutoscaler has them\n  selector: { matchLabels: { app: shop } }\n',
  check: (input) =>
    input.workloads
      .filter((workload) => workload.replicas !== null && autoscalerOf(input, workload) !== undefined)
      .map((workload) => ({
        object: workload,
        path: `${workload.base}/spec/replicas`,
        message: `replicas are declared and ${autoscalerOf(input, workload)?.title ?? ''} sets them too: each apply undoes the autoscaler`,
        fix: 'leave replicas out',
      })),
};

export const spreadMissing: WorkloadRule = {
  id: 'spread',
  severity: 'warning',
  asks: 'Several pods of one server are spread over nodes.',
  why: 'Unless told, the scheduler only prefers to spread pods, and may put all of them on one node; then its loss is the loss of the service however many there are.',
  example:
    'topologySpreadConstraints:\n  - maxSkew: 1\n    topologyKey: kubernetes.io/hostname\n    whenUnsatisfiable: ScheduleAnyway\n    labelSelector: { matchLabels: { app.kubernetes.io/name: shop } }\n',
  check: (input) =>
    sizedServers(input)
      .filter(
        (workload) =>
          leastReplicas(input, workload) >= 2 &&
          workload.pod.topologySpreadConstraints.length === 0 &&
          workload.pod.affinity?.podAntiAffinity === undefined,
      )
      .map((workload) => ({
        object: workload,
        path: `${workload.podPath}/topologySpreadConstraints`,
        message: `nothing spreads the ${leastReplicas(input, workload)} pods over nodes: all may stand on the one that is lost`,
        fix: 'add a topologySpreadConstraint over kubernetes.io/hostname',
      })),
};
