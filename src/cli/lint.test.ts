import assert from 'node:assert/strict';
import { createHash, createPublicKey, verify } from 'node:crypto';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { preAuthenticationEncoding } from '../core/decide/gates/statement.ts';
import { DsseEnvelope } from '../core/model/release.ts';
import type { Linted } from './documents/lint-all.ts';
import { Home, runBelay } from './testing/run-belay.ts';

const deployment = `apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      automountServiceAccountToken: false
      securityContext: { runAsNonRoot: true, seccompProfile: { type: RuntimeDefault } }
      containers:
        - name: web
          image: web@sha256:${'0f'.repeat(32)}
          resources: { requests: { cpu: 1, memory: 1Gi }, limits: { memory: 1Gi } }
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities: { drop: [ALL] }
          startupProbe: { tcpSocket: { port: 80 }, failureThreshold: 12 }
`;
const pipeline = `apiVersion: belay.dev/v1alpha1
kind: Project
metadata: { name: shop }
spec: {}
---
apiVersion: belay.dev/v1alpha1
kind: Environment
metadata: { name: staging, project: shop }
spec: { driver: local }
---
apiVersion: belay.dev/v1alpha1
kind: Pipeline
metadata: { name: web, project: shop }
spec:
  service: web
  stages: [{ name: staging, environment: staging, rollout: { progressDeadline: 2m } }]
`;
const latest = deployment.replace(/web@sha256:[0-9a-f]+/, 'web:latest');

test('manifests and documents may lie together, at any depth; links to folders are not followed', async () => {
  using home = new Home();
  const file = (path: string, text: string): void => writeFileSync(join(home.path, path), text);
  mkdirSync(join(home.path, 'deploy/base'), { recursive: true });
  mkdirSync(join(home.path, 'deploy/.git'));
  file('deploy/belay.yaml', pipeline);
  file(
    'deploy/base/web.yml',
    `# two of them\n---\n${deployment}---\napiVersion: x.example/v1\nkind: X\nmetadata: { name: x }\n`,
  );
  file('deploy/.git/bad.yaml', 'no: [');
  symlinkSync('..', join(home.path, 'deploy/base/again'));
  const found = await runBelay(home, ['lint', 'deploy']);
  assert.deepEqual(found.stdout.trimEnd().split('\n'), [
    'deploy/base/web.yml:22:25: error: Deployment web: container web may take 2 min until it counts as ready, and stage staging of the pipeline gives up after 2 min: a slow start is taken for a failed one; allow less, or give the stage a progressDeadline above 120s [startup-budget]',
  ]);
  assert.match(
    found.stderr,
    /^error: 3 documents, 1 object \(1 passed over: X\.x\.example\), 1 error, 0 warnings\n/,
  );
  assert.equal(found.code, 1);
  const alone = await runBelay(home, ['lint', 'deploy/base/web.yml']);
  assert.deepEqual([alone.code, alone.stdout], [0, '']);
  assert.equal(alone.stderr, '1 object (1 passed over: X.x.example), nothing to mend\n');
});

test('stdin, as helm template writes it; JSON for a machine; what is allowed is reported', async () => {
  using home = new Home();
  const text = `---\n# Source: a\n${latest}`;
  const ran = await runBelay(home, ['lint', '-', '-o', 'json'], { stdin: text });
  const { findings, digest, ...rest } = JSON.parse(ran.stdout) as Linted;
  assert.equal(digest, `sha256:${createHash('sha256').update(text).digest('hex')}`);
  assert.deepEqual(rest, { documents: 0, objects: 1, passedOver: {}, allowed: [] });
  assert.deepEqual(
    findings.map(({ file, line, column, rule, severity, object, path }) => [
      file,
      line,
      column,
      rule,
      severity,
      object,
      path,
    ]),
    [['stdin', 16, 18, 'image-latest', 'error', 'Deployment web', '/spec/template/spec/containers/0/image']],
  );
  assert.equal(ran.code, 1);
  const annotated = latest.replace(
    'name: web }',
    'name: web, annotations: { belay.dev/allow: image-latest a toy } }',
  );
  const allowed = await runBelay(home, ['lint', '-', '--strict'], { stdin: annotated });
  assert.match(
    allowed.stdout,
    /^stdin:14:18: allowed: Deployment web: .*; allowed there: a toy \[image-latest\]\n$/,
  );
  assert.deepEqual([allowed.code, allowed.stderr], [0, '1 object, nothing to mend, 1 allowed\n']);
});

