import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import * as fc from 'fast-check';
import { packPaths } from '../core/evidence/layout.ts';
import { signCheckpoint } from '../core/ledger/checkpoint.ts';
import { formatVerifierKey } from '../core/ledger/verifier-key.ts';
import { canonicalJson } from '../core/model/canonical.ts';
import { seal } from '../core/model/digest.ts';
import type { Entry } from '../core/model/entries.ts';
import { nodeCrypto } from '../engine/crypto.ts';
import { exportEvidence } from '../evidence/export.ts';
import { writePack } from '../evidence/pack-files.ts';
import { type Story, tellStory } from '../evidence/testing/story.ts';
import { loadLogKey } from '../store/log-key.ts';
import type { CheckName, Report } from './report.ts';
import {
  editEntry,
  entriesOf,
  type Files,
  linesOf,
  manifestOf,
  resign,
  rewriteLog,
  withEntries,
  withFile,
  withLines,
} from '../../test/evidence-forger.ts';
import { verifyFiles, verifyPack, type VerifyOptions } from './verify-pack.ts';

const production = 'slot/demo/production/shop';
const own = 'release/demo/shop/v3';
const projects = 'project/demo';

let story: Story;
/** The pack of v3, which was rolled back. */
let pack: Files;
let folder: string;

before(async () => {
  story = await tellStory();
  pack = await packOf('v3');
  folder = await mkdtemp(join(tmpdir(), 'belay-verify-'));
});
after(async () => {
  await rm(folder, { recursive: true, force: true });
  await story[Symbol.asyncDispose]();
});

async function packOf(release: string, since?: number): Promise<Files> {
  const request = { project: 'demo', service: 'shop', release };
  const files = await exportEvidence(
    { pool: story.pool, signer: story.signer, crypto: nodeCrypto },
    since === undefined ? request : { ...request, since },
  );
  assert.ok(files.ok, files.ok ? '' : files.error.message);
  return files.value;
}

const options = (): VerifyOptions => ({
  trustedKey: formatVerifierKey(story.signer.key),
  countTests: (report) => ({ total: report.split('<testcase').length - 1, failed: 0, skipped: 0 }),
});

const check = (files: Files, more: VerifyOptions = {}): Report =>
  verifyFiles(files, { ...options(), ...more });
const failures = (report: Report): readonly CheckName[] =>
  report.checks.filter((c) => c.status === 'fail').map((c) => c.name);
const messageOf = (report: Report, name: CheckName): string =>
  report.checks.find((c) => c.name === name)?.message ?? '';

test('the pack of every release is verified: promoted, rolled back, refused, and brought back', async () => {
  for (const release of ['v1', 'v2', 'v3', 'v4']) {
    const report = check(await packOf(release));
    assert.equal(report.outcome, 'verified', canonicalJson(report));
  }
  const report = check(pack);
  assert.match(messageOf(report, 'decisions'), /^\d\d decisions derived again/);
  assert.match(messageOf(report, 'samples'), /^[1-9]/);
  assert.match(messageOf(report, 'tests'), /^[1-9]/);
  assert.match(messageOf(report, 'summaries'), /^2 /);
  assert.match(messageOf(report, 'completeness'), /^[1-9]/);
});

test('a byte changed anywhere is found', () => {
  const places = fc
    .constantFrom(...pack.keys())
    .chain((path) =>
      fc.tuple(
        fc.constant(path),
        fc.nat((pack.get(path)?.length ?? 1) - 1),
        fc.integer({ min: 1, max: 255 }),
      ),
    );
  const changed = (path: string, at: number, by: number): Files => {
    const bytes = Uint8Array.from(pack.get(path) ?? []);
    bytes[at] = (bytes[at] ?? 0) ^ by;
    return withFile(pack, path, bytes);
  };
  fc.assert(
    fc.property(places, ([path, at, by]) => {
      const report = check(changed(path, at, by));
      assert.equal(report.outcome, 'failed');
      assert.ok(
        report.checks.some((c) => c.findings.some((f) => f.where === path)),
        `${path} is not named`,
      );
    }),
    { numRuns: 150 },
  );
  // The same with the manifest made right again by somebody who has the log's key: the tree and the digests find it.
  fc.assert(
    fc.property(places, ([path, at, by]) => {
      fc.pre(/^(streams|proofs|content)\/|^checkpoint$/.test(path));
      const forged = resign(changed(path, at, by), story.signer);
      assert.equal(check(forged).outcome, 'failed', path);
    }),
    { numRuns: 150 },
  );
});

