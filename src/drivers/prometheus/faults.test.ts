import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { PrometheusSource } from '../../core/model/metrics-source.ts';
import type { SlotKey } from '../../core/model/name.ts';
import type { Unreadable } from '../../ports/environment.ts';
import { createPrometheusMetrics } from './metrics.ts';
import { createQueryClient } from './query-client.ts';

/** What a Prometheus answers that is ill, and what the port says of it. */

const slot: SlotKey = { project: 'demo', environment: 'production', service: 'app' };
const signal = new AbortController().signal;
const arms = {
  canary: 'app-2',
  stable: 'app-1',
  weights: [
    { release: 'app-1', weight: 90 },
    { release: 'app-2', weight: 10 },
  ],
};

type Handler = (request: IncomingMessage, response: ServerResponse, query: string) => void;

/** A server on a loopback port that answers as it is told. */
async function serving(handle: Handler): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
    request.on('end', () => handle(request, response, new URLSearchParams(body).get('query') ?? ''));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

const sourceAt = (url: string, changes: object = {}): PrometheusSource =>
  PrometheusSource.parse({
    source: 'prometheus',
    url,
    timeout: '300ms',
    requests: 'requests_total',
    errors: 'errors_total',
    latency: null,
    started: null,
    ...changes,
  });

async function scrapeOnce(
  source: PrometheusSource,
  secrets: string | null = null,
  clock = Date.now,
): Promise<Unreadable> {
  const metrics = createPrometheusMetrics(source, createQueryClient(source, secrets), clock);
  const read = await metrics.scrape(slot, arms, signal);
  assert.equal(read.ok, false, JSON.stringify(read));
  return read.error;
}

const json =
  (value: unknown): Handler =>
  (_request, response) =>
    void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));

const matrix = (...result: readonly object[]): object => ({
  status: 'success',
  data: { resultType: 'matrix', result },
});

/** One series of stable with these values. */
const series = (...values: readonly string[]): object => ({
  metric: { __name__: 'requests_total', release: 'app-1', pod: 'a' },
  values: values.map((value, i) => [1_700_000_000 + i, value]),
});

const illAnswers: readonly (readonly [string, Handler, Unreadable['code'], RegExp])[] = [
  [
    'an error under status 200',
    json({ status: 'error', errorType: 'execution', error: 'too many samples' }),
    'invalid-answer',
    /error: execution: too many samples/,
  ],
  ['an error without a reason', json({ status: 'error' }), 'invalid-answer', /no reason given/],
  [
    'a warning, so a part may be missing',
    json({ ...matrix(series('1')), warnings: ['remote read: timeout'] }),
    'invalid-answer',
    /may be partial: remote read: timeout/,
  ],
  ['no JSON', (_q, response) => void response.end('<html>'), 'invalid-answer', /not JSON/],
  ['half an answer', (_q, response) => void response.end('{"status":"succ'), 'invalid-answer', /not JSON/],
  ['JSON of another form', json([]), 'invalid-answer', /not as documented/],
  [
    'a scalar',
    json({ status: 'success', data: { resultType: 'scalar', result: [1, '1'] } }),
    'invalid-answer',
    /not as documented/,
  ],
  [
    'a value that is no text',
    json(matrix({ metric: {}, values: [[1, 1]] })),
    'invalid-answer',
    /not as documented: data\.result\.0\.values\.0\.1/,
  ],
  [
    'a label that is no text',
    json(matrix({ metric: { pod: 7 }, values: [] })),
    'invalid-answer',
    /not as documented/,
  ],
  ['NaN', json(matrix(series('1', 'NaN'))), 'invalid-answer', /requests_total is NaN, and no count/],
  ['+Inf', json(matrix(series('+Inf'))), 'invalid-answer', /is \+Inf, and no count/],
  ['a fraction, as a rate has', json(matrix(series('12.5'))), 'invalid-answer', /is 12\.5, and no count/],
  ['less than nothing', json(matrix(series('-1'))), 'invalid-answer', /is -1, and no count/],
  [
    'more than can be counted exactly',
    json(matrix(series('9007199254740993'))),
    'invalid-answer',
    /no count/,
  ],
  ['nothing for a value', json(matrix(series(''))), 'invalid-answer', /no count/],
  [
    'a native histogram',
    json(matrix({ metric: { __name__: 'h' }, histograms: [] })),
    'invalid-answer',
    /h is a native histogram/,
  ],
  [
    'no label that names the pod',
    json(matrix({ metric: { __name__: 'requests_total', release: 'app-1' }, values: [[1, '1']] })),
    'invalid-answer',
    /requests_total has no label pod: name in metrics\.pod/,
  ],
  ['no series at all', json(matrix()), 'not-found', /no sample of app-1 in the last 120 s/],
  [
    'series of neither release',
    json(matrix({ metric: { release: 'app-0', pod: 'a' }, values: [[1, '1']] })),
    'not-found',
    /no sample of app-1/,
  ],
  [
    'that it wants credentials',
    (_q, response) => void response.writeHead(401).end('who are you'),
    'unreachable',
    /refuses the credentials, or wants some \(401\)/,
  ],
  [
    'that this may not be asked',
    (_q, response) => void response.writeHead(403).end(),
    'unreachable',
    /\(403\)/,
  ],
  [
    'that it is starting',
    (_q, response) => void response.writeHead(503).end('Service Unavailable'),
    'unreachable',
    /it answered 503$/,
  ],
  [
    'that there is nothing here',
    (_q, response) => void response.writeHead(404).end('404 page not found'),
    'unreachable',
    /it answered 404$/,
  ],
  ['nothing, for too long', () => undefined, 'unreachable', /no whole answer within 300 ms/],
  [
    'a beginning, and then nothing',
    (_q, response) => void response.writeHead(200).write('{'),
    'unreachable',
    /no whole answer within 300 ms/,
  ],
  [
    'half of what it promised',
    (request, response) => {
      response.writeHead(200, { 'content-length': '100' }).write('{');
      setTimeout(() => request.socket.destroy(), 20);
    },
    'unreachable',
    /requests: (UND_ERR_SOCKET|ECONNRESET|.*closed.*)/,
  ],
];

