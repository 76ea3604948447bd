import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { z } from 'zod';
import { inside } from './boundary.ts';
import type { KubernetesApi } from './kubernetes-api.ts';
import type { Processes } from './processes.ts';
import type { Settings } from './settings.ts';

const socket = 'unix:///run/containerd/containerd.sock';

function kubeletConfiguration(settings: Settings): object {
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    containerRuntimeEndpoint: socket,
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: `${inside.state}/certificates/ca.crt` },
    },
    authorization: { mode: 'Webhook' },
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${settings.name}`,
    enforceNodeAllocatable: [],
    failSwapOn: false,
    localStorageCapacityIsolation: false,
    oomScoreAdj: 0,
    podCIDR: settings.podRange,
    clusterDNS: [settings.nodeAddress],
    clusterDomain: 'cluster.local',
    resolvConf: `${inside.state}/resolv.conf`,
    registerNode: true,
    evictionHard: { 'memory.available': '100Mi', 'nodefs.available': '1%', 'imagefs.available': '1%' },
    imageGCHighThresholdPercent: 100,
    imageGCLowThresholdPercent: 99,
    volumePluginDir: '/var/lib/kubelet/plugins-exec',
    syncFrequency: '10s',
    nodeStatusUpdateFrequency: '5s',
  };
}

function proxyConfiguration(settings: Settings): object {
  return {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode: 'iptables',
    hostnameOverride: 'node-1',
    clusterCIDR: settings.podRange,
    oomScoreAdj: 0,
    clientConnection: { kubeconfig: `${inside.state}/kube-proxy.kubeconfig` },
    // These count for the whole machine, and are left as they are.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
    iptables: { minSyncPeriod: '0s', syncPeriod: '30s' },
  };
}

/** Each pod has a link of its own to the node, so that the node's rules for Services see all that goes between pods. */
function podNetwork(settings: Settings): object {
  return {
    cniVersion: '0.4.0',
    name: 'pods',
    plugins: [
      {
        type: 'ptp',
        ipMasq: false,
        ipam: {
          type: 'host-local',
          ranges: [[{ subnet: settings.podRange }]],
          routes: [{ dst: '0.0.0.0/0' }],
        },
      },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  };
}

/** containerd's own configuration: `pause` is the image of the process that holds a pod's namespaces. */
function containerdConfiguration(pause: string): string {
  return `version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${pause}"
  restrict_oom_score_adj = true
  max_concurrent_downloads = 8
[plugins."io.containerd.grpc.v1.cri".containerd]
  snapshotter = "overlayfs"
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "/usr/lib/cni"
  conf_dir = "${inside.state}/cni"
[plugins."io.containerd.grpc.v1.cri".registry]
  config_path = "${inside.state}/registries"
`;
}

/** containerd asks by TLS unless it is told the scheme. */
function plainRegistry(address: string): string {
  const url = `http://${address}`;
  return `server = "${url}"\n[host."${url}"]\n  capabilities = ["pull", "resolve"]\n`;
}

/** The node's half of a cluster that does not wait for the API: containerd, and the files of all. */
export async function startContainerd(
  settings: Settings,
  processes: Processes,
  registry: string,
  pause: string,
): Promise<void> {
  const { state } = settings;
  const write = async (file: string, text: string): Promise<void> => {
    await mkdir(join(state, file, '..'), { recursive: true });
    await writeFile(join(state, file), text);
  };
  await write('containerd.toml', containerdConfiguration(pause));
  await write(`registries/${registry}/hosts.toml`, plainRegistry(registry));
  await write('cni/10-pods.conflist', JSON.stringify(podNetwork(settings)));
  await write('kubelet.yaml', stringify(kubeletConfiguration(settings)));
  await write('kube-proxy.yaml', stringify(proxyConfiguration(settings)));
  await write('resolv.conf', '');
  await processes.start('containerd', ['/usr/bin/containerd', '--config', `${inside.state}/containerd.toml`]);
}

const NodeStatus = z.object({
  status: z.object({ conditions: z.array(z.object({ type: z.string(), status: z.string() })).default([]) }),
});

/** Starts the kubelet and kube-proxy, and waits until the node takes pods. */
export async function startNode(settings: Settings, processes: Processes, api: KubernetesApi): Promise<void> {
  await processes.start('kubelet', [
    `${inside.go}/kubelet`,
    `--config=${inside.state}/kubelet.yaml`,
    `--kubeconfig=${inside.state}/kubelet.kubeconfig`,
    '--hostname-override=node-1',
    `--node-ip=${settings.nodeAddress}`,
  ]);
  await processes.start('kube-proxy', [
    `${inside.go}/kube-proxy`,
    `--config=${inside.state}/kube-proxy.yaml`,
  ]);
  await processes.until('kubelet', 'the node is ready', async () => {
    const node = await api.get('/api/v1/nodes/node-1', NodeStatus);
    return node.status.conditions.some(({ type, status }) => type === 'Ready' && status === 'True');
  });
}