const isApproval = (entry: Entry): boolean => entry.type === 'approved' && entry.promotion.startsWith('v3');
const isWorse = (entry: Entry): boolean =>
  entry.type === 'decided' && entry.decision.moves.some((m) => m.type === 'judged' && m.verdict === 'fail');

/** A decision that found the canary worse, made to say that it passed. */
function withVerdict(files: Files): Files {
  return editEntry(files, production, isWorse, (entry) => {
    assert.equal(entry.type, 'decided');
    const moves = entry.decision.moves.map((m) =>
      m.type === 'judged' && m.verdict === 'fail' ? { ...m, verdict: 'pass' as const } : m,
    );
    return { ...entry, decision: { ...entry.decision, moves } };
  });
}

/** The pipeline's approval gate taken out, with its digest made again, and every request naming the new one. */
function withPolicy(files: Files): Files {
  let before = '';
  let after = '';
  const swapped = editEntry(
    files,
    projects,
    (entry) => entry.type === 'applied' && entry.kind === 'Pipeline',
    (entry) => {
      assert.equal(entry.type, 'applied');
      const document = JSON.parse(entry.document) as { spec: { stages: { gates: { kind: string }[] }[] } };
      for (const stage of document.spec.stages)
        stage.gates = stage.gates.filter((g) => g.kind !== 'approval');
      const sealed = seal(nodeCrypto, document);
      before = entry.digest;
      after = sealed.digest;
      return { ...entry, digest: sealed.digest, document: sealed.bytes };
    },
  );
  assert.notEqual(before, after);
  return [production, 'slot/demo/staging/shop'].reduce(
    (changed, stream) =>
      withEntries(
        changed,
        stream,
        entriesOf(changed, stream).map((e) => (e.type === 'requested' ? { ...e, pipeline: after } : e)),
      ),
    swapped,
  );
}

/** The approval that v3 got is replaced by the one that v2 got. */
function withForeignApproval(files: Files): Files {
  const foreign = entriesOf(files, production).find(
    (e) => e.type === 'approved' && e.promotion.startsWith('v2'),
  );
  assert.equal(foreign?.type, 'approved');
  return editEntry(files, production, isApproval, (entry) => {
    assert.equal(entry.type, 'approved');
    assert.notEqual(entry.plan, foreign.plan);
    return { ...entry, plan: foreign.plan };
  });
}

function swapped(files: Files): Files {
  const entries = [...entriesOf(files, production)];
  const at = entries.findIndex(isApproval);
  const [first, second] = [entries[at - 1], entries[at]];
  assert.ok(first !== undefined && second !== undefined);
  return withEntries(files, production, entries.with(at - 1, second).with(at, first));
}

const without = (files: Files, stream: string, at: number): Files =>
  withLines(files, stream, linesOf(files, stream).toSpliced(at, 1), at);

function dropped(files: Files, isIt: (entry: Entry) => boolean): Files {
  const entries = entriesOf(files, production);
  const at = entries.findIndex(isIt);
  return withEntries(files, production, entries.toSpliced(at, 1), at);
}

const withoutStream = (files: Files, stream: string): Files =>
  withFile(withFile(files, packPaths.stream(stream), null), packPaths.indexes(stream), null);

function withSamples(files: Files): Files {
  const sampled = entriesOf(files, production).find((e) => e.type === 'sampled');
  assert.equal(sampled?.type, 'sampled');
  const path = packPaths.content(sampled.batch);
  const bytes = Buffer.from(files.get(path) ?? []).toString();
  const forged = bytes.replace(/"requests":(\d)/, '"requests":9$1');
  assert.notEqual(forged, bytes);
  const batch = nodeCrypto.digest(forged);
  const moved = withFile(withFile(files, path, null), packPaths.content(batch), forged);
  return editEntry(
    moved,
    production,
    (e) => e.type === 'sampled',
    (e) => ({ ...e, batch }) as Entry,
  );
}

