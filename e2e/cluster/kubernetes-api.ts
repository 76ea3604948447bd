import { readFile } from 'node:fs/promises';
import { Agent, request } from 'node:https';
import { parse } from 'yaml';
import { z } from 'zod';

const Kubeconfig = z.object({
  clusters: z.array(
    z.object({
      name: z.string(),
      cluster: z.object({ server: z.string(), 'certificate-authority-data': z.string().optional() }),
    }),
  ),
  users: z.array(
    z.object({
      name: z.string(),
      user: z.object({
        'client-certificate-data': z.string().optional(),
        'client-key-data': z.string().optional(),
        token: z.string().optional(),
      }),
    }),
  ),
  contexts: z.array(
    z.object({ name: z.string(), context: z.object({ cluster: z.string(), user: z.string() }) }),
  ),
  'current-context': z.string(),
});

/** As much of an object as its path needs; the rest as it is. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly [field: string]: unknown;
}

/** Kinds that the tests apply; the plural of others is to be added here. */
const plurals: Readonly<Record<string, string>> = {
  CustomResourceDefinition: 'customresourcedefinitions',
  Deployment: 'deployments',
  Gateway: 'gateways',
  GatewayClass: 'gatewayclasses',
  HTTPRoute: 'httproutes',
  Namespace: 'namespaces',
  Service: 'services',
};

/** The path of an object in the API. */
export function pathOf({ apiVersion, kind, metadata }: KubernetesObject): string {
  const plural = plurals[kind];
  if (plural === undefined) throw new Error(`the plural of ${kind} is not known here`);
  const group = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const namespace = metadata.namespace === undefined ? '' : `/namespaces/${metadata.namespace}`;
  return `${group}${namespace}/${plural}/${metadata.name}`;
}

/** The API of a cluster, as the few requests that setting it up and testing it need. */
export class KubernetesApi {
  readonly #server: string;
  readonly #agent: Agent;
  readonly #authorization: string | undefined;

  private constructor(server: string, agent: Agent, authorization: string | undefined) {
    this.#server = server;
    this.#agent = agent;
    this.#authorization = authorization;
  }

  /** Takes the current context of a kubeconfig. Users by certificate or token are understood; plugins are not. */
  static async of(file: string): Promise<KubernetesApi> {
    const configuration = Kubeconfig.parse(parse(await readFile(file, 'utf8')));
    const context = configuration.contexts.find(
      ({ name }) => name === configuration['current-context'],
    )?.context;
    const cluster = configuration.clusters.find(({ name }) => name === context?.cluster)?.cluster;
    const user = configuration.users.find(({ name }) => name === context?.user)?.user;
    if (cluster === undefined || user === undefined)
      throw new Error(`${file}: the current context is not whole`);
    const text = (base64: string | undefined): Buffer | undefined =>
      base64 === undefined ? undefined : Buffer.from(base64, 'base64');
    const agent = new Agent({
      keepAlive: true,
      ca: text(cluster['certificate-authority-data']),
      cert: text(user['client-certificate-data']),
      key: text(user['client-key-data']),
    });
    return new KubernetesApi(
      cluster.server,
      agent,
      user.token === undefined ? undefined : `Bearer ${user.token}`,
    );
  }

  /** One request; throws with the API server's own message where it refuses. */
  call(
    method: string,
    path: string,
    body?: { readonly type: string; readonly text: string },
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const headers = {
        accept: 'application/json',
        ...(this.#authorization === undefined ? {} : { authorization: this.#authorization }),
        ...(body === undefined ? {} : { 'content-type': body.type }),
      };
      const options = { method, headers, agent: this.#agent, timeout: 10_000 };
      const sent = request(`${this.#server}${path}`, options, (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (part: string) => (text += part));
        answer.on('error', reject);
        answer.on('end', () => {
          const json = answer.headers['content-type']?.includes('json') === true;
          if ((answer.statusCode ?? 500) < 300) resolve(json ? JSON.parse(text) : text);
          else reject(new Error(`${method} ${path}: ${answer.statusCode} ${text.slice(0, 2_000)}`));
        });
      });
      sent.on('timeout', () => sent.destroy(new Error(`${method} ${path}: no answer within 10 s`)));
      sent.on('error', reject);
      sent.end(body?.text);
    });
  }

  async get<T>(path: string, schema: z.ZodType<T>): Promise<T> {
    return schema.parse(await this.call('GET', path));
  }

  /** Makes an object that is not there yet; cheaper for the API server than to apply it. */
  async create(object: KubernetesObject): Promise<void> {
    const path = pathOf(object).slice(0, -object.metadata.name.length - 1);
    await this.call('POST', path, { type: 'application/json', text: JSON.stringify(object) });
  }

  /** Makes the object so, as the field manager of the tests. */
  async apply(object: KubernetesObject): Promise<void> {
    const path = `${pathOf(object)}?fieldManager=belay-test&force=true`;
    await this.call('PATCH', path, { type: 'application/apply-patch+yaml', text: JSON.stringify(object) });
  }

  async delete(object: KubernetesObject): Promise<void> {
    await this.call('DELETE', pathOf(object));
  }

  /** Open connections would keep the process. */
  close(): void {
    this.#agent.destroy();
  }
}
