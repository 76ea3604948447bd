import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { RemoteRepository } from '../../src/drivers/oci/push.ts';
import { run } from './command.ts';

const Index = z.object({ manifests: z.array(z.object({ digest: z.string() })).length(1) });

async function pushLayout(folder: string, registry: string, repository: string): Promise<string> {
  const [described] = Index.parse(JSON.parse(await readFile(join(folder, 'index.json'), 'utf8'))).manifests;
  if (described === undefined) throw new Error(`${folder}: the index names no manifest`);
  const remote = new RemoteRepository({ host: registry, path: repository, scheme: 'http' }, null);
  const pushed = await remote.push(folder, described.digest, new AbortController().signal);
  if (!pushed.ok) throw new Error(pushed.error);
  return described.digest;
}

/**
 * Pushes an image to a registry without TLS.
 *
 * @param source an OCI image layout with one manifest: a folder, or a tar of one (`oci-archive`, `type=oci`)
 * @param registry HOST:PORT
 * @returns the manifest's digest
 */
export async function pushImage(source: string, registry: string, repository: string): Promise<string> {
  if ((await stat(source)).isDirectory()) return pushLayout(source, registry, repository);
  const folder = await mkdtemp(join(tmpdir(), 'belay-image-'));
  try {
    await run('tar', ['-xf', source, '-C', folder]);
    return await pushLayout(folder, registry, repository);
  } finally {
    await rm(folder, { recursive: true });
  }
}