const withCounts = (files: Files): Files =>
  editEntry(
    files,
    own,
    (e) => e.type === 'attached' && e.attachment.type === 'tests',
    (e) => {
      assert.ok(e.type === 'attached' && e.attachment.type === 'tests');
      return { ...e, attachment: { ...e.attachment, counts: { total: 200, failed: 0, skipped: 0 } } };
    },
  );

const withArtifact = (files: Files): Files =>
  editEntry(
    files,
    own,
    (e) => e.type === 'sealed',
    (e) => {
      assert.equal(e.type, 'sealed');
      return { ...e, release: { ...e.release, commit: 'fffffff' } };
    },
  );

const withEnd = (files: Files): Files =>
  editEntry(
    files,
    own,
    (e) => e.type === 'stage-ended' && e.state === 'rolled-back',
    (e) => ({ ...e, state: 'promoted' }) as Entry,
  );

interface Forgery {
  readonly what: string;
  readonly forge: (files: Files) => Files;
  /** Which check names it when the manifest was made right by somebody who has the log's key; null where nothing can. */
  readonly keyHolder: CheckName;
  /** Which check names it when he has made a whole new log as well. */
  readonly newLog: CheckName;
}

const forgeries: readonly Forgery[] = [
  {
    what: 'an entry dropped from the middle',
    forge: (f) => without(f, production, 10),
    keyHolder: 'chains',
    newLog: 'chains',
  },
  {
    what: 'an entry dropped, its chain made again',
    forge: (f) => dropped(f, isApproval),
    keyHolder: 'inclusion',
    newLog: 'decisions',
  },
  {
    what: 'the end of the release’s stream dropped',
    forge: (f) => without(f, own, linesOf(f, own).length - 1),
    keyHolder: 'completeness',
    newLog: 'completeness',
  },
  {
    what: 'the end of the slot’s stream dropped',
    forge: (f) => withLines(f, production, linesOf(f, production).slice(0, -8)),
    keyHolder: 'completeness',
    newLog: 'completeness',
  },
  {
    what: 'the project’s stream cut short',
    forge: (f) => without(f, projects, linesOf(f, projects).length - 1),
    keyHolder: 'completeness',
    newLog: 'completeness',
  },
  {
    what: 'the stream of the slot removed',
    forge: (f) => withoutStream(f, production),
    keyHolder: 'completeness',
    newLog: 'completeness',
  },
  {
    what: 'the stream of everything removed',
    forge: (f) => withoutStream(f, 'everything'),
    keyHolder: 'completeness',
    newLog: 'completeness',
  },
  {
    what: 'the release’s own stream removed',
    forge: (f) => withoutStream(f, own),
    keyHolder: 'completeness',
    newLog: 'completeness',
  },
  { what: 'a policy swapped', forge: withPolicy, keyHolder: 'inclusion', newLog: 'decisions' },
  {
    what: 'another release’s approval grafted in',
    forge: withForeignApproval,
    keyHolder: 'inclusion',
    newLog: 'decisions',
  },
  { what: 'a verdict edited', forge: withVerdict, keyHolder: 'inclusion', newLog: 'decisions' },
  { what: 'entries reordered', forge: swapped, keyHolder: 'inclusion', newLog: 'decisions' },
  { what: 'a batch of samples edited', forge: withSamples, keyHolder: 'inclusion', newLog: 'samples' },
  { what: 'test counts edited', forge: withCounts, keyHolder: 'inclusion', newLog: 'tests' },
  { what: 'a sealed release edited', forge: withArtifact, keyHolder: 'inclusion', newLog: 'entries' },
  { what: 'the end of a promotion edited', forge: withEnd, keyHolder: 'inclusion', newLog: 'completeness' },
  {
    what: 'a summary that says PASSED',
    forge: (f) => {
      const path = [...f.keys()].find((p) => p.startsWith('decisions/production')) ?? '';
      const envelope = JSON.parse(Buffer.from(f.get(path) ?? []).toString()) as { payload: string };
      const payload = Buffer.from(envelope.payload, 'base64').toString().replaceAll('FAILED', 'PASSED');
      return withFile(
        f,
        path,
        canonicalJson({ ...envelope, payload: Buffer.from(payload).toString('base64') }),
      );
    },
    keyHolder: 'summaries',
    newLog: 'summaries',
  },
  {
    what: 'content removed',
    forge: (f) => withFile(f, [...f.keys()].find((p) => p.startsWith('content/')) ?? '', null),
    keyHolder: 'content',
    newLog: 'content',
  },
  {
    what: 'content added',
    forge: (f) => withFile(f, `content/${'0'.repeat(64)}`, 'x'),
    keyHolder: 'content',
    newLog: 'content',
  },
];