for (const [title, handle, code, message] of illAnswers) {
  test(`unreadable, with its reason: Prometheus answers ${title}`, async () => {
    await using server = await serving(handle);
    const error = await scrapeOnce(sourceAt(server.url));
    assert.equal(error.code, code);
    assert.match(error.message, message);
    assert.match(error.message, /^Prometheus/);
    assert.ok(error.message.length < 500);
  });
}

test('unreadable, with its reason: nobody is there', async () => {
  const { url } = await (async () => {
    await using server = await serving(json({}));
    return server;
  })();
  assert.deepEqual(await scrapeOnce(sourceAt(url)), {
    code: 'unreachable',
    message: 'Prometheus: requests: ECONNREFUSED',
  });
});

test('of an answer without end no more is read than is kept', async () => {
  let sent = 0;
  await using server = await serving((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    const chunk = Buffer.alloc(1 << 20, ' ');
    const more = (): void => {
      if (response.destroyed || sent > 200) return;
      sent += 1;
      response.write(chunk, more);
    };
    more();
  });
  const error = await scrapeOnce(sourceAt(server.url, { timeout: '10s' }));
  assert.equal(error.code, 'invalid-answer');
  assert.match(error.message, /more than 8 MB: narrow the selectors or the window/);
  assert.ok(sent < 60, `${sent} MB were taken`);
});

test('a redirect is not followed, and nobody else sees the credentials', async () => {
  using secrets = secretFolder({ token: 'a-secret-token' });
  let asked = 0;
  await using other = await serving((_request, response) => {
    asked += 1;
    response.end('{}');
  });
  let authorization: string | undefined;
  await using server = await serving((request, response) => {
    authorization = request.headers.authorization;
    response.writeHead(307, { location: `${other.url}/api/v1/query` }).end();
  });
  const authentication = { type: 'bearer', token: 'file:token' };
  const error = await scrapeOnce(sourceAt(server.url, { authentication }), secrets.folder);
  assert.equal(authorization, 'Bearer a-secret-token');
  assert.match(error.message, /it redirects \(307\), which is not followed/);
  assert.equal(asked, 0);
});

test('a secret that is refused, missing or no text is never in the reason', async () => {
  using secrets = secretFolder({
    token: 'a-secret-token',
    lines: 'a-secret\nof two lines',
    binary: 'a-secret\0',
  });
  await using server = await serving((request, response) => {
    response.writeHead(401).end(`you sent ${request.headers.authorization ?? ''}`);
  });
  const reasons: string[] = [];
  for (const name of ['token', 'lines', 'binary', 'nowhere']) {
    const authentication = { type: 'basic', username: 'belay', password: `file:${name}` };
    const error = await scrapeOnce(sourceAt(server.url, { authentication }), secrets.folder);
    assert.equal(error.code, 'unreachable');
    assert.doesNotMatch(error.message, /a-secret/);
    reasons.push(error.message);
  }
  assert.match(reasons[0] ?? '', /refuses the credentials/);
  assert.match(reasons[1] ?? '', /the file of file:lines is not one line of ASCII text/);
  assert.match(reasons[2] ?? '', /the file of file:binary is not text/);
  assert.match(reasons[3] ?? '', /the file of file:nowhere cannot be read \(ENOENT\)/);
  const authentication = { type: 'bearer', token: 'file:token' };
  const none = await scrapeOnce(sourceAt(server.url, { authentication }), null);
  assert.match(none.message, /this server has no secrets folder for file:token/);
});

