import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { Sample } from '../../core/model/observation.ts';
import { Home, type Ran, runBelay } from '../testing/run-belay.ts';

const before = '2026-03-01T12:00:00Z';
const noon = Date.parse(before) / 1000;
/** Stable has run for an hour: every 15 s ten requests more, one of which failed. */
const began = noon - 3_600;

/** A Prometheus in which app-1 counts as above, and nobody else. */
class FakePrometheus implements AsyncDisposable {
  readonly headers: IncomingHttpHeaders[] = [];
  readonly #server = createServer((request, response) => {
    this.headers.push(request.headers);
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      const asked = new URLSearchParams(body);
      const [, metric, label, ms] =
        /^(requests|errors)_total.*release=~"(.*?)".*\[(\d+)ms\]$/.exec(asked.get('query') ?? '') ?? [];
      const to = Number(asked.get('time'));
      const values: [number, string][] = [];
      for (let i = 0; began + 15 * i <= to; i++)
        if (label === 'app-1' && began + 15 * i > to - Number(ms) / 1000)
          values.push([began + 15 * i, String(metric === 'requests' ? 10 * i : i)]);
      const series = { metric: { __name__: `${metric ?? ''}_total`, release: 'app-1', pod: 'a' }, values };
      const result = values.length === 0 ? [] : [series];
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify({ status: 'success', data: { resultType: 'matrix', result } }));
    });
  });

  static async start(): Promise<FakePrometheus> {
    const fake = new FakePrometheus();
    await new Promise<void>((resolve) => fake.#server.listen(0, '127.0.0.1', resolve));
    return fake;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }
}

/** Documents of one environment for each metrics block, and of pipelines that lead these services into the first. */
function documents(
  home: Home,
  environments: Readonly<Record<string, string | null>>,
  services: readonly string[] = ['app'],
): string {
  const [first = ''] = Object.keys(environments);
  const lines = ['apiVersion: belay.dev/v1alpha1', 'kind: Project', 'metadata: { name: demo }', 'spec: {}'];
  for (const [name, metrics] of Object.entries(environments))
    lines.push(
      '---',
      'apiVersion: belay.dev/v1alpha1',
      'kind: Environment',
      `metadata: { name: ${name}, project: demo }`,
      'spec:',
      '  driver: local',
      ...(metrics === null ? [] : [`  metrics: ${metrics}`]),
    );
  for (const service of services)
    lines.push(
      '---',
      'apiVersion: belay.dev/v1alpha1',
      'kind: Pipeline',
      `metadata: { name: ${service}, project: demo }`,
      `spec: { service: ${service}, stages: [{ name: ${first}, environment: ${first} }] }`,
    );
  writeFileSync(join(home.path, 'belay.yaml'), lines.join('\n'));
  return 'belay.yaml';
}

const source = (url: string, more = ''): string =>
  `{ source: prometheus, url: '${url}', requests: requests_total, errors: errors_total, latency: null, started: null${more} }`;

const history = (home: Home, ...args: readonly string[]): Promise<Ran> =>
  runBelay(home, ['analysis', 'history', ...args]);

test('what stable counted is written as replay takes it, with a summary of what it was made of', async () => {
  await using prometheus = await FakePrometheus.start();
  using home = new Home();
  const file = documents(home, { production: source(prometheus.url) });
  const asked = [file, '--release', 'app-1', '--before', before] as const;
  const plain = await history(home, ...asked);
  assert.equal(plain.code, 0, plain.stderr);
  const samples = plain.stdout
    .trimEnd()
    .split('\n')
    .map((line) => Sample.parse(JSON.parse(line)));
  assert.equal(samples.length, 241);
  assert.deepEqual(samples.at(-1), {
    t: noon,
    arm: 'stable',
    pod: 'app-1/a',
    weight: 0,
    requests: 2_400,
    bad: { errors: 240 },
    latencyMs: {},
  });
  assert.match(
    plain.stderr,
    /^241 samples of app-1 from 1 pod, over 1 h until 2026-03-01T12:00:00Z, with 23\d failed requests; no more than 24 hours are read$/m,
  );

  const told = await history(home, ...asked, '--out', 'before.ndjson', '-o', 'json');
  assert.equal(told.code, 0, told.stderr);
  assert.equal(readFileSync(join(home.path, 'before.ndjson'), 'utf8'), plain.stdout);
  const summary = JSON.parse(told.stdout) as Record<string, unknown> & { slices: { digest: string }[] };
  const { slices, failures, ...rest } = summary;
  assert.deepEqual(rest, {
    project: 'demo',
    environment: 'production',
    service: 'app',
    release: 'app-1',
    before: noon,
    samples: 241,
    pods: 1,
    ended: 'whole-span',
    first: began,
    last: noon,
    out: 'before.ndjson',
  });
  assert.equal(slices.length, 48);
  assert.match(slices.at(-1)?.digest ?? '', /^sha256:/);
  assert.ok(Number(failures) > 230);

  const now = {
    t: noon + 60,
    arm: 'canary',
    pod: 'c',
    weight: 0.1,
    requests: 1,
    bad: { errors: 0 },
    latencyMs: {},
  };
  writeFileSync(join(home.path, 'now.ndjson'), JSON.stringify(now));
  const played = await runBelay(home, ['analysis', 'replay', 'now.ndjson', '--history', 'before.ndjson']);
  assert.equal(played.code, 0, played.stderr);
  assert.match(played.stdout, /^final: hold/m);
});

