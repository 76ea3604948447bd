import assert from 'node:assert/strict';
import { test } from 'node:test';
import { err, ok } from '../core/model/result.ts';
import { createTeam } from './testing/world.ts';

test('checkpoints, proofs and evidence come from whoever signs; without him they are not available', async () => {
  await using bare = await createTeam();
  for (const path of [
    '/v1/ledger/checkpoint',
    '/v1/ledger/proof?stream=everything&seq=1',
    '/v1/evidence/demo/shop/v1',
  ])
    assert.equal((await bare.send(bare.team.dev, 'GET', path)).status, 501, path);

  await using world = await createTeam({
    ledger: {
      checkpoint: async () => 'origin\n1\nroot\n',
      proof: async (stream, seq) => (seq === 1 ? `proof of ${stream}` : null),
    },
    evidence: async ({ name }) =>
      name === 'v1'
        ? ok(new TextEncoder().encode('tar'))
        : err({ code: name === 'v2' ? 'not-yet' : 'not-found', message: 'no' }),
  });
  const get = async (path: string) => {
    const { status, body } = await world.send(world.team.dev, 'GET', path);
    return [status, body['text'] ?? body['code']];
  };
  assert.deepEqual(await get('/v1/ledger/checkpoint'), [200, 'origin\n1\nroot\n']);
  assert.deepEqual(await get('/v1/ledger/proof?stream=project/demo&seq=1'), [200, 'proof of project/demo']);
  assert.deepEqual(await get('/v1/ledger/proof?stream=project/demo&seq=2'), [404, 'not-sequenced']);
  assert.deepEqual(await get('/v1/ledger/proof?stream=slot/other/production/shop&seq=1'), [
    403,
    'not-allowed',
  ]);
  assert.deepEqual(await get('/v1/ledger/proof?stream=Project&seq=0'), [400, 'invalid-request']);
  assert.deepEqual(await get('/v1/evidence/demo/shop/v1'), [200, 'tar']);
  assert.deepEqual(await get('/v1/evidence/demo/shop/v2'), [409, 'not-sequenced']);
  assert.deepEqual(await get('/v1/evidence/demo/shop/v3'), [404, 'unknown-release']);
  assert.deepEqual(await get('/v1/evidence/other/shop/v1'), [403, 'not-allowed']);
  assert.deepEqual(await get('/v1/evidence/DEMO/shop/v1'), [400, 'invalid-request']);
});

test('a fault is told by its kind, and logged without what was sent', async () => {
  let fault = new Error();
  await using world = await createTeam({
    ledger: { checkpoint: () => Promise.reject(fault), proof: () => Promise.reject(fault) },
  });
  const faults: readonly (readonly [string, number, string])[] = [
    ['57P01', 503, 'not-available'],
    ['ECONNREFUSED', 503, 'not-available'],
    ['53100', 507, 'no-space'],
    ['XX000', 500, 'fault'],
  ];
  for (const [postgres, status, code] of faults) {
    fault = Object.assign(new Error('hunter2'), { code: postgres });
    const told = await world.send(world.team.dev, 'GET', '/v1/ledger/checkpoint');
    assert.deepEqual([told.status, told.body['code']], [status, code]);
    assert.ok(!JSON.stringify(told.body).includes('hunter2'));
  }
  const log = world.logged.join('\n');
  assert.ok(!log.includes('hunter2'));
  assert.match(log, /"code":"XX000","stack":\["\s+at /);
});