test('a failure is told again until Prometheus is asked anew, and no oftener than that', async () => {
  let asked = 0;
  await using server = await serving((_request, response) => {
    asked += 1;
    response.writeHead(503).end();
  });
  let now = Date.now();
  const source = sourceAt(server.url, { every: '5s' });
  const metrics = createPrometheusMetrics(source, createQueryClient(source, null), () => now);
  for (const after of [0, 1_000, 3_900, 4_999]) {
    now += after;
    const read = await metrics.scrape(slot, arms, signal);
    assert.equal(read.ok, false);
  }
  assert.equal(asked, 2);
});

test('what is stale is told with when it ended, once four scrapes are missed; a lone sample tells no interval', async () => {
  const began = 1_700_000_000;
  let found: readonly object[] = [series('1', '2')];
  await using server = await serving((request, response, query) => {
    response.sendDate = false;
    json(matrix(...found))(request, response, query);
  });
  let at = began + 31;
  const source = sourceAt(server.url, { every: '0s', pod: null });
  const client = createQueryClient(source, null);
  const scrape = async () =>
    createPrometheusMetrics(source, client, () => 1_000 * at).scrape(slot, arms, signal);
  const fresh = await scrape();
  at = began + 32;
  const stale = await scrape();
  found = [series('1')];
  const lone = await scrape();
  const said = [fresh, stale, lone].map((read) => (read.ok ? 'samples' : read.error.message));
  assert.deepEqual(said, [
    'samples',
    'Prometheus has scraped neither version since 2023-11-14T22:13:21Z',
    'samples',
  ]);
});

test('what the requests show has not slid out of the window when the rest is asked for', async () => {
  const windows = new Map<string, number>();
  await using server = await serving((request, response, query) => {
    const [, metric = '', ms] = /(requests_total|errors_total).*\[(\d+)ms\]/.exec(query) ?? [];
    windows.set(metric, Math.min(Number(ms), windows.get(metric) ?? Infinity));
    json(matrix(...(metric === 'requests_total' ? [series('1', '2')] : [])))(request, response, query);
  });
  const error = await scrapeOnce(sourceAt(server.url));
  assert.match(error.message, /errors: there is no series of errors_total\{release=~"app-1"\}/);
  assert.equal(windows.get('requests_total'), 120_000);
  assert.equal(windows.get('errors_total'), 120_600);
});

test('clocks that differ are said to differ', async () => {
  await using server = await serving(json(matrix()));
  const error = await scrapeOnce(sourceAt(server.url), null, () => Date.now() - 60_000);
  assert.match(error.message, /the clock of Prometheus and this server’s differ by (59|60|61) s/);
});

test('a slow answer is not a clock that differs; one that differs is found out behind a slow answer too', async () => {
  const began = Date.parse('2026-03-01T12:00:00Z');
  const slow = 20_000;
  /** What is said where Prometheus' clock is `ahead` of ours (ms), and its answers take 20 s in all. */
  const said = async (ahead: number): Promise<string> => {
    let now = began;
    await using server = await serving((_request, response) => {
      response.setHeader('date', new Date(now + ahead).toUTCString());
      now = began + slow;
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(matrix()));
    });
    return (await scrapeOnce(sourceAt(server.url), null, () => now)).message;
  };
  assert.match(await said(0), /no sample of app-1/);
  assert.match(await said(slow), /no sample of app-1/);
  assert.match(await said(-60_000), /clock of Prometheus and this server’s differ by 60 s/);
  assert.match(await said(slow + 60_000), /clock of Prometheus and this server’s differ by 60 s/);
});

test('without the weights there is nothing to put a sample down to', async () => {
  const source = sourceAt('http://127.0.0.1:9');
  const metrics = createPrometheusMetrics(source, createQueryClient(source, null), Date.now);
  const read = await metrics.scrape(slot, { ...arms, weights: null }, signal);
  assert.deepEqual(read, {
    ok: false,
    error: { code: 'unreachable', message: 'how traffic is shared could not be read' },
  });
});

function secretFolder(files: Readonly<Record<string, string>>): Disposable & { readonly folder: string } {
  const folder = mkdtempSync(join(tmpdir(), 'belay-secrets-'));
  for (const [name, content] of Object.entries(files))
    writeFileSync(join(folder, name), content, { mode: 0o600 });
  return { folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}
