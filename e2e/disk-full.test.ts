import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { MortalDatabase } from './database.ts';
import { eventually } from './eventually.ts';
import { longTest } from './extent.ts';
import { assertLedgerHolds } from './ledger-checks.ts';
import { Stack } from './stack.ts';
import { goodVersion } from './tiny.ts';

const run = promisify(execFile);
const megabytes = 200;

/** A disk of its own, so small that it can be filled. Mounting one needs root, as `.ci/run` has. */
async function smallDisk(): Promise<AsyncDisposable & { readonly folder: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'belay-e2e-disk-'));
  await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=0711`, 'belay-e2e', folder]);
  return {
    folder,
    [Symbol.asyncDispose]: async () => {
      await run('umount', [folder]);
      await rm(folder, { recursive: true });
    },
  };
}

/** Takes all the space that is left. */
async function fill(file: string): Promise<void> {
  const ballast = await open(file, 'w');
  const block = Buffer.alloc(64 * 1024);
  for (let size = block.length; size >= 1; size = size > 4096 ? 4096 : 0) {
    for (let full = false; !full;) {
      full = await ballast.write(block, 0, size).then(
        ({ bytesWritten }) => bytesWritten < size,
        (error: NodeJS.ErrnoException) => {
          if (error.code === 'ENOSPC') return true;
          throw error;
        },
      );
    }
  }
  await ballast.close();
}

/** The answer to a command that writes; with a body large enough that no free space in a page takes it. */
async function apply(stack: Stack, key: string): Promise<{ status: number; code: string }> {
  const junit = `<testsuite name="t">${`<testcase name="${key}"/>`.repeat(3_000)}</testsuite>`;
  const response = await fetch(`${stack.url}/v1/releases/demo/tiny/v2/attachments`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${stack.token}`,
      'content-type': 'application/json',
      'idempotency-key': key,
    },
    body: JSON.stringify({ type: 'tests', name: key, artifact: stack.digest('v2'), junit }),
  });
  const body = (await response.json()) as { code?: string };
  return { status: response.status, code: body.code ?? '' };
}

longTest(
  'the database’s disk is full: it is said, nothing is half done, and it goes on with space',
  async () => {
    await using disk = await smallDisk();
    await using database = await MortalDatabase.start(disk.folder);
    const { stack } = await Stack.withV1({ database: database.connection });
    await using _ = stack;
    await stack.openRelease(goodVersion('v2'));
    const ballast = join(disk.folder, 'ballast');
    await fill(ballast);
    const answers: { status: number; code: string }[] = [];
    const refused = await eventually('a command is refused', async () => {
      const answer = await apply(stack, `report-${answers.length}`);
      answers.push(answer);
      return answer.status >= 500 ? answer : null;
    });
    assert.ok(
      (refused.status === 507 && refused.code === 'no-space') ||
        (refused.status === 503 && refused.code === 'not-available'),
      JSON.stringify(answers),
    );
    // Customers notice nothing.
    await stack.untilServed('v1', stack.customers.requests('v1') + 100);
    await rm(ballast);
    // A database that could not write its log any more ends, as PostgreSQL does; whoever runs it starts it again.
    const ended = await Promise.race([
      database.exited.then(() => true),
      eventually('commands are taken again', async () => (await apply(stack, 'after')).status < 300).then(
        () => false,
      ),
    ]);
    if (ended) await database.restart();
    await eventually('the server is ready', async () => (await fetch(`${stack.url}/readyz`)).status === 200);
    // The same command with the same key is carried out now, once.
    const again = await apply(stack, `report-${answers.length - 1}`);
    assert.ok(again.status < 300, JSON.stringify(again));
    await stack.seal('v2');
    const end = await stack.end('v2');
    assert.equal(end.state, 'promoted', end.sentence);
    const { rows } = await stack.pool.query<{ name: string; n: string }>(
      `select bytes::json->'entry'->'attachment'->>'name' as name, count(*) as n from entry
      where stream = 'release/demo/tiny/v2' and bytes::json->'entry'->>'type' = 'attached' group by 1 having count(*) > 1`,
    );
    assert.deepEqual(rows, [], 'nothing was recorded twice');
    assert.deepEqual(stack.customers.problems, {});
    await assertLedgerHolds(stack, 'v2');
  },
);
