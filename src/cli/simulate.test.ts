import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Home, runBelay } from './testing/run-belay.ts';

const key = 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=';
const example = readFileSync(new URL('../../examples/pipelines/two-stages.yaml', import.meta.url), 'utf8');
const script = `build v1
promote v1 staging by dana
until v1 staging promoted within 5m
promote v1 production by dana
advance 1s
approve v1 production by erin
advance 1s
expect v1 production rolling-out
`;

test('one’s own pipeline is played with simulated keys of those whom it trusts', async () => {
  using home = new Home();
  writeFileSync(join(home.path, 'own.yaml'), example);
  writeFileSync(join(home.path, 'story.txt'), script);
  const ran = await runBelay(home, ['simulate', 'story.txt', '-f', 'own.yaml']);
  assert.equal(ran.code, 0, `${ran.stdout}${ran.stderr}`);
  assert.match(ran.stdout, /gate provenance says pass: signed by ci/);
  assert.ok(example.includes(key), 'the example trusts a key that signs nothing');
});

test('where CI is called something else, the scenario has to say who signs', async () => {
  using home = new Home();
  writeFileSync(join(home.path, 'own.yaml'), example.replace('- name: ci', '- name: builder'));
  writeFileSync(join(home.path, 'story.txt'), 'build v1\n');
  const ran = await runBelay(home, ['simulate', 'story.txt', '-f', 'own.yaml']);
  assert.match(
    ran.stderr,
    /the project trusts builder; scenarios build as ci unless they say: sign R by WHO/,
  );
});
