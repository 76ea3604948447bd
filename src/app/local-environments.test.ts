import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { LocalEnvironments } from './local-environments.ts';

const slot = { project: 'demo', environment: 'local', service: 'hello' };

/** Starts the agent of a slot, tells where its service answered, and ends it again. */
async function edgeOf(folder: string): Promise<string | null> {
  const [agents, artifacts, secrets] = ['agents', 'artifacts', 'secrets'].map((name) => join(folder, name));
  assert.ok(agents !== undefined && artifacts !== undefined && secrets !== undefined);
  for (const one of [artifacts, secrets]) mkdirSync(one, { recursive: true });
  const environments = new LocalEnvironments({ agents, artifacts, secrets });
  try {
    return await environments.ensure(slot, 'hold');
  } finally {
    await environments.stop();
  }
}

test('a service answers at the same address after a restart, and at another one where that is taken', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'belay-edge-'));
  try {
    const first = await edgeOf(folder);
    assert.match(first ?? '', /^http:\/\/127\.0\.0\.1:\d+$/);
    assert.equal(await edgeOf(folder), first);
    const squatter = createServer().listen(Number(new URL(first ?? '').port), '127.0.0.1');
    await once(squatter, 'listening');
    const elsewhere = await edgeOf(folder);
    squatter.close();
    assert.match(elsewhere ?? '', /^http:\/\/127\.0\.0\.1:\d+$/);
    assert.notEqual(elsewhere, first);
    assert.equal(await edgeOf(folder), elsewhere);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
