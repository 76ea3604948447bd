import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { extract } from 'tar-stream';
import { packPaths } from '../core/evidence/layout.ts';
import type { Entry } from '../core/model/entries.ts';
import { EvidenceManifest } from '../core/model/evidence.ts';
import { nodeCrypto } from '../engine/crypto.ts';
import { entryOf } from '../store/log-entry.ts';
import { appendFact } from '../store/streams.ts';
import { type EvidenceFiles, type EvidenceRequest, exportEvidence } from './export.ts';
import { tarOf } from './pack-files.ts';
import { type Story, tellStory } from './testing/story.ts';

let story: Story;
before(async () => {
  story = await tellStory();
});
after(() => story[Symbol.asyncDispose]());

const request = (release: string, more: Partial<EvidenceRequest> = {}) =>
  exportEvidence(
    { pool: story.pool, signer: story.signer, crypto: nodeCrypto },
    { project: 'demo', service: 'shop', release, ...more },
  );

async function filesOf(release: string): Promise<EvidenceFiles> {
  const files = await request(release);
  assert.ok(files.ok);
  return files.value;
}

const textOf = (files: EvidenceFiles, path: string): string => Buffer.from(files.get(path) ?? []).toString();
const manifestOf = (files: EvidenceFiles): EvidenceManifest =>
  EvidenceManifest.parse(JSON.parse(textOf(files, packPaths.manifest)));

test('the same checkpoint gives the same bytes', async () => {
  const [first, second] = [await filesOf('v2'), await filesOf('v2')];
  assert.deepEqual([...first.keys()], [...first.keys()].toSorted());
  for (const [path, bytes] of first)
    assert.deepEqual(Buffer.from(second.get(path) ?? []), Buffer.from(bytes), path);
  assert.equal(second.size, first.size);
});

test('a slot’s stream ends with the last decision about the release, other streams where they were last read', async () => {
  const heads = async (release: string) =>
    Object.fromEntries(manifestOf(await filesOf(release)).streams.map(({ stream, to }) => [stream, to]));
  const [first, third] = [await heads('v1'), await heads('v3')];
  // v1 came back at the very end, so its pack holds the whole slot; v3's ends where it was rolled back and gone.
  assert.ok((third['slot/demo/production/shop'] ?? 0) < (first['slot/demo/production/shop'] ?? 0));
  assert.deepEqual(third['everything'], 2);
  assert.deepEqual(third['project/demo'], 4);
  // Another release's stream ends where a decision in the pack read it, or with the end that one wrote into it.
  const files = await filesOf('v3');
  const entriesOf = (stream: string): readonly Entry[] =>
    textOf(files, packPaths.stream(stream))
      .split('\n')
      .slice(0, -1)
      .map((line) => entryOf(line));
  const reads = Object.keys(third)
    .filter((stream) => stream.startsWith('slot/'))
    .flatMap((stream) => entriesOf(stream))
    .flatMap((entry) => (entry.type === 'decided' ? [entry.decision.reads] : []));
  for (const other of ['release/demo/shop/v1', 'release/demo/shop/v2']) {
    const last = Math.max(...reads.map((read) => read[other] ?? 0));
    assert.ok(third[other] === last || entriesOf(other).at(-1)?.type === 'stage-ended', other);
    assert.ok((third[other] ?? 0) >= last && last > 0);
  }
});

test('each end of a promotion is a verification summary in a DSSE envelope', async () => {
  const files = await filesOf('v3');
  const summaries = [...files.keys()].filter((path) => path.startsWith('decisions/'));
  const statements = summaries.map((path) => {
    const envelope = JSON.parse(textOf(files, path)) as { payload: string; payloadType: string };
    assert.equal(envelope.payloadType, 'application/vnd.in-toto+json');
    return JSON.parse(Buffer.from(envelope.payload, 'base64').toString()) as {
      predicateType: string;
      subject: unknown;
      predicate: { resourceUri: string; verificationResult: string; verifiedLevels: string[] };
    };
  });
  assert.deepEqual(
    statements.map(({ predicateType, predicate }) => [
      predicateType,
      predicate.resourceUri,
      predicate.verificationResult,
      predicate.verifiedLevels,
    ]),
    [
      ['https://slsa.dev/verification_summary/v1', 'belay:slot/demo/production/shop', 'FAILED', ['FAILED']],
      [
        'https://slsa.dev/verification_summary/v1',
        'belay:slot/demo/staging/shop',
        'PASSED',
        ['BELAY_PROMOTED'],
      ],
    ],
  );
  const sha256 = nodeCrypto.digest('v3').slice('sha256:'.length);
  assert.deepEqual(statements[0]?.subject, [{ name: 'v3', digest: { sha256 } }]);
});

test('a tar of the pack holds its files and no time, owner or mode of this machine', async () => {
  const files = await filesOf('v3');
  const [one, two] = [await buffer(tarOf(files)), await buffer(tarOf(files))];
  assert.ok(one.equals(two));
  const reader = extract();
  reader.end(one);
  const found = new Map<string, Buffer>();
  for await (const entry of reader) {
    assert.equal(entry.header.mtime?.getTime(), 0);
    found.set(entry.header.name, await buffer(entry));
  }
  assert.deepEqual([...found.keys()], [...files.keys()]);
  for (const [path, bytes] of files) assert.ok(found.get(path)?.equals(bytes), path);
});

test('what cannot be exported says why', async () => {
  const codeOf = async (release: string, more: Partial<EvidenceRequest> = {}): Promise<string> => {
    const files = await request(release, more);
    return files.ok ? 'ok' : files.error.code;
  };
  assert.equal(await codeOf('v9'), 'no-such-release');
  assert.equal(await codeOf('../v1'), 'no-such-release');
  assert.equal(await codeOf('v1', { service: '%' }), 'no-such-release');
  assert.equal(await codeOf('v1', { since: 1_000_000 }), 'since-out-of-range');
  assert.equal(await codeOf('v1', { since: 1 }), 'ok');
  await appendFact(story.pool, 'release/demo/shop/v5', () => ({
    type: 'opened',
    at: 1,
    by: { id: 'ci', kind: 'machine' },
    commit: 'abcdef1',
    summary: '',
    contributors: [],
  }));
  assert.equal(await codeOf('v5'), 'not-sequenced');
  await story.sequence();
  assert.equal(await codeOf('v5'), 'ok');
});
