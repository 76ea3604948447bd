import { allRead, containersOf, selects, together, workloadKinds, workloadsBehind } from './relations.ts';
import { type LintInput, shown, type Violation, type WorkloadRule } from './rule.ts';

const example =
  'kind: Service\nspec:\n  selector: { app.kubernetes.io/name: shop } # the labels of the pod template\n  ports: [{ name: http, port: 80, targetPort: http }] # a port of the container\n';

export const serviceSelectsNothing: WorkloadRule = {
  id: 'service-selects-nothing',
  severity: 'error',
  asks: 'A Service selects the pods of some workload.',
  why: 'A Service whose labels fit no pod has no endpoints: every request to it fails. Where no workload is among the files, this is a warning; a Service without a selector is left to whoever writes its endpoints.',
  example,
  check: (input) =>
    input.services
      .filter(
        (service) =>
          allRead(input, workloadKinds) &&
          service.spec.type !== 'ExternalName' &&
          Object.keys(service.spec.selector).length > 0 &&
          workloadsBehind(input, service).length === 0,
      )
      .map((service) => ({
        object: service,
        path: `${service.base}/spec/selector`,
        severity: input.workloads.some((workload) => together(service, workload)) ? 'error' : 'warning',
        message: `its selector (${shown(written(service.spec.selector))}) fits the pods of no workload in these files: it leads nowhere`,
        fix: nearest(input, service),
      })),
};

const written = (labels: Readonly<Record<string, string>>): string =>
  Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');

/** The workload with most of the labels is likely the one that was meant. */
function nearest(input: LintInput, { spec, ...service }: LintInput['services'][number]): string {
  const wanted = Object.entries(spec.selector);
  const best = input.workloads
    .filter((workload) => together(service, workload))
    .map((workload) => ({
      workload,
      off: wanted.filter(([key, value]) => workload.podLabels[key] !== value),
    }))
    .sort((a, b) => a.off.length - b.off.length)[0];
  if (best === undefined || best.off.length === wanted.length)
    return 'take the labels of the workload’s pod template';
  const [key = '', value = ''] = best.off[0] ?? [];
  const has = best.workload.podLabels[key];
  return `the pods of ${best.workload.title} have ${has === undefined ? `no label ${shown(key)}` : `${shown(key)}=${shown(has)}, not ${shown(value)}`}`;
}

export const servicePort: WorkloadRule = {
  id: 'service-port',
  severity: 'error',
  asks: 'A Service’s target port is a port of the pods that it selects.',
  why: 'A named port that no container has leads nowhere: every request to it fails. A number that no container declares may still be listened on, and is a warning.',
  example,
  check: (input) =>
    input.services.flatMap((service) =>
      workloadsBehind(input, service).flatMap((workload) => {
        const open = containersOf(workload).flatMap(({ container, runs }) => (runs ? container.ports : []));
        return service.spec.ports.flatMap((port, i): readonly Violation[] => {
          const target = port.targetPort ?? port.port;
          if (open.some(({ name, containerPort }) => name === target || containerPort === target)) return [];
          const has = open.map(({ name, containerPort }) => name ?? String(containerPort)).join(', ');
          return [
            {
              object: service,
              path: `${service.base}/spec/ports/${i}${port.targetPort === undefined ? '/port' : '/targetPort'}`,
              severity: typeof target === 'string' ? 'error' : 'warning',
              message: `port ${port.name ?? port.port} leads to port ${shown(String(target))}, which the pods of ${workload.title} do not ${typeof target === 'string' ? 'have' : 'declare'}`,
              fix: has === '' ? 'declare the port at its container' : `there is ${shown(has)}`,
            },
          ];
        });
      }),
    ),
};

export const ownSelector: WorkloadRule = {
  id: 'selector-own-pods',
  severity: 'error',
  asks: 'A workload selects its own pods, and no others’.',
  why: 'The API server refuses a workload whose selector does not fit its own template; two whose selectors fit each other’s pods fight over them, each deleting what the other made.',
  example:
    'spec:\n  selector: { matchLabels: { app.kubernetes.io/name: shop } }\n  template:\n    metadata: { labels: { app.kubernetes.io/name: shop } }\n',
  check: ({ workloads }) =>
    workloads.flatMap((workload): readonly Violation[] => {
      const { selector } = workload;
      if (selector === null || workload.kind === 'Job') return [];
      const path = `${workload.base}/spec/selector`;
      if (!selects(selector, workload.podLabels))
        return [
          {
            object: workload,
            path,
            message:
              'its selector does not fit the labels of its own pod template: the API server refuses it',
            fix: 'repeat the selector’s labels in template.metadata.labels',
          },
        ];
      return workloads
        .filter(
          (other) =>
            other !== workload &&
            other.selector !== null &&
            // The same object twice is told by another rule.
            `${other.kind}/${other.name}` !== `${workload.kind}/${workload.name}` &&
            together(workload, other) &&
            selects(selector, other.podLabels),
        )
        .slice(0, 1)
        .map((other) => ({
          object: workload,
          path,
          message: `its selector also fits the pods of ${other.title}: the two fight over them`,
          fix: 'select by a label that only its own pods have, such as app.kubernetes.io/component',
        }));
    }),
};
