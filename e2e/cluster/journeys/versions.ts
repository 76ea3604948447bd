import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { copyPackages } from '../../../examples/shop/build.ts';
import { pushImage } from '../image-push.ts';
import { writeNodeImage } from '../../../src/drivers/oci/node-image.ts';
import type { TestCluster } from './cluster.ts';

/** What a version of the service is like; each is an image of its own. */
export interface Version {
  readonly name: string;
  /** Of so many requests one fails: 8 is 12.5 %. 0 for never. */
  readonly failEvery: number;
  readonly neverReady?: boolean;
  /** Ends right after its start, again and again. */
  readonly crashes?: boolean;
  /** Of so many requests one takes 600 ms. */
  readonly slowEvery?: number;
  /** Each request asks this PostgreSQL, through a pool; ready as long as the pool is open. */
  readonly database?: string;
}

export interface VersionImage {
  readonly repository: string;
  /** By which it is sealed and run. */
  readonly digest: string;
  readonly reference: string;
}

/**
 * Answers with its name, and is ready half a second after its start, with a database once its pool is open; lets requests
 * end on SIGTERM, after a drain.
 */
const source = ({
  name,
  failEvery,
  neverReady = false,
  crashes = false,
  slowEvery = 0,
  database,
}: Version): string => `
if (${crashes}) process.exit(3);
const { createServer } = require('node:http');
let started = false;
let ending = false;
let requests = 0;
setTimeout(() => { started = ${!neverReady}; }, 500);
${database === undefined ? withoutPool : withPool(database)}
const server = createServer(async (request, response) => {
  if (request.url === '/readyz') return response.writeHead(started && isOpen && !ending ? 200 : 503).end();
  // A customer who never lets go.
  if (request.url === '/hold') return response.writeHead(200, { 'x-version': ${JSON.stringify(name)} }).flushHeaders();
  requests += 1;
  const slow = ${slowEvery} > 0 && requests % ${slowEvery} === 0;
  const planned = ${failEvery} > 0 && requests % ${failEvery} === 0;
  if (slow) await new Promise((resolve) => setTimeout(resolve, 600));
  const fails = !(await asked()) || planned;
  response.writeHead(fails ? 500 : 200, { 'x-version': ${JSON.stringify(name)} }).end(${JSON.stringify(name)});
});
server.keepAliveTimeout = 120000;
server.listen(8080);
process.on('SIGTERM', () => {
  ending = true;
  // The gateway hears of it a moment later; until then requests still come.
  setTimeout(() => server.close(() => process.exit(0)), 2000);
  setTimeout(() => server.closeIdleConnections(), 2500);
});
`;

const withoutPool = `
const isOpen = true;
const asked = async () => true;
`;

const withPool = (database: string): string => `
const { Pool } = require('pg');
const pool = new Pool({ connectionString: ${JSON.stringify(database)}, max: 4, connectionTimeoutMillis: 500 });
pool.on('error', () => undefined);
const asked = () => pool.query('select 1').then(() => true, () => false);
let isOpen = false;
const look = async () => { isOpen = await asked(); setTimeout(look, 200); };
look();
`;

/** Builds a version's image and pushes it to the tests' registry. */
export async function pushVersion(cluster: TestCluster, version: Version): Promise<VersionImage> {
  const folder = await mkdtemp(join(tmpdir(), 'belay-version-'));
  try {
    const app = join(folder, 'app');
    await mkdir(app);
    await writeFile(join(app, 'server.cjs'), source(version));
    if (version.database !== undefined) await copyPackages('pg', app);
    const layout = join(folder, 'layout');
    await writeNodeImage(layout, app, 'server.cjs');
    const digest = await pushImage(layout, cluster.registry, 'belay-test');
    const repository = `${cluster.registryFromNodes}/belay-test`;
    return { repository, digest, reference: `${repository}@${digest}` };
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** The manifests of a version, as a team would write them. */
export const bundleOf = (image: VersionImage): string => `
apiVersion: apps/v1
kind: Deployment
metadata:
  name: tiny
spec:
  selector:
    matchLabels: {app: tiny}
  template:
    metadata:
      labels: {app: tiny}
    spec:
      terminationGracePeriodSeconds: 10
      securityContext: {runAsNonRoot: true, runAsUser: 65532}
      containers:
        - name: tiny
          image: ${image.reference}
          ports: [{containerPort: 8080}]
          envFrom: [{configMapRef: {name: tiny-settings}}]
          readinessProbe:
            httpGet: {path: /readyz, port: 8080}
            periodSeconds: 1
          resources:
            requests: {cpu: 10m, memory: 48Mi}
---
apiVersion: v1
kind: Service
metadata:
  name: tiny
spec:
  selector: {app: tiny}
  ports: [{name: http, port: 80, targetPort: 8080}]
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: tiny-settings
data:
  GREETING: hello
`;
