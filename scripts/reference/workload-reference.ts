import { allowAnnotation } from '../../src/core/lint/workload/allow.ts';
import { ruleFamilies } from '../../src/core/lint/workload/catalogue.ts';
import type { WorkloadRule } from '../../src/core/lint/workload/rule.ts';
import { drainAnnotation } from '../../src/core/lint/workload/shutdown.ts';

/** The page of the rules over Kubernetes manifests, from the rules themselves. */
export function workloadReference(): string {
  return [
    '# The workload contract: what `belay lint` asks of Kubernetes manifests',
    '',
    'Made from the rules by `scripts/generate-reference.ts`; do not edit. `belay lint --explain RULE` prints one of them.',
    '',
    '```',
    'belay lint deploy/                        # files, folders and all below them, many documents a file',
    'belay lint belay.yaml deploy/             # and the probes’ times against the pipeline’s',
    'helm template shop ./chart | belay lint - # a chart, once it is rendered',
    'kubectl get deploy,svc,pdb -o yaml | belay lint -',
    '```',
    '',
    'Belay’s own documents and objects of Kubernetes are told apart by their `apiVersion`, and may lie in one folder or file. All objects of a call are judged together: a Service in one file knows the Deployment in another. Kinds that no rule reads are passed over and counted. Fields that no rule reads are not checked: the API server is the judge of those.',
    '',
    'Each finding is told with its place, what comes of it, and what mends it; `-o json` adds the object, and the path in it as a JSON pointer. The exit code is 0 without an error, 1 with one, and with `--strict` also for a warning.',
    '',
    '## As a gate',
    '',
    'With `--report`, `--artifact` and `--key` what came out is also written as a signed report of a check on the artifact, `workload` unless `--check` says otherwise: passed or not, with a summary and the SHA-256 of what was read. Attached to the release it is what a `check` gate of that name waits for; a report that did not pass closes the gate.',
    '',
    '```',
    'helm template shop ./chart | belay lint - --report workload.dsse.json --artifact shop.tar.gz --key ci.pem',
    'belay release attach shop-42 --statement workload.dsse.json',
    '```',
    '',
    '```yaml',
    '# In belay.yaml: who may report the check, and the stage that waits for it.',
    'trust: [{ name: ci, publicKey: …, predicateTypes: [https://belay.dev/check-report/v1], checks: [workload] }]',
    'gates: [{ kind: check, name: workload, check: workload }]',
    '```',
    '',
    '## Allowing a rule on one object',
    '',
    `The annotation \`${allowAnnotation}\` on an object allows rules on that object alone, a line each: the rule’s id and the reason. What is allowed is reported with its reason; see [allow](#allow).`,
    '',
    '```yaml',
    ...(ruleFamilies
      .flatMap(({ rules }) => rules)
      .find(({ id }) => id === 'allow')
      ?.example.trimEnd()
      .split('\n') ?? []),
    '```',
    '',
    `The annotation \`${drainAnnotation}: 15s\` on a workload says how long its gateway may send new requests to a pod that goes; see [prestop](#prestop).`,
    '',
    ...ruleFamilies.flatMap(({ title, rules }) => [
      `## ${title}`,
      '',
      '| Rule | | Asks for |',
      '|---|---|---|',
      ...rules.map(
        ({ id, severity, asks }) => `| [${id}](#${id}) | ${severity} | ${asks.replaceAll('|', '\\|')} |`,
      ),
      '',
      ...rules.flatMap(section),
    ]),
  ].join('\n');
}

const section = ({ id, asks, why, example }: WorkloadRule): readonly string[] => [
  `### ${id}`,
  '',
  `${asks} ${why}`,
  '',
  '```yaml',
  ...example.trimEnd().split('\n'),
  '```',
  '',
];
