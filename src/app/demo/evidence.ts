import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { extract } from 'tar-stream';
import type { TestCounts } from '../../core/model/release.ts';
import { countTests } from '../../server/junit.ts';
import { verifyPack } from '../../verify/verify-pack.ts';
import type { Client } from './client.ts';
import { project, service } from './documents.ts';
import type { Narrator } from './narrator.ts';

/** Exports the evidence of a release, verifies it offline, changes one byte, and verifies again. */
export async function proveEvidence(
  client: Client,
  release: string,
  trustedKey: string,
  folder: string,
  narrator: Narrator,
): Promise<{ readonly verified: boolean; readonly tamperedRefused: boolean }> {
  const tar = await client.bytes(`/v1/evidence/${project}/${service}/${release}`);
  await unpack(tar, folder);
  const options = { trustedKey, countTests: countsOrNull };
  const report = await verifyPack(folder, options);
  const verified = report.outcome === 'verified';
  if (verified) narrator.done(`evidence of ${release}: verified offline, every decision derived again`);
  else
    narrator.turned(
      `evidence of ${release}: NOT verified: ${report.checks
        .filter((c) => c.status !== 'pass')
        .map((c) => `${c.name}: ${c.message}`)
        .join('; ')}`,
    );
  const changed = await changeOneByte(folder);
  const tamperedRefused = (await verifyPack(folder, options)).outcome === 'failed';
  if (tamperedRefused) narrator.done(`the same pack with one byte of ${changed} changed: refused`);
  else narrator.turned(`the same pack with one byte of ${changed} changed was NOT refused`);
  return { verified, tamperedRefused };
}

const countsOrNull = (junit: string): TestCounts | null => {
  const counted = countTests(junit);
  return counted.ok ? counted.value : null;
};

/** Writes the files of a tar archive that our own server made. */
async function unpack(tar: Uint8Array, folder: string): Promise<void> {
  const archive = extract();
  archive.end(Buffer.from(tar));
  for await (const entry of archive) {
    const path = join(folder, entry.header.name);
    await mkdir(dirname(path), { recursive: true });
    const chunks: Buffer[] = [];
    for await (const chunk of entry) chunks.push(chunk as Buffer);
    await writeFile(path, Buffer.concat(chunks));
  }
}

/** Flips one bit in the middle of the slot's stream: where a decision stands. */
async function changeOneByte(folder: string): Promise<string> {
  const streams = (await readdir(join(folder, 'streams'), { recursive: true }))
    .filter((name) => name.endsWith('.ndjson'))
    .sort();
  const name = join('streams', streams.find((stream) => stream.includes('slot')) ?? streams[0] ?? '');
  const bytes = await readFile(join(folder, name));
  const middle = Math.floor(bytes.length / 2);
  bytes[middle] = (bytes[middle] ?? 0) ^ 1;
  await writeFile(join(folder, name), bytes);
  return name;
}
