import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const helmModule = 'helm.sh/helm/v3/cmd/helm@v3.22.0';

/** Helm of the version that is tested with: built from Go modules once and kept in the cache. Needs Go 1.24 or newer. */
export function helmBinary(): string {
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  const folder = join(cache, 'belay', 'tools', helmModule.replaceAll('/', '_'));
  const binary = join(folder, 'helm');
  if (existsSync(binary)) return binary;
  mkdirSync(folder, { recursive: true });
  const built = spawnSync('go', ['install', helmModule], {
    env: { ...process.env, GOBIN: folder },
    encoding: 'utf8',
    timeout: 900_000,
  });
  if (built.status !== 0)
    throw new Error(
      `helm could not be built (needs Go 1.24 or newer): ${built.error?.message ?? built.stderr.slice(-2_000)}`,
    );
  return binary;
}

/** Runs helm to its end, whatever it ends with. */
export function helm(args: readonly string[]): {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
} {
  const options = { encoding: 'utf8', timeout: 60_000 } as const;
  const { status, stdout, stderr } = spawnSync(helmBinary(), args, options);
  return { status, out: stdout, err: stderr };
}
