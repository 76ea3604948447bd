import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { get } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import { Home, runBelay } from '../../src/cli/testing/run-belay.ts';
import type { Linted } from '../../src/cli/documents/lint-all.ts';
import { eventually } from '../../src/drivers/local/testing/environment.ts';
import { testServer } from '../../src/store/testing/database.ts';
import { renderedChart } from './chart.ts';
import { createShopDatabase } from './database.ts';

const rendered = readFileSync(renderedChart, 'utf8');

interface Container {
  readonly env: readonly { readonly name: string; readonly value?: string; readonly valueFrom?: unknown }[];
  readonly startupProbe: Probe;
  readonly readinessProbe: Probe;
  readonly livenessProbe: Probe;
}
interface Probe {
  readonly httpGet: { readonly path: string };
}

/** The container that the chart runs the shop in. */
function shopContainer(): Container {
  const documents = parseAllDocuments(rendered);
  const deployment = (Array.isArray(documents) ? documents : [])
    .map((one): unknown => one.toJS())
    .find((one) => (one as { kind: string }).kind === 'Deployment') as {
    spec: { template: { spec: { containers: Container[] } } };
  };
  const container = deployment.spec.template.spec.containers[0];
  assert.ok(container !== undefined);
  return container;
}

describe('shop: its manifests', () => {
  const lint = async (text: string): Promise<{ readonly code: number | null; readonly linted: Linted }> => {
    using home = new Home();
    const { code, stdout } = await runBelay(home, ['lint', '-', '--strict', '-o', 'json'], { stdin: text });
    return { code, linted: JSON.parse(stdout) as Linted };
  };

  it('keep the workload contract, without a permission', async () => {
    const { code, linted } = await lint(rendered);
    const { digest: _, ...found } = linted;
    assert.deepEqual(found, {
      documents: 0,
      objects: 4,
      passedOver: { ServiceAccount: 1 },
      findings: [],
      allowed: [],
    });
    assert.equal(code, 0);
  });

  it('are found out in each line that is broken', async () => {
    const cases: readonly (readonly [string, string, string])[] = [
      ['image: registry.example/shop@sha256:', 'image: registry.example/shop:1 # ', 'image-digest'],
      ['path: /livez', 'path: /readyz', 'liveness-as-readiness'],
      ['sleep: { seconds: 10 }', 'sleep: { seconds: 3 }', 'prestop'],
      ['terminationGracePeriodSeconds: 30', 'terminationGracePeriodSeconds: 19', 'termination-grace'],
      ['replicas: 2', 'replicas: 1', 'replicas'],
      ['maxUnavailable: 1\n', 'maxUnavailable: 0\n', 'budget-unsatisfiable'],
      ['runAsNonRoot: true', 'runAsNonRoot: false', 'run-as-non-root'],
      ['failureThreshold: 30', 'failureThreshold: 60', 'startup-budget'],
      ['targetPort: http,', 'targetPort: web,', 'service-port'],
      ['- { name: shop, port: 80 }', '- { name: shop, port: 8080 }', 'route-backend'],
      ['value: "shop" }', 'value: postgresql://shop:hunter2@db/shop }', 'secret-literal'],
    ];
    for (const [from, to, rule] of cases) {
      assert.ok(rendered.includes(from), from);
      const { code, linted } = await lint(rendered.replace(from, to));
      assert.deepEqual([code, ...new Set(linted.findings.map((one) => one.rule))], [1, rule], to);
      const line = rendered.slice(0, rendered.indexOf(from)).split('\n').length;
      const near = linted.findings.some((one) => Math.abs(one.line - line) <= 2);
      assert.ok(near, `${rule}: ${linted.findings.map((one) => one.line).join()} instead of ${line}`);
    }
  });
});

/** The status that a path answers with, or null where nobody listens. */
const status = (host: string, port: number, path: string): Promise<number | null> =>
  new Promise((answered) => {
    const request = get({ host, port, path, timeout: 2_000 }, (response) => {
      response.resume();
      answered(response.statusCode ?? null);
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => answered(null));
  });

describe('shop: its probes', () => {
  // Not where it listens unless told, so that HOST is seen to count.
  const host = '127.0.0.2';
  const { env, startupProbe, readinessProbe, livenessProbe } = shopContainer();
  let service: ChildProcess | undefined;
  after(() => service?.kill('SIGKILL'));

  const freePort = async (): Promise<number> => {
    const server = createServer().listen(0, host);
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    return port;
  };
  /** Starts the service as the chart does, but for where it listens and what database it has. */
  const start = async (database: Readonly<Record<string, string>>): Promise<number> => {
    const port = await freePort();
    const declared = Object.fromEntries(env.map(({ name, value = '' }) => [name, value]));
    service = spawn(process.execPath, [fileURLToPath(new URL('service/server.ts', import.meta.url))], {
      env: { ...declared, ...database, HOST: host, PORT: String(port) },
      stdio: 'ignore',
    });
    await eventually(
      () => status(host, port, livenessProbe.httpGet.path),
      (answer) => answer !== null,
    );
    return port;
  };
  const stop = async (): Promise<void> => {
    const ended = once(service as ChildProcess, 'exit');
    service?.kill('SIGKILL');
    await ended;
  };

  it('say “alive” and not “ready” while the database does not answer', async () => {
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const shop = await start({
      SHOP_DATABASE_HOST: '127.0.0.1',
      SHOP_DATABASE_PORT: String(port),
      SHOP_DATABASE_PASSWORD: 'none',
    });
    assert.equal(await status(host, shop, livenessProbe.httpGet.path), 200);
    assert.equal(await status(host, shop, startupProbe.httpGet.path), 503);
    assert.equal(await status(host, shop, readinessProbe.httpGet.path), 503);
    await stop();
    silent.close();
  });

  it('say “ready” once it does', async () => {
    const { connection } = await testServer();
    const { parameters, password } = await createShopDatabase(connection, 'shop_probes');
    const shop = await start({ ...parameters, SHOP_DATABASE_PASSWORD: password });
    await eventually(
      () => status(host, shop, readinessProbe.httpGet.path),
      (answer) => answer === 200,
    );
    await stop();
  });
});
