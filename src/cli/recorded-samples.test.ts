import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { CliFailure } from './failure.ts';
import { readRecording } from './recorded-samples.ts';

const folder = mkdtempSync(join(tmpdir(), 'belay-samples-'));
after(() => rmSync(folder, { recursive: true }));

function file(content: string | Buffer): string {
  const path = join(folder, 'samples.ndjson');
  writeFileSync(path, content);
  return path;
}

const line = {
  t: 15,
  arm: 'canary',
  pod: 'c-0',
  weight: 0.1,
  requests: 200,
  bad: { errors: 2 },
  latencyMs: { '250': 180, '+Inf': 200 },
};

async function refusal(content: string | Buffer): Promise<string> {
  const failure = (await readRecording(file(content)).catch((error: unknown) => error)) as CliFailure;
  assert.equal(failure.name, 'CliFailure');
  return [failure.message, ...failure.next].join('\n');
}

test('what a line lacks or has wrongly is told with its field, what it is, and what was expected', async () => {
  const wrong: readonly (readonly [change: object, message: RegExp])[] = [
    [
      { weight: undefined },
      /:2: weight is missing; expected the canary’s share of traffic, a number from 0 to 1/,
    ],
    [{ weight: 10 }, /:2: weight is 10; expected the canary’s share of traffic, a number from 0 to 1/],
    [{ t: '15' }, /:2: t is “15”; expected the time of the scrape in seconds/],
    [{ arm: 'baseline' }, /:2: arm is “baseline”; expected canary or stable/],
    [{ arm: undefined }, /:2: arm is missing; expected canary or stable/],
    [{ pod: '' }, /:2: pod is “”; expected the name of the pod/],
    [{ requests: 'NaN' }, /:2: requests is “NaN”; expected the counter as scraped, a whole number/],
    [{ requests: -1 }, /:2: requests is -1; expected the counter as scraped, a whole number from 0/],
    [{ requests: 200.5 }, /:2: requests is 200\.5; expected the counter as scraped, a whole number/],
    [{ bad: undefined }, /:2: bad is missing; expected counters as scraped by name, such as \{"errors": 9\}/],
    [{ bad: { errors: -1 } }, /:2: bad: errors is -1; expected counters as scraped/],
    [
      { latencyMs: { fast: 1, '+Inf': 1 } },
      /:2: latencyMs: fast .*; expected cumulative counts by upper bound/,
    ],
    [{ latencyMs: { '250': 180 } }, /:2: latencyMs: \+Inf is missing, the count of all requests/],
    [{ errors: 2 }, /:2: errors is unknown here; a line has t, arm, pod/],
  ];
  for (const [change, message] of wrong)
    assert.match(
      await refusal([line, { ...line, ...change }].map((one) => JSON.stringify(one)).join('\n')),
      message,
    );
});

test('a histogram whose counts are not cumulative is none: its slow requests would be counted wrongly', async () => {
  const latencyMs = { '100': 140, '250': 40, '500': 15, '+Inf': 200 };
  assert.match(
    await refusal(JSON.stringify({ ...line, latencyMs })),
    /latencyMs: counts are cumulative by upper bound, and 250 has 40, fewer than 100 with 140/,
  );
});

test('a file of another form is refused with the way to this one', async () => {
  assert.match(await refusal(''), /holds no samples\none JSON object a line/);
  assert.match(await refusal('\n \r\n'), /holds no samples/);
  assert.match(await refusal('{"t": 1'), /:1: not JSON: .*; one JSON object a line/);
  assert.match(await refusal('{"t": NaN}'), /:1: not JSON/);
  assert.match(await refusal(JSON.stringify([line])), /:1: a list; one JSON object a line\njq -c/);
  assert.match(await refusal(gzipSync(JSON.stringify(line))), /:1: compressed\ngunzip -c FILE/);
  assert.match(await refusal(`{"pod": "${'x'.repeat(200_000)}"}`), /:1: longer than 100000 characters/);
});

test('lines come in the order of time, whatever their order in the file, and as often as they are asked for', async () => {
  const times = [30, 0, 15, 45, 15];
  const recording = await readRecording(
    file(`\uFEFF${times.map((t, i) => JSON.stringify({ ...line, t, pod: `c-${i}` })).join('\r\n\r\n')}\r\n`),
  );
  assert.deepEqual([recording.size, recording.span], [5, [0, 45]]);
  for (let walk = 0; walk < 2; walk++)
    assert.deepEqual(
      Array.from(recording.samples, ({ t, pod }) => `${t} ${pod}`),
      ['0 c-1', '15 c-2', '15 c-4', '30 c-0', '45 c-3'],
    );
});

test('a line without latency, start or readiness has none', async () => {
  const { latencyMs: _, ...bare } = line;
  const { samples } = await readRecording(file(JSON.stringify({ ...bare, started: null, ready: null })));
  assert.deepEqual([...samples], [{ ...bare, latencyMs: {} }]);
});
