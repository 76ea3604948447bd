import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SourceCheck } from './parts.ts';
import { createWorld, documents, everywhere } from './testing/world.ts';

/** What applying makes of what other systems say about the documents. */

test('a source that does not work refuses all, at its place; one to look at is a warning', async () => {
  let severity: 'error' | 'warning' = 'error';
  const asked: (readonly [kinds: readonly string[], known: number])[] = [];
  const checkSources: SourceCheck = async (own, state) => {
    asked.push([own.map(({ kind }) => kind), Object.keys(state.environments).length]);
    return [{ severity, path: '/documents/1/spec/metrics/requests', message: 'no such series', fix: 'look' }];
  };
  await using world = await createWorld({ checkSources });
  const root = await world.tokenFor({ id: 'root', kind: 'person' }, everywhere());
  const apply = (query = '') => world.send(root, 'POST', `/v1/apply${query}`, { documents });
  const refused = await apply();
  assert.deepEqual([refused.status, refused.body['code']], [422, 'invalid-documents']);
  const found = { path: '/documents/1/spec/metrics/requests', message: 'no such series', fix: 'look' };
  assert.deepEqual(refused.body['errors'], [found]);
  const known = await world.send(root, 'GET', '/v1/documents');
  assert.deepEqual(known.body['documents'], [], 'nothing of it was applied');
  severity = 'warning';
  const dry = await apply('?dryRun=true');
  assert.deepEqual([dry.status, dry.body['warnings']], [200, [found]]);
  const applied = await apply();
  assert.deepEqual([applied.status, applied.body['warnings']], [200, [found]]);
  assert.deepEqual(asked.at(-1), [['Project', 'Environment', 'Environment', 'Pipeline'], 0]);
});

test('nobody who may not apply makes the server ask others', async () => {
  let asked = 0;
  const checkSources: SourceCheck = async () => ((asked += 1), []);
  await using world = await createWorld({ checkSources });
  const viewer = await world.tokenFor({ id: 'viewer', kind: 'person' }, everywhere(['view']));
  const answer = await world.send(viewer, 'POST', '/v1/apply', { documents });
  assert.deepEqual([answer.status, asked], [403, 0]);
});
