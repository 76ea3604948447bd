import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CliFailure } from '../../cli/failure.ts';
import { whyAnswer } from '../../cli/testing/recorded.ts';
import { until } from './until.ts';

const never = { what: 'shop-v2 to end', look: async () => null, signal: new AbortController().signal };

test('a wait that is too long says what it waited for, for how long, and Belay’s own reason', async () => {
  const why = async () => whyAnswer();
  await assert.rejects(until({ ...never, why, longest: 0 }), (error: unknown) => {
    assert.ok(error instanceof CliFailure, 'it is no bug');
    assert.match(error.message, /^the demo waited 0 ms for shop-v2 to end, in vain\n/);
    assert.match(error.message, /shop-v2 has waited before production for 3 min 20 s: 0 of 1 approval given/);
    assert.match(error.next.join('\n'), /run it again when the machine has less to do.*\n.*--keep/);
    return true;
  });
  assert.equal(await until({ ...never, look: async () => 7, why, longest: 0 }), 7);
});

test('a server that does not say why is said too', async () => {
  const why = () => Promise.reject(new Error('fetch failed'));
  await assert.rejects(until({ ...never, why, longest: 0 }), /does not say why: Error: fetch failed/);
});
