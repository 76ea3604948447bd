import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inside } from './boundary.ts';
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

const certificates = `${inside.state}/certificates`;

function apiServer(settings: Settings): readonly string[] {
  return [
    `${inside.go}/kube-apiserver`,
    `--etcd-servers=${etcdUrl}`,
    `--advertise-address=${settings.nodeAddress}`,
    `--secure-port=${ports.api}`,
    `--service-cluster-ip-range=${settings.serviceRange}`,
    `--tls-cert-file=${certificates}/api.crt`,
    `--tls-private-key-file=${certificates}/api.key`,
    `--client-ca-file=${certificates}/ca.crt`,
    '--authorization-mode=Node,RBAC',
    `--service-account-issuer=https://kubernetes.default.svc`,
    `--service-account-key-file=${certificates}/service-accounts.key`,
    `--service-account-signing-key-file=${certificates}/service-accounts.key`,
    `--kubelet-client-certificate=${certificates}/admin.crt`,
    `--kubelet-client-key=${certificates}/admin.key`,
    '--kubelet-preferred-address-types=InternalIP',
    '--allow-privileged=true',
    '--enable-priority-and-fairness=true',
    '--profiling=false',
  ];
}

/** Starts etcd and the API server, and what only needs the API. */
export async function startControlPlane(settings: Settings, processes: Processes): Promise<KubernetesApi> {
  const { state } = settings;
  await writeFile(join(state, 'etcd.json'), JSON.stringify(etcdConfiguration));
  await processes.start('etcd', [`${inside.go}/etcd`, `${inside.state}/etcd.json`]);
  await processes.start('kube-apiserver', apiServer(settings));
  const api = await KubernetesApi.of(join(state, 'kubeconfig'));
  await processes.until('kube-apiserver', 'the API server is ready', async () => {
    await api.call('GET', '/readyz');
    return true;
  });
  await processes.start('kube-controller-manager', [
    `${inside.go}/kube-controller-manager`,
    `--kubeconfig=${inside.state}/kube-controller-manager.kubeconfig`,
    `--service-account-private-key-file=${certificates}/service-accounts.key`,
    `--root-ca-file=${certificates}/ca.crt`,
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
