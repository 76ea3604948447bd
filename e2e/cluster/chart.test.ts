import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { chartFolder, chartValues, renderArguments, renderedChart } from '../../examples/shop/chart.ts';
import { test } from 'node:test';
import { helm } from './helm.ts';

test('the shop’s chart renders to what is kept of it, twice alike', async () => {
  const { status, out, err } = helm(renderArguments);
  assert.equal(status, 0, err);
  assert.equal(
    out,
    readFileSync(renderedChart, 'utf8'),
    `helm ${renderArguments.join(' ')} > ${renderedChart}`,
  );
  assert.equal(helm(renderArguments).out, out);
  await Promise.resolve();
});

test('the shop’s chart refuses values that would break its contract', async () => {
  const linted = helm(['lint', chartFolder, '--values', chartValues, '--strict']);
  assert.equal(linted.status, 0, linted.out + linted.err);
  for (const [value, place] of [
    ['image.digest=latest', '/image/digest'],
    ['replicas=1', '/replicas'],
    ['shutdown.drainSeconds=1', '/shutdown/drainSeconds'],
    ['resources.limits=null', '/resources'],
    ['databse.host=x', 'databse'],
  ] as const) {
    const refused = helm([...renderArguments, '--set', value]);
    assert.equal(refused.status, 1, value);
    assert.ok(refused.err.includes(place), refused.err);
  }
  await Promise.resolve();
});
