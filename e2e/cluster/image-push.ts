import { openAsBlob } from 'node:fs';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { run } from './command.ts';

const Descriptor = z.object({ mediaType: z.string(), digest: z.string().regex(/^sha256:[0-9a-f]{64}$/) });
const Index = z.object({ manifests: z.array(Descriptor).length(1) });
const Manifest = z.object({ config: Descriptor, layers: z.array(Descriptor) });

function blobFile(folder: string, digest: string): string {
  return join(folder, 'blobs', digest.replace(':', '/'));
}

async function answered(request: Promise<Response>, what: string): Promise<Response> {
  const answer = await request;
  if (!answer.ok) throw new Error(`${what}: ${answer.status} ${(await answer.text()).slice(0, 500)}`);
  await answer.arrayBuffer();
  return answer;
}

async function pushBlob(repositoryUrl: string, folder: string, digest: string): Promise<void> {
  if ((await fetch(`${repositoryUrl}/blobs/${digest}`, { method: 'HEAD' })).ok) return;
  const upload = await answered(
    fetch(`${repositoryUrl}/blobs/uploads/`, { method: 'POST' }),
    `an upload to ${repositoryUrl}`,
  );
  const url = new URL(upload.headers.get('location') ?? '', upload.url);
  url.searchParams.set('digest', digest);
  const headers = { 'content-type': 'application/octet-stream' };
  const body = await openAsBlob(blobFile(folder, digest));
  await answered(fetch(url, { method: 'PUT', headers, body }), `the blob ${digest}`);
}

async function pushLayout(folder: string, registry: string, repository: string): Promise<string> {
  const repositoryUrl = `http://${registry}/v2/${repository}`;
  const [described] = Index.parse(JSON.parse(await readFile(join(folder, 'index.json'), 'utf8'))).manifests;
  if (described === undefined) throw new Error(`${folder}: the index names no manifest`);
  const bytes = await readFile(blobFile(folder, described.digest));
  const manifest = Manifest.parse(JSON.parse(bytes.toString('utf8')));
  for (const { digest } of [manifest.config, ...manifest.layers]) {
    await pushBlob(repositoryUrl, folder, digest);
  }
  const headers = { 'content-type': described.mediaType };
  await answered(
    fetch(`${repositoryUrl}/manifests/${described.digest}`, { method: 'PUT', headers, body: bytes }),
    `the manifest of ${repository}`,
  );
  return described.digest;
}

/**
 * Pushes an image by the distribution protocol, https://github.com/opencontainers/distribution-spec, over plain HTTP.
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
