import type { Container } from '../../model/manifest/pod.ts';
import type { LintInput, Violation, WorkloadRule } from './rule.ts';
import type { Workload } from './objects.ts';
import { containersOf, type PlacedContainer } from './relations.ts';
import { shown } from './rule.ts';

/** Windows knows none of this; its pods say that they are. */
const unixPods = ({ workloads }: LintInput): readonly Workload[] =>
  workloads.filter(({ pod }) => pod.os?.name !== 'windows');

interface Judged {
  /** Whose securityContext says so: the container's, unless it is the pod's. */
  readonly of?: 'pod';
  /** JSON pointer into that securityContext. */
  readonly at: string;
  readonly message: string;
  readonly fix: string;
}

/** A rule over each container's security: what is said, or null where it is as it should be. */
const perContainer =
  (judge: (container: Container, workload: Workload) => Judged | null): WorkloadRule['check'] =>
  (input) =>
    unixPods(input).flatMap((workload) =>
      containersOf(workload).flatMap(({ container, path }: PlacedContainer): readonly Violation[] => {
        const found = judge(container, workload);
        if (found === null) return [];
        const { of, at, message, fix } = found;
        const owner = of === 'pod' ? workload.podPath : path;
        return [{ object: workload, path: `${owner}/securityContext${at}`, message, fix }];
      }),
    );

/** Where a setting is said: at the container, at the pod, or nowhere and then at the container. */
const whose = (own: unknown, either: unknown, at: string): Pick<Judged, 'of' | 'at'> =>
  own !== undefined ? { at } : either !== undefined ? { of: 'pod', at } : { at: '' };

export const nonRoot: WorkloadRule = {
  id: 'run-as-non-root',
  severity: 'error',
  asks: 'No container runs as root.',
  why: 'A process that is root in its container is root on the node once it gets out of it. runAsNonRoot makes the kubelet refuse an image that would.',
  example: 'securityContext: # of the pod\n  runAsNonRoot: true\n  runAsUser: 65532\n',
  check: perContainer(({ name, securityContext: own }, { pod }) => {
    const user = own.runAsUser ?? pod.securityContext.runAsUser;
    const nonRootWanted = own.runAsNonRoot ?? pod.securityContext.runAsNonRoot;
    if (user === 0)
      return {
        ...(own.runAsUser === undefined ? ({ of: 'pod' } as const) : {}),
        at: '/runAsUser',
        message: `container ${name} runs as root (runAsUser 0)`,
        fix: 'take another user, and set runAsNonRoot: true',
      };
    if (nonRootWanted === true) return null;
    return {
      ...whose(own.runAsNonRoot, nonRootWanted, '/runAsNonRoot'),
      message: `container ${name} may run as root: nothing keeps an image from it`,
      fix: 'set runAsNonRoot: true in the securityContext of the pod',
    };
  }),
};

export const privilegeEscalation: WorkloadRule = {
  id: 'privilege-escalation',
  severity: 'error',
  asks: 'No container may gain privileges.',
  why: 'With allowPrivilegeEscalation a setuid program in the image gives root to whoever got in; a privileged container is the node.',
  example: 'securityContext: # of the container\n  allowPrivilegeEscalation: false\n',
  check: perContainer(({ name, securityContext: own }) => {
    if (own.privileged === true)
      return {
        at: '/privileged',
        message: `container ${name} is privileged: it has the whole node`,
        fix: 'leave privileged out, and add the single capability that it needs',
      };
    if (own.allowPrivilegeEscalation === false) return null;
    return {
      at: own.allowPrivilegeEscalation === undefined ? '' : '/allowPrivilegeEscalation',
      message: `container ${name} may gain privileges by a setuid program`,
      fix: 'set allowPrivilegeEscalation: false',
    };
  }),
};

export const readOnlyRoot: WorkloadRule = {
  id: 'read-only-root',
  severity: 'error',
  asks: 'The root file system of every container is read-only.',
  why: 'Whoever gets in cannot put anything there, and a pod is what its digest says at every moment of its life. What must be written goes to an emptyDir.',
  example:
    'securityContext: # of the container\n  readOnlyRootFilesystem: true\nvolumeMounts: [{ name: tmp, mountPath: /tmp }] # volumes: [{ name: tmp, emptyDir: {} }]\n',
  check: perContainer(({ name, securityContext: own }) =>
    own.readOnlyRootFilesystem === true
      ? null
      : {
          at: own.readOnlyRootFilesystem === undefined ? '' : '/readOnlyRootFilesystem',
          message: `container ${name} can write to its own root file system`,
          fix: 'set readOnlyRootFilesystem: true, and mount an emptyDir where it must write',
        },
  ),
};

