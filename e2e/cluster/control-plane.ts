import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inside } from './boundary.ts';
import { type Certificates, type Client, writeKubeconfig } from './certificates.ts';
import { KubernetesApi } from './kubernetes-api.ts';
import type { Processes } from './processes.ts';
import { ports, type Settings } from './settings.ts';

const etcdUrl = `http://127.0.0.1:${ports.etcd}`;

/** Data that a test cluster may lose when the machine stops: nothing waits for the disk. */
const etcdConfiguration = {
  name: 'etcd',
  'data-dir': '/var/lib/etcd',
  'listen-client-urls': etcdUrl,
  'advertise-client-urls': etcdUrl,
  'listen-peer-urls': 'http://127.0.0.1:2380',
  'initial-advertise-peer-urls': 'http://127.0.0.1:2380',
  'initial-cluster': 'etcd=http://127.0.0.1:2380',
  'unsafe-no-fsync': true,
  'log-level': 'warn',
};

function apiServer(settings: Settings, folder: string): readonly string[] {
  return [
    `${inside.go}/kube-apiserver`,
    `--etcd-servers=${etcdUrl}`,
    `--advertise-address=${settings.nodeAddress}`,
    `--secure-port=${ports.api}`,
    `--service-cluster-ip-range=${settings.serviceRange}`,
    `--tls-cert-file=${folder}/api.crt`,
    `--tls-private-key-file=${folder}/api.key`,
    `--client-ca-file=${folder}/ca.crt`,
    '--authorization-mode=Node,RBAC',
    `--service-account-issuer=https://kubernetes.default.svc`,
    `--service-account-key-file=${folder}/service-accounts.key`,
    `--service-account-signing-key-file=${folder}/service-accounts.key`,
    `--kubelet-client-certificate=${folder}/admin.crt`,
    `--kubelet-client-key=${folder}/admin.key`,
    '--kubelet-preferred-address-types=InternalIP',
    '--allow-privileged=true',
    '--enable-priority-and-fairness=true',
    '--profiling=false',
  ];
}

/** Starts etcd and the API server, writes a kubeconfig for each client, and starts what only needs the API. */
export async function startControlPlane(
  settings: Settings,
  processes: Processes,
  certificates: Certificates,
): Promise<KubernetesApi> {
  const { state } = settings;
  await writeFile(join(state, 'etcd.json'), JSON.stringify(etcdConfiguration));
  await processes.start('etcd', [`${inside.go}/etcd`, `${inside.state}/etcd.json`]);
  await processes.start('kube-apiserver', apiServer(settings, certificates.folder));
  const server = `https://${settings.nodeAddress}:${ports.api}`;
  const kubeconfigs: readonly Client[] = [
    'kube-controller-manager',
    'kube-scheduler',
    'kube-proxy',
    'kubelet',
  ];
  for (const name of kubeconfigs) {
    await writeKubeconfig(join(state, `${name}.kubeconfig`), server, certificates, name);
  }
  await writeKubeconfig(join(state, 'kubeconfig'), server, certificates, 'admin');
  const api = await KubernetesApi.of(join(state, 'kubeconfig'));
  await processes.until('kube-apiserver', 'the API server is ready', async () => {
    await api.call('GET', '/readyz');
    return true;
  });
  await processes.start('kube-controller-manager', [
    `${inside.go}/kube-controller-manager`,
    `--kubeconfig=${inside.state}/kube-controller-manager.kubeconfig`,
    `--service-account-private-key-file=${certificates.folder}/service-accounts.key`,
    `--root-ca-file=${certificates.folder}/ca.crt`,
    '--use-service-account-credentials=true',
    `--cluster-cidr=${settings.podRange}`,
    '--leader-elect=false',
    '--profiling=false',
  ]);
  await processes.start('kube-scheduler', [
    `${inside.go}/kube-scheduler`,
    `--kubeconfig=${inside.state}/kube-scheduler.kubeconfig`,
    '--leader-elect=false',
    '--profiling=false',
  ]);
  return api;
}