test('a new log of the same entries is verified: what the forgeries below change is what is found', () => {
  assert.equal(check(rewriteLog(pack, story.signer)).outcome, 'verified');
  assert.equal(check(resign(pack, story.signer)).outcome, 'verified');
});

test('found and named: a decision that read what came into the log after it', () => {
  const lastFirst = rewriteLog(pack, story.signer, (places) =>
    places.toSorted(([a], [b]) => (a < b ? 1 : a > b ? -1 : 0)),
  );
  assert.deepEqual(failures(check(lastFirst)), ['inclusion']);
});

for (const { what, forge, keyHolder, newLog } of forgeries) {
  test(`found and named: ${what}`, () => {
    const forged = forge(pack);
    const stranger = check(forged);
    assert.equal(stranger.outcome, 'failed');
    assert.ok(failures(stranger).includes('files'), canonicalJson(stranger));
    const signed = check(resign(forged, story.signer));
    assert.equal(failures(signed).includes('files'), false);
    assert.ok(failures(signed).includes(keyHolder), canonicalJson(failures(signed)));
    const relogged = check(rewriteLog(forged, story.signer));
    assert.equal(failures(relogged).includes('inclusion'), false);
    assert.ok(failures(relogged).includes(newLog), canonicalJson(failures(relogged)));
  });
}

test('found and named: a pack cut short, and files that nobody named', () => {
  const half = new Map([...pack].slice(0, Math.floor(pack.size / 2)));
  assert.equal(check(half).outcome, 'failed');
  assert.ok(failures(check(half)).includes('files') || failures(check(half)).includes('manifest'));
  assert.deepEqual(failures(check(withFile(pack, packPaths.manifest, null))), ['manifest']);
  assert.deepEqual(failures(check(withFile(pack, packPaths.manifestNote, null))), ['manifest']);
  assert.ok(failures(check(withFile(pack, packPaths.checkpoint, null))).includes('checkpoint'));
  assert.deepEqual(failures(check(withFile(pack, 'notes.txt', 'x'))), ['files']);
  assert.deepEqual(failures(check(new Map())), ['manifest']);
});

test('found and named: a manifest signed by another key, and a checkpoint of another log', async () => {
  const stranger = await loadLogKey(join(folder, 'stranger.key'), story.signer.key.name);
  const elsewhere = await loadLogKey(join(folder, 'stranger.key'), 'log.test/elsewhere');
  assert.ok(stranger.ok && elsewhere.ok);
  assert.deepEqual(failures(check(resign(pack, stranger.value))), ['manifest']);
  const theirs = withFile(pack, packPaths.verifierKey, `${formatVerifierKey(stranger.value.key)}\n`);
  const whole = rewriteLog(theirs, stranger.value);
  assert.deepEqual(failures(check(whole)), ['manifest', 'key', 'checkpoint']);
  // Without a trusted key it cannot be found, and the report does not say that it is verified.
  const { trustedKey: _, ...untrusting } = options();
  const untrusted = verifyFiles(pack, untrusting);
  assert.equal(untrusted.outcome, 'incomplete');
  assert.match(messageOf(untrusted, 'key'), /no trusted key was given/);

  const { log } = manifestOf(pack);
  const foreign = signCheckpoint(
    { origin: 'log.test/elsewhere', size: log.size, root: Buffer.from(log.root, 'hex'), extensions: [] },
    elsewhere.value,
  );
  const replaced = resign(withFile(pack, packPaths.checkpoint, foreign), story.signer);
  assert.deepEqual(failures(check(replaced)), ['checkpoint']);
  const older = signCheckpoint(
    { origin: log.origin, size: log.size - 1, root: Buffer.from(log.root, 'hex'), extensions: [] },
    story.signer,
  );
  const aged = resign(withFile(pack, packPaths.checkpoint, older), story.signer);
  assert.ok(failures(check(aged)).includes('checkpoint'));
});

