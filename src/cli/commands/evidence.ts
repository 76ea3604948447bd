import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, normalize, resolve, sep } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Report } from '../../verify/report.ts';
import { apiPath } from '../client.ts';
import { connect } from '../connect.ts';
import { CliFailure, usage } from '../failure.ts';
import type { ConnectionOptions } from '../settings.ts';
import { findRelease } from '../targets.ts';
import { dataColour, printable, printData, sayNext } from '../terminal.ts';

/** An archive that is larger than this once unpacked is refused: a pack is read, not trusted. */
const mostUnpackedBytes = 2_000_000_000;
const mostFiles = 200_000;

/** Fetches the pack of a release, as an archive or unpacked. */
export async function exportEvidence(
  text: string,
  options: ConnectionOptions & { readonly dir?: string; readonly file?: string; readonly service?: string },
): Promise<void> {
  if (options.dir !== undefined && options.file !== undefined) throw usage('either --dir or --file');
  const client = await connect(options);
  const release = await findRelease(client, text, options.service);
  const folder = options.dir ?? (options.file === undefined ? `${release.name}-evidence` : undefined);
  if (folder !== undefined) await refuseUsed(folder);
  const archive = await client.call(
    'GET',
    apiPath`/v1/evidence/${release.project}/${release.service}/${release.name}`,
    { headers: { accept: 'application/x-tar' }, timeoutMs: 300_000 },
  );
  if (folder === undefined) {
    const file = options.file ?? '-';
    if (file === '-') await pipeline(archive, process.stdout, { end: false });
    else {
      await pipeline(archive, createWriteStream(file, { flags: 'wx' }));
      printData(file);
    }
    return;
  }
  await unpack(archive, folder);
  printData(folder);
  sayNext(`belay evidence verify ${folder}`);
}

async function refuseUsed(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  if (names.length > 0) throw usage(`${folder} is not empty`);
}

/** Unpacks plain files below a folder; anything else, and any way out of it, is refused. */
async function unpack(archive: Readable, folder: string): Promise<void> {
  const { extract } = await import('tar-stream');
  const reader = extract();
  const root = resolve(folder);
  let bytes = 0;
  let files = 0;
  archive.on('error', (error) => reader.destroy(error));
  archive.pipe(reader);
  for await (const entry of reader) {
    const { name, type } = entry.header;
    const path = resolve(root, normalize(name));
    if (path !== root && !path.startsWith(root + sep))
      throw new CliFailure('error', `the pack has a path that leads out of it: ${name}`);
    if (type === 'directory') {
      entry.resume();
      await once(entry, 'end').catch(() => undefined);
      continue;
    }
    if (type !== 'file')
      throw new CliFailure('error', `the pack holds a ${type ?? 'thing'}, not only files: ${name}`);
    const chunks: Buffer[] = [];
    for await (const chunk of entry) {
      bytes += (chunk as Buffer).length;
      if (bytes > mostUnpackedBytes) throw new CliFailure('error', 'the pack is larger than any pack');
      chunks.push(chunk as Buffer);
    }
    if (++files > mostFiles) throw new CliFailure('error', 'the pack has more files than any pack');
    await mkdir(dirname(path), { recursive: true });
    await writeFile(join(path), Buffer.concat(chunks), { flag: 'wx' });
  }
}

/** Checks a pack offline. Only a full yes ends with 0: what cannot be told is not enough data, what is wrong a failure. */
export async function verifyEvidence(
  folder: string,
  options: { readonly output?: string; readonly key?: string; readonly previousCheckpoint?: string },
): Promise<void> {
  if (options.output !== undefined && options.output !== 'json')
    throw usage(`there is no output format ${options.output} for evidence verify; there is json`);
  const [{ verifyPack }, { countTests }] = await Promise.all([
    import('../../verify/verify-pack.ts'),
    import('../../server/junit.ts'),
  ]);
  const report = await verifyPack(folder, {
    ...(options.key === undefined ? {} : { trustedKey: await keyOf(options.key) }),
    ...(options.previousCheckpoint === undefined
      ? {}
      : { previousCheckpoint: await readText(options.previousCheckpoint) }),
    countTests: (xml) => {
      const counted = countTests(xml);
      return counted.ok ? counted.value : null;
    },
  });
  if (options.output === 'json') printData(JSON.stringify(report, null, 2));
  else for (const line of reportLines(report)) printData(line);
  if (report.outcome === 'verified') return;
  const bad = report.checks.filter((check) => check.status !== 'pass').map((check) => check.name);
  throw report.outcome === 'failed'
    ? new CliFailure('gateFailed', `the pack is not what it claims to be: ${bad.join(', ')}`)
    : new CliFailure('notEnoughData', `not everything could be checked: ${bad.join(', ')}`, [
        'belay evidence verify FOLDER --key KEY   with the log’s verifier key from somewhere else than the pack',
      ]);
}

/** A verifier key as it is written, or in a file. */
async function keyOf(keyOrFile: string): Promise<string> {
  return keyOrFile.includes('+') ? keyOrFile : (await readText(keyOrFile)).trim();
}

async function readText(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((error: unknown) => {
    throw new CliFailure('error', `cannot read ${file}: ${(error as Error).message}`);
  });
}

const marks = {
  pass: ['green', 'PASSED '],
  fail: ['red', 'FAILED '],
  unknown: ['yellow', 'UNKNOWN'],
} as const;

function reportLines(report: Report): readonly string[] {
  const { release, log } = report;
  const head = release === null ? [] : [`release ${release.project}/${release.service}/${release.name}`];
  const tree = log === null ? [] : [`log ${log.origin}, ${log.size} entries`];
  return [
    ...head.map(printable),
    ...tree.map(printable),
    ...report.checks.map((check) => {
      const [colour, mark] = marks[check.status];
      return `${dataColour(colour, mark)}  ${check.name.padEnd(12)}  ${printable(check.message)}`;
    }),
    `outcome: ${report.outcome}`,
  ];
}