const profiles: readonly string[] = ['RuntimeDefault', 'Localhost'];

export const seccomp: WorkloadRule = {
  id: 'seccomp',
  severity: 'error',
  asks: 'Every container has a seccomp profile.',
  why: 'The runtime’s own profile takes away the system calls that no service needs and that most escapes do. Unless said, none is used.',
  example: 'securityContext: # of the pod\n  seccompProfile: { type: RuntimeDefault }\n',
  check: perContainer(({ name, securityContext: own }, { pod }) => {
    const type = (own.seccompProfile ?? pod.securityContext.seccompProfile)?.type;
    if (type !== undefined && profiles.includes(type)) return null;
    return {
      ...whose(own.seccompProfile, type, '/seccompProfile'),
      message: `container ${name} has ${type === undefined ? 'no seccomp profile' : `the seccomp profile ${shown(type)}`}: every system call is open to it`,
      fix: 'set seccompProfile: {type: RuntimeDefault} in the securityContext of the pod',
    };
  }),
};

export const capabilities: WorkloadRule = {
  id: 'capabilities',
  severity: 'error',
  asks: 'Every container drops all capabilities, and adds at most NET_BIND_SERVICE.',
  why: 'A container starts with a dozen rights of root, such as to change the owner of files or to send raw packets. A service needs none of them.',
  example: 'securityContext: # of the container\n  capabilities: { drop: [ALL] }\n',
  check: perContainer(({ name, securityContext: own }) => {
    const { drop = [], add = [] } = own.capabilities ?? {};
    const added = add.filter((one) => one !== 'NET_BIND_SERVICE');
    if (added.length > 0)
      return {
        at: '/capabilities/add',
        message: `container ${name} adds the capabilit${added.length === 1 ? 'y' : 'ies'} ${shown(added.join(', '))}`,
        fix: 'leave them out, or allow it with the reason',
      };
    if (drop.includes('ALL')) return null;
    return {
      at: own.capabilities === undefined ? '' : '/capabilities',
      message: `container ${name} keeps the capabilities that the runtime gives`,
      fix: 'set capabilities: {drop: [ALL]}',
    };
  }),
};

export const hostAccess: WorkloadRule = {
  id: 'host-access',
  severity: 'error',
  asks: 'No pod reaches into its node.',
  why: 'The node’s network, processes, ports and files are shared with every other pod on it: what gets there reads their traffic and secrets, and a host port lets one pod a node run at all.',
  example: 'volumes: [{ name: data, emptyDir: {} }] # instead of hostPath\n',
  check: ({ workloads }) =>
    workloads.flatMap((workload) => {
      const { pod, podPath } = workload;
      const spaces = (['hostNetwork', 'hostPID', 'hostIPC'] as const)
        .filter((one) => pod[one])
        .map((one) => ({ at: `/${one}`, what: one, fix: `leave ${one} out` }));
      const volumes = pod.volumes.flatMap(({ name, hostPath }, i) =>
        hostPath === undefined
          ? []
          : [
              {
                at: `/volumes/${i}/hostPath`,
                what: `the node’s files by volume ${shown(name)}`,
                fix: 'take an emptyDir or a PersistentVolumeClaim',
              },
            ],
      );
      const ports = containersOf(workload).flatMap(({ container, path }) =>
        container.ports.flatMap(({ hostPort }, i) =>
          hostPort === 0 || pod.hostNetwork
            ? []
            : [
                {
                  at: `${path.slice(podPath.length)}/ports/${i}/hostPort`,
                  what: `port ${hostPort} of the node`,
                  fix: 'leave hostPort out; a Service leads to the pods',
                },
              ],
        ),
      );
      return [...spaces, ...volumes, ...ports].map(({ at, what, fix }) => ({
        object: workload,
        path: `${podPath}${at}`,
        message: `the pods have ${what}`,
        fix,
      }));
    }),
};

export const serviceAccountToken: WorkloadRule = {
  id: 'service-account-token',
  severity: 'warning',
  asks: 'Pods with the default ServiceAccount carry no token of it.',
  why: 'Unless told, every pod gets a token for the API server, which whoever gets in may use. A pod that names no ServiceAccount of its own has no use for one.',
  example: 'automountServiceAccountToken: false\n',
  check: ({ workloads }) =>
    workloads
      .filter(
        ({ pod }) =>
          pod.automountServiceAccountToken === undefined && ['', 'default'].includes(pod.serviceAccountName),
      )
      .map((workload) => ({
        object: workload,
        path: `${workload.podPath}/automountServiceAccountToken`,
        message:
          'its pods carry a token of the default ServiceAccount and name no account that they would use',
        fix: 'set automountServiceAccountToken: false',
      })),
};
