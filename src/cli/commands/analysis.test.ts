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
const belay = (...args: readonly string[]) => belayWith('', ...args);
const belayWith = (input: string, ...args: readonly string[]) => {
  const done = spawnSync(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', main, 'analysis', 'replay', ...args],
    { encoding: 'utf8', input },
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
  assert.match(
    belay(file('one.ndjson', [first]), '--gate', gate).words,
    /bad\.yaml:1:8: alpha is 3; too big: expected number to be <=0\.2/,
  );
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
    'the last line first': good.toReversed(),
    'names that JavaScript has for its own': good.map((one) => ({ ...one, pod: 'constructor' })),
  };
  for (const [what, lines] of Object.entries(meant))
    assert.equal(belay(file('meant.ndjson', lines), '-o', 'json').out, played, what);

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
  assert.match(
    belay(file('good.ndjson', good), '--gate', pipeline).words,
    /pipeline\.yaml:1:1: analysis is unknown here; .*\nnext: one metric gate/,
  );
});

test('a bound that was not recorded is refused with those that were; without a gate the nearest is taken and told', () => {
  const good = file('good.ndjson', samples(200));
  const gate = file('bound.yaml', ['latency:', '  aboveMs: 300']);
  assert.match(
    belay(good, '--gate', gate).words,
    /no bound of 300 ms in both arms of .*; there are 100, 250/,
  );
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
    return arm === 'canary'
      ? { ...one, latencyMs: { ...latencyMs, '100': 0, '250': Math.floor(requests / 2) } }
      : one;
  });
  assert.match(belay(file('slow.ndjson', slow)).out, /final: rollback .*worse/);
});

test('a canary whose histogram cannot be compared with that of stable is not promoted by errors alone', () => {
  const shapes: Readonly<Record<string, (all: number) => Readonly<Record<string, number>>>> = {
    'other bounds': (all) => ({ '300': all, '+Inf': all }),
    'no bound': (all) => ({ '+Inf': all }),
    nothing: () => ({}),
  };
  for (const [what, shape] of Object.entries(shapes)) {
    const lines = samples(200).map((one) => {
      const { arm, requests } = one as { arm: string; requests: number };
      return arm === 'canary' ? { ...one, latencyMs: shape(requests) } : one;
    });
    const { out, words } = belay(file('shape.ndjson', lines));
    assert.match(out, /final: hold .*not-counted/, what);
    assert.match(words, /no latency bound in common .*stable 100, 250/, what);
  }
});

test('one scrape without bounds does not end the watch on latency', () => {
  const slow = samples(200).map((one, i) => {
    const { arm, requests, latencyMs } = one as { arm: string; requests: number; latencyMs: object };
    if (i < 2) return { ...one, latencyMs: { '+Inf': requests } };
    return arm === 'canary'
      ? { ...one, latencyMs: { ...latencyMs, '100': 0, '250': Math.floor(requests / 2) } }
      : one;
  });
  assert.match(belay(file('slow.ndjson', slow)).out, /final: rollback .*worse/);
});

test('samples or their history come from stdin', () => {
  const good = samples(200);
  const path = file('good.ndjson', good);
  const played = belay(path, '-o', 'json').out;
  const lines = good.map((one) => JSON.stringify(one)).join('\n');
  assert.equal(belayWith(lines, '-', '-o', 'json').out, played);
  assert.match(belayWith('{', '-').words, /stdin:1: not JSON/);
  const past = good.flatMap((one) => {
    const { arm, t } = one as { arm: string; t: number };
    return arm === 'stable' ? [{ ...one, t: t - 700 }] : [];
  });
  const history = past.map((one) => JSON.stringify(one)).join('\n');
  assert.equal(
    belayWith(history, path, '--history', '-', '-o', 'json').out,
    belay(path, '--history', file('past.ndjson', past), '-o', 'json').out,
  );
  const both = belayWith(lines, '-', '--history', '-');
  assert.deepEqual([both.code, /from stdin, not both/.test(both.words)], [2, true]);
});

test('what is wrong in a gate is told with its place and what was expected', () => {
  const good = file('good.ndjson', samples(200));
  const wrong: Readonly<Record<string, RegExp>> = {
    'errors: { marginpoints: 1 }':
      /gate\.yaml:1:11: marginpoints is unknown here; did you mean marginPoints\?/,
    'alpha: 0.01\nstepAtLeast: 2 minutes': /gate\.yaml:2:14: .*expected a duration such as 5s, 2m/,
    'warmUp: 60': /gate\.yaml:1:9: warmUp is 60, without a unit; expected a duration such as 5s/,
    'errors: { marginPoints: 1 }\nerrors: {}': /gate\.yaml:2:1: .*each key once/,
    'errors: [': /gate\.yaml:1:\d+: /,
    '- kind: metric': /gate\.yaml:1:1: .*expected a mapping\nnext: one metric gate/,
    'alpha: 0.1\n---\nalpha: 0.2': /gate\.yaml:1:1: the file has 2 documents; at most 1/,
  };
  for (const [text, message] of Object.entries(wrong)) {
    const { code, words } = belay(good, '--gate', file('gate.yaml', [text]));
    assert.match(words, message, text);
    assert.equal(code, 1);
  }
});

test('for people what goes on is told once, and the end with its numbers', () => {
  const { out } = belay(file('bad.ndjson', samples(4)));
  assert.equal(out.match(/rollback  worse/g)?.length, 1);
  assert.match(out, /final: rollback .*\n {2}errors: canary 2[45].* % \(\d+ of \d+\), stable 0\.\d+ % /);
});

test('a picture has a panel for each metric, and marks the moves', () => {
  const svg = join(folder, 'chart.svg');
  belay(file('bad.ndjson', samples(4)), '--svg', svg);
  const text = readFileSync(svg, 'utf8');
  assert.equal(text.match(/<g /g)?.length, 2);
  assert.match(text, /rollback<\/text>/);
  assert.doesNotMatch(text, /NaN|undefined|Infinity/);
  const ticks = [...text.matchAll(/>([\d.]+) (min|%)</g)].map(([, value = '']) => value);
  assert.ok(ticks.length > 8 && ticks.every((value) => value.length <= 3), ticks.join(' '));
});
