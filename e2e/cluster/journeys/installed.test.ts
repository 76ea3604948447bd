import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { stringify } from 'yaml';
import { z } from 'zod';
import { renderedChart } from '../../../deploy/chart.ts';
import { resources } from '../../../src/drivers/kubernetes/client/resources.ts';
import { eventually } from '../../eventually.ts';
import { makePlace, type Place, testCluster } from './cluster.ts';
import { documents, slot } from './cluster-stack.ts';
import { GatewayCustomers } from './gateway-customers.ts';
import { type InstalledServer, installServer } from './installed-server.ts';
import { broken, Outside, weightsSeen } from './outside.ts';
import { bundleOf, pushVersion } from './versions.ts';

/*
 * The server where its users run it: two replicas of the image, installed by the chart, with a PostgreSQL of their own,
 * reached by the command line as NOTES.txt says.
 */

async function done(ran: ReturnType<InstalledServer['belay']>): Promise<string> {
  const { code, stdout, stderr } = await ran;
  assert.equal(code, 0, stdout + stderr);
  return stdout;
}

/** Opens and seals a release of a version; its promotion is asked for by the pipeline. */
async function release(server: InstalledServer, place: Place, name: string): Promise<void> {
  const image = await pushVersion(place.cluster, { name, failEvery: 0 });
  const bundle = join(server.folder, `${name}.yaml`);
  await writeFile(bundle, bundleOf(image));
  const commit = Buffer.from(name.padEnd(20, '.')).toString('hex');
  await done(server.belay('release', 'open', slot.service, name, '--commit', commit));
  await done(server.belay('release', 'seal', name, '--image', image.reference, '--bundle', bundle));
}

const Slots = z.object({
  slots: z.array(
    z.object({ ended: z.array(z.object({ release: z.string(), state: z.string(), sentence: z.string() })) }),
  ),
});

/** Asks the server over the forwarded port; an error where the connection broke. */
function ask(server: InstalledServer, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${server.token}` };
    const options = { headers, ca: server.authority, timeout: 10_000, agent: false } as const;
    const sent = request(`${server.url}${path}`, options, (answer) => {
      void text(answer).then(resolve, reject);
    });
    sent.on('timeout', () => sent.destroy(new Error(`${path}: not answered in time`)));
    sent.on('error', reject);
    sent.end();
  });
}

const ended = (server: InstalledServer, name: string): Promise<{ state: string; sentence: string }> =>
  eventually(
    `${name} ends`,
    async () => {
      // A replica that was just killed may still be in the Service.
      const answer = await ask(server, `/v1/slots?project=${slot.project}`).catch(() => null);
      if (answer === null) return null;
      return Slots.parse(JSON.parse(answer)).slots[0]?.ended.find((end) => end.release === name);
    },
    180_000,
  ).catch(async (error: Error) => {
    throw new Error(`${error.message}\n${(await server.belay('why', slot.service)).stdout}`);
  });

test('two replicas take a release through, also when one of them is killed in the middle', async (t) => {
  const cluster = await testCluster();
  await using place = await makePlace(cluster, slot.service);
  const began = performance.now();
  await using server = await installServer(cluster, [place.namespace]);
  t.diagnostic(`installed ${((performance.now() - began) / 1_000).toFixed(1)} s after its image was begun`);
  assert.equal((await server.readyPods()).length, 2);
  const file = join(server.folder, 'belay.yaml');
  const all = documents(place, { rollout: { stepAtLeast: '6s' } }, null);
  await writeFile(file, all.map((one) => stringify(one)).join('---\n'));
  await done(server.belay('apply', '-f', file));
  await release(server, place, 'v1');
  const first = await ended(server, 'v1');
  assert.equal(first.state, 'promoted', first.sentence);

  await eventually('the gateway leads to v1', async () => {
    const look = new GatewayCustomers(cluster.gatewayUrl, place.host, 20);
    await eventually('somebody answers', () => look.answers.length > 0);
    await look.stop();
    return look.answers.every(({ problem }) => problem === null);
  });
  const customers = new GatewayCustomers(cluster.gatewayUrl, place.host);
  const outside = new Outside(place, slot.service);
  try {
    await release(server, place, 'v2');
    await eventually('v2 at 50 %', () => outside.looks.at(-1)?.route['v2'] === 50);
    const [victim = ''] = await server.readyPods();
    await server.namespace.kill(victim);
    const second = await ended(server, 'v2');
    assert.equal(second.state, 'promoted', second.sentence);
    await eventually('two replicas again', async () => {
      const pods = await server.readyPods();
      return pods.length === 2 && !pods.includes(victim);
    });

    await release(server, place, 'v3');
    await eventually('v3 at 50 %', () => outside.looks.at(-1)?.route['v3'] === 50);
    await server.upgrade('logLevel=warn');
    const third = await ended(server, 'v3');
    assert.equal(third.state, 'promoted', third.sentence);
  } finally {
    await outside.stop();
    await customers.stop();
  }
  assert.deepEqual(customers.problems, {});
  assert.deepEqual(broken(outside.looks), []);
  for (const name of ['v2', 'v3'])
    assert.deepEqual(weightsSeen(outside.looks, name).slice(0, 4), [0, 10, 50, 100]);
  await proven(server);
});

/** Nothing is lost: the checkpoint is kept outside the database, and what was signed proves the release offline. */
async function proven(server: InstalledServer): Promise<void> {
  const Kept = z.object({ data: z.object({ 'last-checkpoint': z.string() }) });
  const name = 'belay-last-checkpoint';
  const kept = await server.namespace.get(resources.configMaps, name, Kept);
  assert.match(kept.data['last-checkpoint'], /^belay\.dev\/log\n\d+\n/);
  const [pod = ''] = await server.readyPods();
  const said = await server.namespace.logs(pod);
  const key = /its log's key is (\S+)/.exec(said)?.[1] ?? '';
  assert.ok(!said.includes(server.token) && !said.includes('first admin token'), said);
  await done(server.belay('evidence', 'export', 'v2'));
  await done(server.belay('evidence', 'verify', 'v2-evidence', '--key', key));
  // What alerts and dashboard ask for is there to be asked for.
  const metrics = await ask(server, '/metrics');
  const asked = new Set((await readFile(renderedChart, 'utf8')).match(/belay_[a-z_]+(?=[{[)\s>])/g));
  assert.ok(asked.size >= 5, [...asked].join(' '));
  const missing = [...asked].filter(
    (metric) => !metrics.includes(`# TYPE ${metric.replace(/_(bucket|count)$/, '')} `),
  );
  assert.deepEqual(missing, []);
}
