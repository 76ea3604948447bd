import { existsSync } from 'node:fs';
import { run } from './command.ts';

/** What runs the cluster but is not brought along, with the Debian package that has it. */
const programs = [
  ['apt-get', 'use a Debian or a system made from it'],
  ['dpkg-deb', 'use a Debian or a system made from it'],
  ['ip', 'apt-get install iproute2'],
  ['unshare', 'apt-get install util-linux'],
  ['nsenter', 'apt-get install util-linux'],
  ['mount', 'apt-get install mount'],
  ['openssl', 'apt-get install openssl'],
  ['python3', 'apt-get install python3 python3-pip'],
] as const;

async function works(program: string, ...args: readonly string[]): Promise<boolean> {
  return run(program, args).then(
    () => true,
    () => false,
  );
}

/** All that is missing on this machine to run the cluster, each with its remedy; empty if nothing is. */
export async function missingRequirements(): Promise<readonly string[]> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return [
      `the cluster runs on Linux on x86-64, and this is ${process.platform} on ${process.arch}: use kind`,
    ];
  }
  if (process.getuid?.() !== 0) return ['the cluster needs root: run it by sudo, or use kind'];
  const found = await Promise.all(
    programs.map(async ([name, remedy]) =>
      (await works('/bin/sh', '-c', `command -v ${name}`)) ? [] : [`${name} is missing: ${remedy}`],
    ),
  );
  const missing = found.flat();
  if (missing.length > 0) return missing;
  const pip = (await works('python3', '-m', 'pip', '--version'))
    ? []
    : ['pip is missing: apt-get install python3-pip'];
  const namespaces = (await works('unshare', '--mount', '--net', '--pid', '--fork', 'true'))
    ? []
    : ['namespaces cannot be made: in a container, run it privileged'];
  const groups = existsSync('/sys/fs/cgroup') ? [] : ['/sys/fs/cgroup is missing: mount the control groups'];
  return [...pip, ...namespaces, ...groups];
}
