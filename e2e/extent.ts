import { type TestContext, test } from 'node:test';

/** E2E=all, which `.ci/run` sets, plays everything; without it only what is quick. */
export const everything = process.env['E2E'] === 'all';

/** A test that takes long: registered only where everything is played, so that no run shows a skipped test. */
export function longTest(name: string, play: (t: TestContext) => Promise<void>): void {
  if (everything) test(name, play);
  else process.stdout.write(`# only with E2E=all: ${name}\n`);
}
