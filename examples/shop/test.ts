import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assembleSources } from './build.ts';
import type { ShopVersion } from './build.ts';

export interface TestReport {
  readonly passed: boolean;
  /** JUnit XML, as the test runner of Node writes it. */
  readonly xml: string;
}

/** Runs the unit tests of a version, as its CI does. Throws if they could not be run at all. */
export async function testShop(version: ShopVersion): Promise<TestReport> {
  const folder = await mkdtemp(join(tmpdir(), 'belay-shop-test-'));
  try {
    await assembleSources(version, folder, 'tests');
    return await runTests(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function runTests(folder: string): Promise<TestReport> {
  const words = ['--test', '--test-isolation=none', '--test-reporter=junit', 'shop.test.ts'];
  // A bare environment: a test runner that is told it runs inside another one reports to that one.
  const options = { cwd: folder, env: { PATH: process.env['PATH'] }, timeout: 30_000 };
  return new Promise((resolve, reject) => {
    execFile(process.execPath, words, options, (problem, stdout, stderr) => {
      if (stdout.includes('<testsuites>')) resolve({ passed: problem === null, xml: stdout });
      else reject(new Error(`the tests could not be run: ${problem?.message ?? ''} ${stderr}`));
    });
  });
}
