import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SlotEntry } from '../core/model/entries.ts';
import type { Observation, Weight } from '../core/model/observation.ts';
import { PostgresEngineStore } from '../store/engine-store.ts';
import { readEntries } from '../store/streams.ts';
import { projectNotifications } from './notify/project.ts';
import { WhyAnswer } from './schemas-why.ts';
import { createTeam, documents, sealed, type Team } from './testing/world.ts';

const key = { project: 'demo', environment: 'staging', service: 'shop' };
const path = '/v1/promotions/demo/staging/shop';

/** The outside as it is read back: these run, and share traffic so. */
async function look(world: Team, weights: Readonly<Record<string, number>>): Promise<void> {
  const store = new PostgresEngineStore(world.pool, world.parts.folds);
  const { slot } = await store.load(key);
  const plans = slot.promotions.flatMap(({ plan }) => (plan === null ? [] : [plan.document]));
  const known = [...plans, ...(slot.stable === null ? [] : [slot.stable])];
  const observation: Omit<Observation, 'at'> = {
    generation: slot.generation,
    level: 'confirmed',
    weights: Object.entries(weights).map(([release, weight]): Weight => ({ release, weight })),
    workloads: known.map(({ release, artifact }) => ({
      release,
      artifact,
      desired: 1,
      ready: 1,
      open: null,
    })),
  };
  await store.observed(key, observation);
  await world.decide();
}

/** v1 is stable in staging, and v2 is at 10 % there, held by gates that have counted nothing; returns its promotion. */
async function atTen(world: Team): Promise<string> {
  const analysis = [
    { kind: 'metric', name: 'canary' },
    { kind: 'metric', name: 'watched', mode: 'observe' },
  ];
  const rollout = { steps: [10, 50, 100], stepAtLeast: '0s' };
  const changed = documents.map((document) =>
    document.kind === 'Pipeline'
      ? {
          ...document,
          spec: {
            ...document.spec,
            stages: document.spec.stages.map((stage) => ({
              ...stage,
              gates: [],
              promote: 'manual',
              rollout,
              analysis,
            })),
          },
        }
      : document,
  );
  const applied = await world.send(world.team.root, 'POST', '/v1/apply', { documents: changed });
  assert.equal(applied.status, 200, JSON.stringify(applied.body));
  const promote = async (release: string): Promise<string> => {
    await sealed(world, release);
    const body = { project: 'demo', service: 'shop', release, stage: 'staging' };
    const asked = await world.send(world.team.dev, 'POST', '/v1/promotions', body);
    await world.decide();
    return String(asked.body['promotion']);
  };
  await promote('v1');
  await look(world, {});
  await look(world, { v1: 100 });
  const id = await promote('v2');
  await look(world, { v1: 100 });
  await look(world, { v1: 90, v2: 10 });
  return id;
}

const why = async (world: Team) =>
  WhyAnswer.parse((await world.send(world.team.dev, 'GET', '/v1/why?project=demo&service=shop')).body);

test('who may waive lets a promotion leave its weight: a fact with what he was shown, told by why and by a notice', async () => {
  await using world = await createTeam();
  const id = await atTen(world);
  assert.match((await why(world)).sentence, /the canary gets no requests/);
  const olga = await world.tokenFor({ id: 'olga', kind: 'person' }, [
    { project: 'demo', stages: ['staging'], verbs: ['view', 'waive'] },
  ]);
  const body = { gate: 'canary', note: 'nobody comes at night', forMs: 1_800_000 };
  const waived = await world.send(olga, 'POST', `${path}/${id}/waive`, body);
  assert.equal(waived.status, 200, JSON.stringify(waived.body));
  const entries = await readEntries<SlotEntry>(world.pool, 'slot/demo/staging/shop', 0);
  const entry = entries.find((e) => e.seq === waived.body['recorded'])?.entry;
  assert.ok(entry?.type === 'waived');
  assert.deepEqual(
    [entry.by.id, entry.gate, entry.step, entry.weight, entry.note, entry.said, entry.until - entry.at],
    ['olga', 'canary', 0, 10, body.note, { code: 'no-traffic' }, body.forMs],
  );
  await world.decide();
  await look(world, { v1: 50, v2: 50 });
  const report = (await why(world)).slots.flatMap(({ promotions }) => promotions)[0];
  assert.deepEqual([report?.weight, report?.waits[0]?.reason.code], [50, 'no-traffic']);
  assert.match(
    report?.waivers[0]?.sentence ?? '',
    /^olga lets it leave 10 % without an answer of gate canary until .*: “nobody comes at night”$/,
  );
  await world.sequence();
  await projectNotifications(world.pool, world.parts.folds, { fromStart: true });
  const { rows } = await world.pool.query<{ body: string }>('select body from notification');
  const notices = rows.map((row) => JSON.parse(row.body) as { status: string; sentence: string });
  assert.match(
    notices.find(({ status }) => status === 'waived')?.sentence ?? '',
    /^olga lets .*no requests$/,
  );
});

test('a waiver that could mean nothing is refused with its reason', async () => {
  await using world = await createTeam();
  const id = await atTen(world);
  const waive = async (as: string, change: object = {}, promotion = id): Promise<unknown> => {
    const body = { gate: 'canary', note: 'why', ...change };
    const answer = await world.send(as, 'POST', `${path}/${promotion}/waive`, body);
    return [answer.status, answer.body['code']];
  };
  const { root, dev, ann } = world.team;
  const machine = await world.tokenFor({ id: 'bot', kind: 'machine' }, [
    { project: 'demo', stages: '*', verbs: ['waive'] },
  ]);
  const elsewhere = await world.tokenFor({ id: 'cat', kind: 'person' }, [
    { project: 'demo', stages: ['production'], verbs: ['waive'] },
  ]);
  assert.deepEqual(await waive(dev), [403, 'not-allowed'], 'who may promote');
  assert.deepEqual(await waive(ann), [403, 'not-allowed'], 'who may approve');
  assert.deepEqual(await waive(elsewhere), [403, 'not-allowed'], 'who may in another stage');
  assert.deepEqual(await waive(machine), [403, 'person-needed']);
  assert.deepEqual(await waive(root, { note: '' }), [422, 'invalid-request']);
  assert.deepEqual(await waive(root, { forMs: 86_400_001 }), [422, 'invalid-request']);
  assert.deepEqual(await waive(root, { gate: 'other' }), [404, 'unknown-gate']);
  assert.deepEqual(await waive(root, { gate: 'watched' }), [409, 'nothing-to-waive']);
  assert.deepEqual(await waive(root, {}, 'v9-staging-x'), [404, 'unknown-promotion']);
  const store = new PostgresEngineStore(world.pool, world.parts.folds);
  const message = 'Prometheus: HTTP 503';
  await store.sourceChanged(key, { type: 'scrape-failed', promotion: id, message });
  assert.deepEqual(await waive(root), [409, 'not-waivable'], 'the source has its time to come back');
  await store.sourceChanged(key, { type: 'scrape-resumed', promotion: id });
  await world.send(dev, 'POST', `${path}/${id}/abort`, { note: '' });
  await world.decide();
  assert.deepEqual(await waive(root), [409, 'nothing-to-waive'], 'it is on its way back');
});