test('a log that was rewritten since an earlier checkpoint is found; one that grew is not', async () => {
  const before = Buffer.from(pack.get(packPaths.checkpoint) ?? []).toString();
  const { size } = manifestOf(pack).log;
  assert.equal(check(pack, { previousCheckpoint: before }).outcome, 'verified');
  const rewritten = check(rewriteLog(pack, story.signer), { previousCheckpoint: before });
  assert.notEqual(rewritten.outcome, 'verified');

  await story.pool.query(`select append_fact('project/other', 0, $1, $2)`, [
    // A leaf of no meaning: only that the tree grows matters here.
    nodeCrypto.digest('\0x').slice(7),
    'x',
  ]);
  await story.sequence();
  const grown = await packOf('v3', size);
  assert.equal(manifestOf(grown).log.size, size + 1);
  assert.equal(check(grown, { previousCheckpoint: before }).outcome, 'verified');
  assert.equal(check(await packOf('v3'), { previousCheckpoint: before }).outcome, 'incomplete');
  const after = Buffer.from(grown.get(packPaths.checkpoint) ?? []).toString();
  assert.equal(check(pack, { previousCheckpoint: after }).outcome, 'incomplete');

  const { log } = manifestOf(grown);
  const root = new Uint8Array(32);
  const fork = signCheckpoint({ origin: log.origin, size, root, extensions: [] }, story.signer);
  assert.deepEqual(failures(check(grown, { previousCheckpoint: fork })), ['growth']);
});