test('what cannot be judged is refused: nothing, half of it, a chart that is not rendered', async () => {
  using home = new Home();
  const empty = await runBelay(home, ['lint', '-'], { stdin: '' });
  assert.equal(empty.code, 1);
  assert.match(empty.stdout, /the file holds no document/);
  const half = await runBelay(home, ['lint', '-'], { stdin: `${latest}---\na: [\n` });
  assert.equal(half.code, 1);
  assert.doesNotMatch(half.stdout, /image-latest/);
  const neither = await runBelay(home, ['lint', '-'], { stdin: 'replicas: 2\n' });
  assert.match(neither.stdout, /kind is missing; expected Project, Environment, Pipeline/);
  mkdirSync(join(home.path, 'chart/templates'), { recursive: true });
  writeFileSync(join(home.path, 'chart/Chart.yaml'), 'name: shop\n');
  const chart = await runBelay(home, ['lint', '.']);
  assert.equal(chart.code, 2);
  assert.match(chart.stderr, /chart is a Helm chart/);
  assert.match(chart.stderr, /next: helm template NAME chart \| belay lint -/);
});

test('a rule is explained, and a misspelt one found', async () => {
  using home = new Home();
  const told = await runBelay(home, ['lint', '--explain', 'prestop']);
  assert.equal(told.code, 0);
  assert.match(told.stdout, /^prestop \(error\)\nA container that gets requests waits/);
  const asJson = await runBelay(home, ['lint', '--explain', 'prestop', '-o', 'json']);
  assert.deepEqual(Object.keys(JSON.parse(asJson.stdout) as object), [
    'id',
    'severity',
    'asks',
    'why',
    'example',
  ]);
  const wrong = await runBelay(home, ['lint', '--explain', 'pre-stop']);
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /did you mean prestop\?/);
});

test('what came out is signed as the report of a check, passed or not', async () => {
  using home = new Home();
  const key = (await runBelay(home, ['artifact', 'key', 'ci.pem'])).stdout.trim();
  writeFileSync(join(home.path, 'web.tar.gz'), 'an artifact');
  const sign = ['--report', 'report.json', '--artifact', 'web.tar.gz', '--key', 'ci.pem'];
  const read = (): unknown => {
    const text = readFileSync(join(home.path, 'report.json'), 'utf8');
    const { payload, payloadType, signatures } = DsseEnvelope.parse(JSON.parse(text));
    const body = Buffer.from(payload, 'base64').toString('utf8');
    const x = Buffer.from(key, 'base64').toString('base64url');
    const publicKey = createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', x } });
    const signed = Buffer.from(preAuthenticationEncoding(payloadType, body));
    assert.ok(verify(null, signed, publicKey, Buffer.from(signatures[0]?.sig ?? '', 'base64')));
    const { subject, predicate } = JSON.parse(body) as {
      subject: unknown;
      predicate: Record<string, unknown>;
    };
    const { finishedAt, ...said } = predicate;
    assert.match(String(finishedAt), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    return [subject, said];
  };
  const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
  const subject = [{ name: 'web.tar.gz', digest: { sha256: sha256('an artifact') } }];
  const good = await runBelay(home, ['lint', '-', ...sign], { stdin: deployment });
  assert.equal(good.code, 0);
  const summary = `1 object, nothing to mend; in sha256:${sha256(deployment)}`;
  assert.deepEqual(read(), [subject, { check: 'workload', passed: true, summary }]);
  const bad = await runBelay(home, ['lint', '-', ...sign, '--check', 'manifests'], { stdin: latest });
  assert.equal(bad.code, 1);
  const found = `1 object, 1 error, 0 warnings; in sha256:${sha256(latest)}`;
  assert.deepEqual(read(), [subject, { check: 'manifests', passed: false, summary: found }]);
  const none = 'apiVersion: x.example/v1\nkind: X\nmetadata: { name: x }\n';
  assert.equal((await runBelay(home, ['lint', '-', ...sign], { stdin: none })).code, 0);
  const nothing = `0 objects (1 passed over: X.x.example), nothing to mend; in sha256:${sha256(none)}`;
  assert.deepEqual(read(), [subject, { check: 'workload', passed: false, summary: nothing }]);
  assert.equal((await runBelay(home, ['lint', '-', '--report', 'x.json'], { stdin: latest })).code, 2);
});
