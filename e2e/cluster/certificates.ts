import { generateKeyPairSync } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './command.ts';
import { ports, type Settings } from './settings.ts';

/** Who talks to the API server, by the subject of its certificate: CN is the user, O a group. */
const clients = {
  admin: '/O=system:masters/CN=admin',
  'kube-controller-manager': '/CN=system:kube-controller-manager',
  'kube-scheduler': '/CN=system:kube-scheduler',
  'kube-proxy': '/CN=system:kube-proxy',
  kubelet: '/O=system:nodes/CN=system:node:node-1',
} as const;

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc'];

/** The API server signs with it and checks by it; it reads the older form of an elliptic key only. */
function serviceAccountKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return privateKey.export({ type: 'sec1', format: 'pem' }).toString();
}

/**
 * Makes a certificate authority and all certificates of a cluster, `certificates/NAME.crt` and `.key`, and a kubeconfig
 * for each client: NAME.kubeconfig, and `kubeconfig` for the administrator. They last a week, as no test cluster does.
 */
export async function createCertificates(settings: Settings): Promise<void> {
  const folder = join(settings.state, 'certificates');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const openssl = (...args: readonly string[]): Promise<string> => run('openssl', args, { cwd: folder });
  // The machine's own configuration would add extensions.
  await writeFile(join(folder, 'openssl.cnf'), '[req]\ndistinguished_name = subject\n[subject]\n');
  const issue = (name: string, subject: string, extensions: readonly string[]): Promise<string> =>
    openssl(
      'req',
      '-x509',
      '-config',
      'openssl.cnf',
      '-days',
      '7',
      '-subj',
      subject,
      ...newKey,
      ...(name === 'ca' ? [] : ['-CA', 'ca.crt', '-CAkey', 'ca.key']),
      ...extensions.flatMap((extension) => ['-addext', extension]),
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.crt`,
    );
  await issue('ca', '/CN=belay-test-cluster', ['basicConstraints=critical,CA:TRUE']);
  const addresses = ['127.0.0.1', settings.nodeAddress, settings.apiService].map((ip) => `IP:${ip}`);
  const names = ['localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc'].map(
    (n) => `DNS:${n}`,
  );
  await Promise.all([
    issue('api', '/CN=kube-apiserver', [
      `subjectAltName=${[...addresses, ...names].join(',')}`,
      'extendedKeyUsage=serverAuth',
    ]),
    ...Object.entries(clients).map(([name, subject]) =>
      issue(name, subject, ['extendedKeyUsage=clientAuth']),
    ),
    writeFile(join(folder, 'service-accounts.key'), serviceAccountKey(), { mode: 0o600 }),
  ]);
  for (const name of Object.keys(clients)) await writeKubeconfig(settings, folder, name);
}

/** Writes a kubeconfig that holds all it needs. */
async function writeKubeconfig(settings: Settings, folder: string, name: string): Promise<void> {
  const base64 = (file: string): Promise<string> => readFile(join(folder, file), 'base64');
  const cluster = {
    server: `https://${settings.nodeAddress}:${ports.api}`,
    'certificate-authority-data': await base64('ca.crt'),
  };
  const user = {
    'client-certificate-data': await base64(`${name}.crt`),
    'client-key-data': await base64(`${name}.key`),
  };
  const configuration = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'belay', cluster }],
    users: [{ name, user }],
    contexts: [{ name: 'belay', context: { cluster: 'belay', user: name } }],
    'current-context': 'belay',
  };
  const file = join(settings.state, name === 'admin' ? 'kubeconfig' : `${name}.kubeconfig`);
  await writeFile(file, `${JSON.stringify(configuration, null, 2)}\n`, { mode: 0o600 });
}
