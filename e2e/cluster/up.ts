import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Binaries, prepareBinaries } from './binaries.ts';
import { closeBoundary, endBoundary, openBoundary } from './boundary.ts';
import { createCertificates } from './certificates.ts';
import { startControlPlane } from './control-plane.ts';
import { type Description, descriptionFile, readDescription } from './description.ts';
import { startGateway } from './gateway.ts';
import { writeImage } from '../../src/drivers/oci/image-layout.ts';
import { pushImage } from './image-push.ts';
import { alone, release } from './lock.ts';
import { startNames } from './names.ts';
import { startContainerd, startNode } from './node.ts';
import { Processes } from './processes.ts';
import type { Progress } from './progress.ts';
import { startPrometheus } from './prometheus.ts';
import { startRegistry } from './registry.ts';
import { missingRequirements } from './requirements.ts';
import type { Settings } from './settings.ts';

/** The processes of a whole cluster. */
const all = [
  'coredns',
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'registry',
  'containerd',
  'kubelet',
  'kube-proxy',
  'contour',
  'envoy',
  'pod-targets',
  'prometheus',
] as const;

/** Those that should run and do not. */
async function ended(settings: Settings): Promise<readonly string[]> {
  const processes = new Processes(settings.state);
  const running = await Promise.all(all.map((name) => processes.isRunning(name)));
  return all.filter((_, index) => running[index] !== true);
}

/** The cluster that runs, or undefined if none does or one of its processes has ended. */
export async function runningCluster(settings: Settings): Promise<Description | undefined> {
  const description = await readDescription(settings);
  if (description === undefined) return undefined;
  return (await ended(settings)).length === 0 ? description : undefined;
}

/** The registry with the image that every pod needs, and containerd, which pulls it. */
async function startImages(settings: Settings, processes: Processes, go: string): Promise<string> {
  const registry = await startRegistry(settings, processes);
  const layout = join(settings.state, 'pause-image');
  await writeImage(layout, {
    layers: [[{ path: 'pause', content: { file: join(go, 'pause') }, mode: 0o755 }]],
    entrypoint: ['/pause'],
  });
  const digest = await pushImage(layout, registry, 'pause');
  await startContainerd(settings, processes, registry, `${registry}/pause@${digest}`);
  return registry;
}

/** Brings up a cluster, or finds it up. What is left of one that broke is removed first. */
export function bringUp(settings: Settings, progress: Progress): Promise<Description> {
  return alone(settings, progress, () => bringUpAlone(settings, progress));
}

async function bringUpAlone(settings: Settings, progress: Progress): Promise<Description> {
  const running = await runningCluster(settings);
  if (running !== undefined) {
    progress.say(`cluster ${settings.number} is up`);
    return running;
  }
  const missing = await missingRequirements();
  if (missing.length > 0) throw new Error(missing.join('\n'));
  const binaries = await prepareBinaries(settings.cache, progress);
  await closeBoundary(settings);
  await mkdir(settings.state, { recursive: true, mode: 0o700 });
  try {
    return await startAll(settings, binaries, progress);
  } catch (error) {
    await endBoundary(settings);
    throw error;
  }
}

/** Starts the parts in the order of their needs, side by side where none needs the other. */
async function startAll(settings: Settings, binaries: Binaries, progress: Progress): Promise<Description> {
  await progress.step('namespaces opened', () => openBoundary(settings, binaries));
  const processes = new Processes(settings.state);
  await progress.step('certificates made', () => createCertificates(settings));
  const [api, registry, prometheusUrl] = await Promise.all([
    progress.step('API server ready', () => startControlPlane(settings, processes)),
    progress.step('registry and containerd started', () => startImages(settings, processes, binaries.go)),
    progress.step('Prometheus ready', () => startPrometheus(settings, processes)),
  ]);
  const [gateway] = await Promise.all([
    progress.step('gateway ready', () => startGateway(settings, processes, api, binaries.go)),
    progress.step('node ready', () => startNode(settings, processes, api)),
    startNames(settings, processes),
  ]);
  api.close();
  const lost = await ended(settings);
  if (lost.length > 0) throw new Error(`${lost.join(', ')} ended, see ${settings.state}/log`);
  const description: Description = {
    kubeconfig: join(settings.state, 'kubeconfig'),
    ...gateway,
    prometheusUrl,
    registry,
    registryFromNodes: registry,
  };
  const unfinished = `${descriptionFile(settings)}.unfinished`;
  await writeFile(unfinished, JSON.stringify(description, null, 2));
  await rename(unfinished, descriptionFile(settings));
  progress.say(`cluster ${settings.number} is up: ${settings.state}`);
  return description;
}

/** Takes a cluster down, whatever state it is in. Harmless where there is none. */
export async function takeDown(settings: Settings, progress: Progress): Promise<void> {
  await alone(settings, progress, () =>
    progress.step(`cluster ${settings.number} is down`, () => closeBoundary(settings)),
  );
}

/** Takes down what this process itself is bringing up. */
export async function abandon(settings: Settings): Promise<void> {
  await closeBoundary(settings);
  await release(settings);
}
