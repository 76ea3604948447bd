import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApplyAnswer, Recorded } from '../src/server/schemas.ts';
import { WhyAnswer } from '../src/server/schemas-why.ts';
import { slot, tinyDocuments } from './documents.ts';
import { eventually } from './eventually.ts';
import { assertLedgerHolds } from './ledger-checks.ts';
import { Stack } from './stack.ts';
import { goodVersion } from './tiny.ts';

/** Nobody listens on it, and nobody may. */
const nowhere = 'http://127.0.0.1:1';

test('metrics that stay away ask a person, whose waivers carry a release weight by weight; the verifier derives it', async () => {
  const { stack } = await Stack.withV1();
  await using _ = stack;
  const documents = tinyDocuments('600ms').map((document) => {
    if (document.kind === 'Environment')
      return {
        ...document,
        spec: { ...document.spec, metrics: { source: 'prometheus', url: nowhere } as const },
      };
    if (document.kind !== 'Pipeline') return document;
    const stages = document.spec.stages.map((stage) => ({
      ...stage,
      analysis: [{ kind: 'metric' as const, name: 'errors', latency: null, maxOutage: '1s' }],
    }));
    return { ...document, spec: { ...document.spec, stages } };
  });
  await stack.client.post('/v1/apply', { documents }, ApplyAnswer);
  await stack.openRelease(goodVersion('v2'));
  await stack.seal('v2');
  for (const weight of [10, 50]) {
    const id = await eventually(`a person is asked at ${weight} %`, async () => {
      const open = (await stack.slot())?.promotions.find((one) => one.release === 'v2');
      return open?.weight === weight && open.asked?.reason.code === 'source-away' ? open.id : null;
    });
    const question = `/v1/why?project=${slot.project}&service=${slot.service}`;
    const why = await stack.client.get(question, WhyAnswer);
    assert.match(why.sentence, /the source of metrics has been away for .*Prometheus: requests: \w+/);
    assert.match(why.sentence, new RegExp(`belay waive ${id} --gate errors -m WHY`));
    const path = `/v1/promotions/${slot.project}/${slot.environment}/${slot.service}/${id}/waive`;
    await stack.client.post(path, { gate: 'errors', note: 'its Prometheus moves house' }, Recorded);
  }
  assert.equal((await stack.end('v2')).state, 'promoted');
  assert.deepEqual(stack.customers.problems, {});
  await assertLedgerHolds(stack, 'v2');
});
