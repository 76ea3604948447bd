import { generateKeyPairSync } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './command.ts';
import type { Settings } from './settings.ts';

/** Who talks to the API server: name and group as Kubernetes reads them from a certificate's subject. */
const clients = {
  admin: { name: 'admin', group: 'system:masters' },
  'kube-controller-manager': { name: 'system:kube-controller-manager', group: 'system' },
  'kube-scheduler': { name: 'system:kube-scheduler', group: 'system' },
  'kube-proxy': { name: 'system:kube-proxy', group: 'system:node-proxier' },
  kubelet: { name: 'system:node:node-1', group: 'system:nodes' },
} as const;

export type Client = keyof typeof clients;

export interface Certificates {
  /** The folder, as the cluster's processes see it; files NAME.crt and NAME.key, `ca`, `api` and each client. */
  readonly folder: string;
  readonly ca: string;
  readonly client: (name: Client) => { readonly certificate: string; readonly key: string };
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc'];

/** The API server signs with it and checks by it; it reads the older form of an elliptic key only. */
function serviceAccountKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return privateKey.export({ type: 'sec1', format: 'pem' }).toString();
}

/** Makes a certificate authority and all certificates of a cluster. They last a week, as no test cluster does. */
export async function createCertificates(settings: Settings, seenInside: string): Promise<Certificates> {
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
    ...Object.entries(clients).map(([file, { name, group }]) =>
      issue(file, `/O=${group}/CN=${name}`, ['extendedKeyUsage=clientAuth']),
    ),
    writeFile(join(folder, 'service-accounts.key'), serviceAccountKey(), { mode: 0o600 }),
  ]);
  const text = (file: string): Promise<string> => readFile(join(folder, file), 'utf8');
  const files = await Promise.all(
    Object.keys(clients).map(
      async (name) =>
        [name, { certificate: await text(`${name}.crt`), key: await text(`${name}.key`) }] as const,
    ),
  );
  const byName = new Map(files);
  const client = (name: Client): { readonly certificate: string; readonly key: string } =>
    byName.get(name) ?? { certificate: '', key: '' };
  return { folder: seenInside, ca: await text('ca.crt'), client };
}

/** Writes a kubeconfig that holds all it needs. */
export async function writeKubeconfig(
  file: string,
  server: string,
  certificates: Certificates,
  name: Client,
): Promise<void> {
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const { certificate, key } = certificates.client(name);
  const configuration = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'belay', cluster: { server, 'certificate-authority-data': base64(certificates.ca) } }],
    users: [
      { name, user: { 'client-certificate-data': base64(certificate), 'client-key-data': base64(key) } },
    ],
    contexts: [{ name: 'belay', context: { cluster: 'belay', user: name } }],
    'current-context': 'belay',
  };
  await writeFile(file, `${JSON.stringify(configuration, null, 2)}\n`, { mode: 0o600 });
}
