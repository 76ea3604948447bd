import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { playScript } from './script.ts';
import { ScriptError } from './script-language.ts';

const folder = fileURLToPath(new URL('../scenarios/', import.meta.url));
// `./scripts/run simulation/scenarios.test.ts --update` writes the transcripts anew.
const update = process.argv.includes('--update');

for (const file of readdirSync(folder).filter((name) => name.endsWith('.txt'))) {
  test(`scenario ${file}`, async () => {
    const transcript = await playScript(readFileSync(folder + file, 'utf8'));
    const golden = folder + file.replace(/\.txt$/, '.golden');
    if (update) writeFileSync(golden, transcript.text);
    assert.deepEqual(transcript.failures, []);
    assert.equal(transcript.text, readFileSync(golden, 'utf8'));
  });
}

test('a line that is no command is refused with its place', async () => {
  await assert.rejects(
    playScript('# fine\n\nrelaese v1\n'),
    (error: unknown) => error instanceof ScriptError && error.line === 3,
  );
});

test('an expectation that does not hold is a failure, in the text and in the list', async () => {
  const { text, failures } = await playScript(
    'build v1\npromote v1 staging\nadvance 1s\nexpect v1 staging promoted\n',
  );
  assert.match(text, /NOT SO: it is rolling-out/);
  assert.deepEqual(failures, ['line 4: expect v1 staging promoted: it is rolling-out']);
});
