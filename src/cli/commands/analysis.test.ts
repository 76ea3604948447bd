import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../main.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'belay-replay-'));
after(() => rmSync(folder, { recursive: true }));

function file(name: string, lines: readonly unknown[]): string {
  const path = join(folder, name);
  writeFileSync(
    path,
    lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n'),
  );
  return path;
}
const belay = (...args: readonly string[]) => {
  const done = spawnSync(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', main, 'analysis', 'replay', ...args],
    { encoding: 'utf8' },
  );
  return { code: done.status, out: done.stdout, words: done.stderr };
};

/** Ten minutes of one canary and one stable pod; the canary fails one of `every` requests. */
const samples = (every: number): readonly object[] =>
  Array.from({ length: 41 }, (_, i) => i * 15).flatMap((t) =>
    (['canary', 'stable'] as const).map((arm) => {
      const requests = (arm === 'canary' ? 10 : 90) * t;
      return {
        t,
        arm,
        pod: arm,
        weight: 0.1,
        requests,
        bad: { errors: arm === 'canary' ? Math.floor(requests / every) : Math.floor(requests / 200) },
        latencyMs: {
          '100': Math.floor(requests * 0.7),
          '250': Math.floor(requests * 0.98),
          '+Inf': requests,
        },
      };
    }),
  );

test('decisions as JSON, the first rollback is final', () => {
  const { code, out } = belay(file('bad.ndjson', samples(4)), '-o', 'json');
  const { decisions, final } = JSON.parse(out) as {
    decisions: { t: number; move: string; reason: { code: string }; metrics: unknown[] }[];
    final: { move: string; t: number; reason: { code: string } };
  };
  assert.equal(code, 0);
  assert.equal(decisions.length, 40);
  assert.deepEqual([final.move, final.reason.code], ['rollback', 'worse']);
  assert.equal(decisions.find(({ move }) => move === 'rollback')?.t, final.t);
  assert.equal(decisions[0]?.metrics.length, 2);
});

test('a canary like stable is promoted at the last weight, and a gate changes what is asked', () => {
  const good = file('good.ndjson', samples(200));
  assert.match(belay(good).out, /final: promote/);
  const strict = file('gate.yaml', ['errors:', '  marginPoints: 0.05']);
  assert.match(belay(good, '--gate', strict).out, /final: hold/);
});

test('whatever is wrong names its file and line', () => {
  const [first = {}] = samples(200);
  const broken = file('broken.ndjson', [first, '{"t": 1']);
  assert.match(belay(broken).words, /broken\.ndjson:2: not JSON/);
  const unknown = file('unknown.ndjson', [{ ...first, arm: 'blue' }]);
  assert.match(belay(unknown).words, /unknown\.ndjson:1: arm/);
  const gate = file('bad.yaml', ['alpha: 3']);
  assert.match(belay(file('one.ndjson', [first]), '--gate', gate).words, /bad\.yaml: alpha/);
  assert.equal(belay(join(folder, 'none.ndjson')).code, 2);
});

test('a file that would leave something out silently is refused, or read as it is meant', () => {
  const good = samples(200);
  const [first = {}] = good;
  const played = belay(file('good.ndjson', good), '-o', 'json').out;
  const meant = {
    'one name in both arms': good.map((one) => ({ ...one, pod: '0' })),
    'started and ready without a value': good.map((one) => ({ ...one, started: null, ready: null })),
    'bounds as fractions': good.map((one) => {
      const { latencyMs } = one as { latencyMs: Record<string, number> };
      return {
        ...one,
        latencyMs: { '100.0': latencyMs['100'], '250.0': latencyMs['250'], '+Inf': latencyMs['+Inf'] },
      };
    }),
    'a byte order mark': [`\uFEFF${JSON.stringify(first)}`, ...good.slice(1)],
    'each line twice': good.flatMap((one) => [one, one]),
  };
  for (const [what, lines] of Object.entries(meant))
    assert.equal(belay(file('meant.ndjson', lines), '-o', 'json').out, played, what);

  const infinite = file('infinite.ndjson', [{ ...first, latencyMs: { '250': 0 } }]);
  assert.match(belay(infinite).words, /infinite\.ndjson:1: latencyMs: \+Inf is missing/);
  const uncounted = file(
    'uncounted.ndjson',
    good.map((one) => ({ ...one, bad: { error: 1 } })),
  );
  assert.match(belay(uncounted).words, /errors are counted as bad\.errors, and there is only bad\.error$/m);
  const later = file('later.ndjson', [{ ...first, arm: 'stable', t: 600 }]);
  assert.match(
    belay(file('good.ndjson', good), '--history', later).words,
    /it goes on to t = 600, and they begin at 0/,
  );
  const pipeline = file('pipeline.yaml', ['analysis:', '  - kind: metric']);
  assert.match(belay(file('good.ndjson', good), '--gate', pipeline).words, /one metric gate is expected/);
});

test('a bound that was not recorded is refused with those that were; without a gate the nearest is taken and told', () => {
  const good = file('good.ndjson', samples(200));
  const gate = file('bound.yaml', ['latency:', '  aboveMs: 300']);
  assert.match(belay(good, '--gate', gate).words, /no bound of 300 ms in the samples; there are 100, 250/);
  const bare = file(
    'bare.ndjson',
    samples(200).map((sample) => ({ ...sample, latencyMs: {} })),
  );
  const { out, words } = belay(bare);
  assert.match(words, /errors alone decide/);
  assert.match(out, /final: promote/);
});

test('one sample without latency does not end the watch on latency', () => {
  const slow = samples(200).map((one, i) => {
    const { arm, requests, latencyMs } = one as { arm: string; requests: number; latencyMs: object };
    if (i === 20) return { ...one, latencyMs: {} };
    return arm === 'canary' ? { ...one, latencyMs: { ...latencyMs, '250': Math.floor(requests / 2) } } : one;
  });
  assert.match(belay(file('slow.ndjson', slow)).out, /final: rollback .*worse/);
});

test('a picture has a panel for each metric, and marks the moves', () => {
  const svg = join(folder, 'chart.svg');
  belay(file('bad.ndjson', samples(4)), '--svg', svg);
  const text = readFileSync(svg, 'utf8');
  assert.equal(text.match(/<g /g)?.length, 2);
  assert.match(text, /rollback<\/text>/);
  assert.doesNotMatch(text, /NaN|undefined|Infinity/);
});
