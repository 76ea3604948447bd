import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { errorFromOutput } from './embedded-error.ts';
import { inspectHolder } from './holder.ts';
import type { ProcessTable } from './process-table.ts';

const folder = mkdtempSync(join(tmpdir(), 'belay-test-'));
after(() => rmSync(folder, { recursive: true, force: true }));

interface Known {
  readonly args?: readonly string[] | 'hidden';
  readonly identity?: string;
  readonly folder?: string;
}

function tableOf(processes: Readonly<Record<number, Known>>): ProcessTable {
  return {
    identity: (pid) => processes[pid]?.identity,
    hasEnded: (identity) => Object.values(processes).every((known) => known.identity !== identity),
    commandLine: (pid) => processes[pid]?.args,
    workingIn: (wanted) =>
      Object.entries(processes)
        .filter(([, known]) => known.folder === wanted)
        .map(([pid]) => Number(pid)),
  };
}

const lock = (text: string): void => writeFileSync(join(folder, 'postmaster.pid'), text);
const server = (owner: string): readonly string[] => [
  '/x/bin/postgres',
  '-D',
  folder,
  '-c',
  `belay.owner=${owner}`,
];

test('without a lock file, or with that of a dead process, nobody holds the folder', () => {
  rmSync(join(folder, 'postmaster.pid'), { force: true });
  assert.deepEqual(inspectHolder(folder, tableOf({})), { kind: 'nobody' });
  lock('4711\n/data\n');
  assert.deepEqual(inspectHolder(folder, tableOf({})), { kind: 'nobody' });
  lock('');
  assert.deepEqual(inspectHolder(folder, tableOf({})), { kind: 'nobody' });
});

test('a server whose starter lives is live, one whose starter is dead is an orphan', () => {
  lock('4711\n');
  const table = { 4711: { args: server('0.12.900') }, 12: { identity: '0.12.900' } };
  assert.deepEqual(inspectHolder(folder, tableOf(table)), { kind: 'live', pid: 4711 });
  assert.deepEqual(inspectHolder(folder, tableOf({ 4711: table[4711] })), { kind: 'orphan', pid: 4711 });
  const reused = { ...table, 12: { identity: '0.12.1800' } };
  assert.deepEqual(inspectHolder(folder, tableOf(reused)), { kind: 'orphan', pid: 4711 });
});

test('a server that was started by hand, and a process that we may not look at, are left alone', () => {
  lock('-4711\n');
  const byHand = { 4711: { args: ['postgres', '-D', '.'], folder } };
  assert.deepEqual(inspectHolder(folder, tableOf(byHand)), { kind: 'live', pid: 4711 });
  assert.deepEqual(inspectHolder(folder, tableOf({ 4711: { args: 'hidden' } })), { kind: 'live', pid: 4711 });
});

test('a lock file whose process id was given out again is stale, unless children of the server remain', () => {
  lock('4711\n');
  assert.deepEqual(inspectHolder(folder, tableOf({ 4711: { args: ['vi', folder] } })), { kind: 'stale' });
  const elsewhere = { 4711: { args: ['postgres', '-D', '/elsewhere'] } };
  assert.deepEqual(inspectHolder(folder, tableOf(elsewhere)), { kind: 'stale' });
  const remains = { 4711: { args: ['vi'] }, 9: { folder } };
  assert.deepEqual(inspectHolder(folder, tableOf(remains)), { kind: 'live', pid: 4711 });
});

test('what a program says before it gives up becomes an error', () => {
  const full = errorFromOutput('initdb', 'x\ninitdb: error: could not write file: No space left on device\n');
  assert.equal(full.code, 'disk-full');
  assert.match(full.message, /^initdb ran out of disk space: initdb: error: could not write file/);
  const other = errorFromOutput('PostgreSQL', 'LOG:  starting\nFATAL:  invalid value\nLOG:  shut down\n');
  assert.deepEqual(
    [other.code, other.message],
    ['start-failed', 'PostgreSQL gave up: FATAL:  invalid value'],
  );
});