test('what an earlier core has counted is not called wrong by a later one, which counts otherwise', () => {
  const isLater = (e: Entry): boolean => e.type === 'decided' && e.decision.evaluator !== 'belay-core/1';
  let earlier = pack;
  while (entriesOf(earlier, production).some(isLater))
    earlier = editEntry(earlier, production, isLater, (e) => {
      assert.equal(e.type, 'decided');
      return { ...e, decision: { ...e.decision, evaluator: 'belay-core/1' } };
    });
  const told = check(rewriteLog(earlier, story.signer));
  assert.equal(told.checks.find((c) => c.name === 'samples')?.status, 'unknown');
  assert.match(messageOf(told, 'samples'), /counted by belay-core\/1; this verifier has belay-core\//);
});

test('what cannot be told is said and not passed: an unknown evaluator, pruned content, uncounted tests', () => {
  // The last one: after a newer core no older one decides, so that nothing that follows could be right.
  const last = entriesOf(pack, production).findLast((e) => e.type === 'decided');
  const isLast = (e: Entry): boolean => canonicalJson(e) === canonicalJson(last);
  const newer = editEntry(pack, production, isLast, (e) => {
    assert.equal(e.type, 'decided');
    return { ...e, decision: { ...e.decision, evaluator: 'belay-core/99' } };
  });
  const unknown = check(rewriteLog(newer, story.signer));
  assert.equal(unknown.checks.find((c) => c.name === 'decisions')?.status, 'unknown');
  assert.match(messageOf(unknown, 'decisions'), /belay-core\/99/);
  // The summaries name the leaf of their decision, which this edit has moved; nothing else is wrong.
  assert.deepEqual(failures(unknown), ['summaries']);

  const { countTests: _, ...uncounting } = options();
  const uncounted = verifyFiles(pack, uncounting);
  assert.deepEqual(
    [uncounted.outcome, messageOf(uncounted, 'tests').includes('not counted')],
    ['incomplete', true],
  );

  const batch = entriesOf(pack, production).find((e) => e.type === 'sampled');
  assert.equal(batch?.type, 'sampled');
  const pruned = resign(withFile(pack, packPaths.content(batch.batch), null), story.signer, (m) => ({
    ...m,
    pruned: [batch.batch],
  }));
  const report = check(pruned);
  assert.equal(report.outcome, 'incomplete');
  assert.match(messageOf(report, 'content'), /retention/);
});

test('a hostile pack is named and breaks nothing', async () => {
  const bad = (change: (m: ReturnType<typeof manifestOf>) => unknown): Report =>
    check(resign(pack, story.signer, change));
  for (const path of ['../../etc/passwd', '/etc/passwd', 'a//b', '.hidden', 'streams/../x']) {
    const report = bad((m) => ({ ...m, files: [{ path, bytes: 1, digest: m.files[0]?.digest }] }));
    assert.deepEqual(failures(report), ['manifest'], path);
  }
  assert.deepEqual(failures(bad((m) => ({ ...m, surprise: true }))), ['manifest']);
  assert.ok(failures(bad((m) => ({ ...m, files: [...m.files, ...m.files.slice(0, 1)] }))).includes('files'));
  assert.ok(failures(bad((m) => ({ ...m, streams: [...m.streams, ...m.streams] }))).includes('chains'));
  assert.ok(
    failures(
      bad((m) => ({ ...m, streams: [{ stream: '__proto__', to: 1, head: '0'.repeat(64) }] })),
    ).includes('chains'),
  );
  for (const manifest of ['', '[', '{}', '['.repeat(50_000), '{"__proto__":{}}', '\uFEFF{}'])
    assert.deepEqual(failures(check(withFile(pack, packPaths.manifest, manifest))), ['manifest']);
  const link = (line: string): string => `${line},"previous":"","seq":1,"stream":"everything"}`;
  const lines = [
    link(`{"entry":${'['.repeat(30_000)}${']'.repeat(30_000)}`),
    link('{"entry":{"type":"unfrozen","type":"frozen"}'),
    link('{"entry":{"at":1,"by":{"id":"a","kind":"person"},"id":"x","note":"\\ud800","type":"unfrozen"}'),
    link('{"entry":1e400'),
    'x'.repeat(70_000),
    '',
  ];
  for (const line of lines) {
    const report = check(rewriteLog(withLines(pack, 'everything', [line]), story.signer));
    assert.ok(
      failures(report).some((c) => c === 'entries' || c === 'chains'),
      line.slice(0, 40),
    );
  }
  const bytes = Uint8Array.from(pack.get(packPaths.stream('everything')) ?? []);
  bytes[12] = 0xff;
  assert.ok(
    failures(check(resign(withFile(pack, packPaths.stream('everything'), bytes), story.signer))).includes(
      'entries',
    ),
  );
});

test('a pack in a folder: written, verified, and refused with links or strange files in it', async () => {
  const target = join(folder, 'pack');
  assert.ok((await writePack(target, pack)).ok);
  assert.equal((await verifyPack(target, options())).outcome, 'verified');
  const again = await writePack(target, pack);
  assert.equal(again.ok ? '' : again.error.code, 'folder-not-empty');
  await symlink('/etc/hostname', join(target, 'content', 'link'));
  const linked = await verifyPack(target, options());
  assert.deepEqual(failures(linked), ['files']);
  assert.match(messageOf(linked, 'files'), /^content\/link/);
  await rm(join(target, 'content', 'link'));
  await mkdir(join(target, 'a', 'b', 'c'), { recursive: true });
  await writeFile(join(target, 'a', 'b', 'c', 'd'), 'x');
  assert.deepEqual(failures(await verifyPack(target, options())), ['files']);
  const nowhere = await verifyPack(join(folder, 'nowhere'), options());
  assert.equal(nowhere.outcome, 'failed');
  assert.ok(failures(nowhere).includes('files'));
});
