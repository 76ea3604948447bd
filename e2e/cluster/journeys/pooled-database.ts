import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { z } from 'zod';
import { resources } from '../../../src/drivers/kubernetes/client/resources.ts';
import { eventually } from '../../eventually.ts';
import { must, type Place } from './cluster.ts';
import { databaseImage, postgresObjects } from './postgres-pod.ts';

const signal = new AbortController().signal;
const role = 'tiny';

/** A PostgreSQL in a pod of the journey's namespace, whose role for the service can be shut out and let in again. */
export interface PooledDatabase extends AsyncDisposable {
  /** What the service connects with, within the cluster. */
  readonly url: string;
  /** Lets the service in no more, and ends the connections that it has. */
  shut(): Promise<void>;
  open(): Promise<void>;
}

/** Starts it, shut. It is reached by the address of its Service, as our own cluster lets it. */
export async function startPooledDatabase({ cluster, namespace }: Place): Promise<PooledDatabase> {
  const folder = await mkdtemp(join(tmpdir(), 'belay-database-'));
  const image = await databaseImage(cluster, folder);
  await rm(folder, { recursive: true });
  const [owner, password] = [randomBytes(12).toString('hex'), randomBytes(12).toString('hex')];
  for (const [plural, object] of postgresObjects(image, owner)) {
    const path = `/api/v1/namespaces/${namespace}/${plural}`;
    await must(cluster.api.call({ method: 'POST', path, body: JSON.stringify(object), signal }, z.unknown()));
  }
  const Service = z.object({ spec: z.object({ clusterIP: z.string() }) });
  const { spec } = await must(cluster.api.get(resources.services, namespace, 'postgresql', Service, signal));
  const connection = { host: spec.clusterIP, user: 'owner', password: owner, database: 'postgres' };
  const client = await eventually('the database answers', async () => {
    const trying = new Client({ ...connection, connectionTimeoutMillis: 1_000 });
    trying.on('error', () => undefined);
    return trying.connect().then(
      () => trying,
      () => null,
    );
  });
  await client.query(`create role ${role} nologin password '${password}'`);
  return {
    url: `postgres://${role}:${password}@postgresql.${namespace}.svc:5432/postgres`,
    shut: async () => {
      await client.query(`alter role ${role} nologin`);
      await client.query('select pg_terminate_backend(pid) from pg_stat_activity where usename = $1', [role]);
    },
    open: async () => void (await client.query(`alter role ${role} login`)),
    [Symbol.asyncDispose]: () => client.end(),
  };
}
