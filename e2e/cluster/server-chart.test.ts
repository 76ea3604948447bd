import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { chartFolder, chartValues, renderArguments, renderedChart } from '../../deploy/chart.ts';
import { Home, runBelay } from '../../src/cli/testing/run-belay.ts';
import { roleRules } from '../../src/drivers/kubernetes/permissions.ts';
import { helm } from './helm.ts';
import { promtool } from './tools.ts';

const Rendered = z.looseObject({
  kind: z.string(),
  metadata: z.looseObject({ name: z.string(), namespace: z.string() }),
});

async function rendered(): Promise<readonly z.infer<typeof Rendered>[]> {
  return parseAllDocuments(await readFile(renderedChart, 'utf8')).map((one) => Rendered.parse(one.toJS()));
}

test('the server’s chart renders to what is kept of it, twice alike', async () => {
  const { status, out, err } = helm(renderArguments);
  assert.equal(status, 0, err);
  assert.equal(
    out,
    await readFile(renderedChart, 'utf8'),
    `helm ${renderArguments.join(' ')} > ${renderedChart}`,
  );
  assert.equal(helm(renderArguments).out, out);
});

test('the server’s chart refuses values that it could not keep its word with, and names the place', () => {
  const linted = helm(['lint', chartFolder, '--values', chartValues, '--strict']);
  assert.equal(linted.status, 0, linted.out + linted.err);
  for (const [value, place] of [
    ['image.digest=latest', '/image/digest'],
    ['replicas=1', '/replicas'],
    ['database.secret.name=', '/database/secret/name'],
    ['databse.secret.name=x', 'databse'],
    ['tls.secret=', '/tls/secret'],
    ['access.namespaces={a/b}', '/access/namespaces/0'],
    ['access.rules[0].verbs={*}', '/access/rules/0'],
    ['webhook.url=http://chat.example', '/webhook/url'],
    ['webhook.secret.name=', '/webhook/secret/name'],
    ['shutdown.graceSeconds=1', '/shutdown/graceSeconds'],
    ['resources.limits=null', '/resources'],
    ['monitoring.serviceMonitor.enabled=perhaps', '/monitoring/serviceMonitor/enabled'],
  ] as const) {
    const refused = helm([...renderArguments, '--set', value]);
    assert.equal(refused.status, 1, value);
    assert.ok(refused.err.includes(place), `${value}: ${refused.err}`);
  }
});

test('the server’s chart keeps the workload contract', async () => {
  using home = new Home();
  const linted = await runBelay(home, ['lint', '--strict', renderedChart]);
  assert.equal(linted.code, 0, linted.stdout + linted.stderr);
  assert.match(linted.stderr, /nothing to mend/);
});

test('the server may do what its driver asks for in the namespaces that are named, and nothing else', async () => {
  const objects = await rendered();
  assert.deepEqual(
    objects.filter(({ kind }) => kind.startsWith('Cluster')),
    [],
  );
  const roles = objects.filter(({ kind }) => kind === 'Role');
  assert.deepEqual(
    roles.map(({ metadata, rules }) => [metadata.namespace, rules]),
    [
      [
        'belay',
        [
          {
            apiGroups: [''],
            resources: ['configmaps'],
            resourceNames: ['belay-last-checkpoint'],
            verbs: ['get', 'patch'],
          },
        ],
      ],
      ['shop', roleRules],
    ],
  );
});

/** What Prometheus is to be told and what it then says, as promtool has it. */
const alertTest = {
  rule_files: ['rules.yaml'],
  evaluation_interval: '15s',
  tests: [
    {
      interval: '15s',
      input_series: [
        { series: 'belay_turn_lag_seconds{namespace="belay",pod="a"}', values: '0x20 30x20' },
        { series: 'belay_entries_unsequenced{namespace="belay",pod="a"}', values: '3x60' },
        {
          series: 'belay_http_request_seconds_count{namespace="belay",pod="a",status="503"}',
          values: '0+1x60',
        },
        {
          series: 'belay_http_request_seconds_count{namespace="belay",pod="a",status="200"}',
          values: '0+9x60',
        },
      ],
      promql_expr_test: [
        { expr: 'ALERTS{alertname="BelayDecisionsLag"}', eval_time: '4m', exp_samples: [] },
        ...['BelayDecisionsLag', 'BelayNothingSigned', 'BelayRequestsFail'].map((name) => ({
          expr: `count(ALERTS{alertname="${name}",alertstate="firing"})`,
          eval_time: name === 'BelayDecisionsLag' ? '7m' : '11m',
          exp_samples: [{ labels: '{}', value: 1 }],
        })),
        { expr: 'ALERTS{alertname="BelayAway"}', eval_time: '11m', exp_samples: [] },
      ],
    },
    {
      interval: '15s',
      input_series: [
        { series: 'belay_turn_lag_seconds{namespace="belay",pod="a"}', values: '0x60' },
        // Entries come and are signed: now and then some wait.
        { series: 'belay_entries_unsequenced{namespace="belay",pod="a"}', values: '3 0 2 0x5 1 0x50' },
        {
          series: 'belay_http_request_seconds_count{namespace="belay",pod="a",status="200"}',
          values: '0+9x60',
        },
      ],
      promql_expr_test: [{ expr: 'ALERTS', eval_time: '14m', exp_samples: [] }],
    },
    {
      interval: '15s',
      input_series: [],
      promql_expr_test: [
        {
          expr: 'count(ALERTS{alertname="BelayAway",alertstate="firing"})',
          eval_time: '3m',
          exp_samples: [{ labels: '{}', value: 1 }],
        },
      ],
    },
  ],
};

test('the alerts go off when they should, and are silent while all is well', async () => {
  const rule = (await rendered()).find(({ kind }) => kind === 'PrometheusRule');
  const folder = await mkdtemp(join(tmpdir(), 'belay-alerts-'));
  try {
    await writeFile(join(folder, 'rules.yaml'), JSON.stringify(rule?.spec));
    await writeFile(join(folder, 'test.yaml'), JSON.stringify(alertTest));
    await promtool(['check', 'rules', join(folder, 'rules.yaml')]);
    await promtool(['test', 'rules', join(folder, 'test.yaml')]);
  } finally {
    await rm(folder, { recursive: true });
  }
});