test('a release that counted nothing, and a Prometheus that is away, are told with the place and a way out', async () => {
  using home = new Home();
  const url = await (async () => {
    await using prometheus = await FakePrometheus.start();
    const file = documents(home, { production: source(prometheus.url) });
    const none = await history(home, file, '--release', 'app-9', '--before', before, '--out', 'none.ndjson');
    assert.equal(none.code, 6);
    assert.match(
      none.stderr,
      /error: belay\.yaml:11:12: Prometheus has no sample of app-9 of app from 2026-02-28T12:00:00Z to 2026-03-01T12:00:00Z\nnext: .*label release is \$\{release\}/,
    );
    assert.ok(!existsSync(join(home.path, 'none.ndjson')), 'nothing is written');
    return prometheus.url;
  })();
  documents(home, { production: source(url) });
  const away = await history(home, '--release', 'app-1');
  assert.equal(away.code, 1);
  assert.match(away.stderr, /error: belay\.yaml:11:12: Prometheus: requests: ECONNREFUSED\nnext: /);
});

test('a Prometheus that does not answer in time is left when the time is over', async () => {
  using home = new Home();
  const silent = createServer(() => undefined);
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  try {
    documents(home, { production: source(`http://127.0.0.1:${(silent.address() as AddressInfo).port}`) });
    const slow = await history(home, '--release', 'app-1', '--timeout', '300ms', '--out', 'before.ndjson');
    assert.equal(slow.code, 8, slow.stderr);
    assert.match(slow.stderr, /belay\.yaml:11:12: nothing of the history was read within 300ms\nnext: /);
    assert.ok(!existsSync(join(home.path, 'before.ndjson')));
  } finally {
    silent.closeAllConnections();
    silent.close();
  }
});

test('the secret is read from the folder that is named, and asked for where none is', async () => {
  await using prometheus = await FakePrometheus.start();
  using home = new Home();
  documents(home, {
    production: source(prometheus.url, ', authentication: { type: bearer, token: "file:token" }'),
  });
  const without = await history(home, '--release', 'app-1');
  assert.equal(without.code, 2);
  assert.match(without.stderr, /belay\.yaml:11:12: this source wants a secret.*\nnext: --secrets FOLDER/);
  mkdirSync(join(home.path, 'secrets'));
  writeFileSync(join(home.path, 'secrets', 'token'), 'a-secret-token\n');
  const read = await history(home, '--release', 'app-1', '--before', before, '--secrets', 'secrets');
  assert.equal(read.code, 0, read.stderr);
  assert.equal(prometheus.headers[0]?.authorization, 'Bearer a-secret-token');
  assert.doesNotMatch(read.stdout + read.stderr, /a-secret/);
});

test('which slot is meant is told by the documents, or asked for', async () => {
  using home = new Home();
  const prometheus = source('http://127.0.0.1:9');
  const refused = async (code: number, message: RegExp, ...args: readonly string[]): Promise<void> => {
    const ran = await history(home, '--release', 'app-1', ...args);
    assert.equal(ran.code, code, ran.stderr);
    assert.match(ran.stderr, message);
  };
  documents(home, { production: null });
  await refused(1, /belay\.yaml:10:3: environment production names no metrics source.*\nnext: add metrics:/);
  documents(home, { production: prometheus, staging: prometheus });
  await refused(
    2,
    /several environments fit\nnext: --environment production -n demo\nnext: --environment staging/,
  );
  await refused(
    2,
    /there is no environment stagin in these documents; did you mean staging/,
    '--environment',
    'stagin',
  );
  await refused(
    2,
    /no pipeline in these documents leads into environment staging/,
    '--environment',
    'staging',
  );
  await refused(2, /hold no environment of project shop/, '-n', 'shop');
  documents(home, { production: prometheus }, ['app', 'other']);
  await refused(
    2,
    /several services into environment production\nnext: --service app\nnext: --service other/,
  );
  await refused(1, /ECONNREFUSED|bad port/, '--service', 'other');
  documents(home, { production: '{ source: prometheus, url: ftp://nowhere }' });
  await refused(1, /belay\.yaml:11:\d+: .*expected http/);
  documents(home, { production: prometheus });
  await refused(2, /say where the samples go\nnext: --out FILE/, '-o', 'json');
  await refused(2, /there is no output format yaml/, '-o', 'yaml');
  await refused(2, /--before: /, '--before', 'yesterday');
  await refused(2, /is still to come/, '--before', '2999-01-01T00:00:00Z');
  await refused(2, /--service: No is no name/, '--service', 'No');
  assert.equal((await history(home)).code, 2);
});
