import { spawn } from 'node:child_process';
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { existsSync, openSync } from 'node:fs';
import { join } from 'node:path';
import type { Binaries } from './binaries.ts';
import { emptyGroups, groupsOf } from './cgroups.ts';
import { run } from './command.ts';
import { eventually } from '../eventually.ts';
import { childOf, identify } from './process-identity.ts';
import { firstProcessFile } from './processes.ts';
import type { Settings } from './settings.ts';

/*
 * The cluster lives in mount, network and process namespaces of its own. Its mounts, interfaces, firewall rules and
 * processes end with the first process in them, whatever became of those who started it: nothing of it can stay.
 */

/** What the kubelet would set for the whole machine. Inside, it finds its wishes fulfilled and sets nothing. */
const tunables = {
  'vm/overcommit_memory': '1',
  'vm/panic_on_oom': '0',
  'kernel/panic': '10',
  'kernel/panic_on_oops': '1',
  'kernel/keys/root_maxkeys': '1000000',
  'kernel/keys/root_maxbytes': '25000000',
};

/** Where the folders of the cluster are seen from inside. */
export const inside = {
  state: '/run/cluster',
  go: '/run/go',
  envoy: '/run/envoy/envoy/_bin/envoy',
} as const;

function script(settings: Settings, binaries: Binaries, groups: readonly string[]): string {
  const { state } = settings;
  const run = join(state, 'run');
  return [
    'set -eu',
    ...groups.map((group) => `echo 0 > ${group}/system/cgroup.procs`),
    "exec unshare --mount --net --pid --fork --mount-proc --propagation private /bin/sh -euc '",
    `mount --bind ${state} ${run}/cluster`,
    `mount --bind ${binaries.go} ${run}/go`,
    `mount --bind ${binaries.envoy} ${run}/envoy`,
    `mount -t overlay -o lowerdir=${binaries.debian}/usr:/usr overlay /usr`,
    ...Object.keys(tunables).map((name) => {
      const file = `/proc/sys/${name}`;
      return `[ ! -e ${file} ] || mount --bind ${state}/tunables/${name} ${file}`;
    }),
    'echo 1 > /proc/sys/net/ipv4/ip_forward',
    'ip link set lo up',
    `mount --bind ${state}/var-log /var/log`,
    `mount --rbind ${run} /run`,
    `mount --bind /run/cluster/var-lib /var/lib`,
    'mount --make-rshared /',
    `exec ${inside.go}/pause ${state}`,
    "'",
  ].join('\n');
}

async function prepare(settings: Settings, groups: readonly string[]): Promise<void> {
  const { state } = settings;
  const folders = [
    'log',
    'processes',
    'var-lib',
    'var-log',
    'run/cluster',
    'run/go',
    'run/envoy',
    'run/lock',
  ];
  for (const folder of folders) await mkdir(join(state, folder), { recursive: true });
  for (const [name, value] of Object.entries(tunables)) {
    await mkdir(join(state, 'tunables', name, '..'), { recursive: true });
    await writeFile(join(state, 'tunables', name), `${value}\n`);
  }
  for (const group of groups) await mkdir(join(group, 'system'), { recursive: true });
  await prepareCpuset(groups);
  await weigh(groups);
}

/** By the name of the file, for both versions of the control groups: what ten processes weigh. */
const weights: Readonly<Record<string, string>> = { 'cpu.shares': '10240', 'cpu.weight': '1000' };

/** A group counts as one process, whatever is in it: on a machine with other work the whole cluster would starve. */
async function weigh(groups: readonly string[]): Promise<void> {
  for (const [file, weight] of Object.entries(weights)) {
    const group = groups.find((path) => existsSync(join(path, file)));
    if (group !== undefined) await writeFile(join(group, file), weight);
  }
}

/** A cpuset of version 1 takes no process before it was told its processors. */
async function prepareCpuset(groups: readonly string[]): Promise<void> {
  const group = groups.find((path) => path.startsWith('/sys/fs/cgroup/cpuset/'));
  if (group === undefined) return;
  for (const folder of [group, join(group, 'system')]) {
    for (const file of ['cpuset.cpus', 'cpuset.mems']) {
      await run('/bin/sh', ['-c', `cat ${join(folder, '..', file)} > ${join(folder, file)}`]);
    }
  }
}

/** Gives the machine a link to the cluster's network, which ends with either end of it. */
async function connect(settings: Settings, first: number): Promise<void> {
  const { hostLink, hostAddress, nodeAddress, network } = settings;
  await run('ip', ['link', 'add', hostLink, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(first)]);
  await run('ip', ['addr', 'add', `${hostAddress}/30`, 'dev', hostLink]);
  await run('ip', ['link', 'set', hostLink, 'up']);
  const within = (...args: readonly string[]): Promise<string> =>
    run('nsenter', ['--target', String(first), '--net', 'ip', ...args]);
  await within('addr', 'add', `${nodeAddress}/30`, 'dev', 'eth0');
  await within('link', 'set', 'eth0', 'up');
  await within('route', 'add', 'default', 'via', hostAddress);
  await run('ip', ['route', 'add', network, 'via', nodeAddress]);
}

/** Refuses addresses that the machine reaches elsewhere already. */
async function refuseTaken(settings: Settings): Promise<void> {
  const routes = await run('ip', ['-4', 'route', 'show', 'root', settings.network]);
  if (routes.trim() === '') return;
  throw new Error(
    `${settings.network} is in use on this machine: ${routes.trim()}\ntake another cluster: BELAY_CLUSTER=1 (to 9)`,
  );
}

/** Opens the namespaces, and records their first process. */
export async function openBoundary(settings: Settings, binaries: Binaries): Promise<void> {
  await refuseTaken(settings);
  const groups = await groupsOf(settings.name);
  await prepare(settings, groups);
  const file = join(settings.state, 'boundary.sh');
  await writeFile(file, script(settings, binaries, groups));
  await chmod(file, 0o700);
  const log = openSync(join(settings.state, 'log', 'boundary.log'), 'a');
  const child = spawn('/bin/sh', [file], {
    cwd: '/',
    detached: true,
    stdio: ['ignore', log, log],
    env: { PATH: process.env['PATH'] ?? '' },
  });
  child.unref();
  const first = await eventually(
    `the namespaces open, see ${settings.state}/log/boundary.log`,
    async () => {
      if (child.exitCode !== null) throw new Error(`unshare ended with ${child.exitCode}`);
      const pid = await childOf(child.pid ?? 0);
      return pid !== undefined && (await isPause(pid)) ? pid : undefined;
    },
    10_000,
  );
  await connect(settings, first);
  const identity = await identify(first);
  if (identity === undefined) throw new Error('the first process of the cluster ended at once');
  await writeFile(firstProcessFile(settings.state), JSON.stringify(identity));
}

async function isPause(pid: number): Promise<boolean> {
  return (await run('cat', [`/proc/${pid}/cmdline`])).startsWith(`${inside.go}/pause`);
}

/** Ends all that is inside; its folder stays, with the logs. */
export async function endBoundary(settings: Settings): Promise<void> {
  await emptyGroups(settings.name);
  // It goes with the namespace, unless that had not got its end yet.
  await run('ip', ['link', 'delete', settings.hostLink]).catch(() => undefined);
}

/** Ends all that is inside, and removes what the machine sees of it. Harmless where nothing is there. */
export async function closeBoundary(settings: Settings): Promise<void> {
  await endBoundary(settings);
  await rm(settings.state, { recursive: true, force: true, maxRetries: 10 });
}
