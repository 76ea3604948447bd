import type { SlotKey } from '../../core/model/name.ts';
import type { Result } from '../../core/model/result.ts';
import type { KubernetesApi } from './client/api.ts';
import { fieldManager } from './client/api.ts';
import { Reflector, type ReflectorTime } from './client/reflector.ts';
import { type Resource, resources } from './client/resources.ts';
import { labelNames, slotLabels, slotName } from './labels.ts';
import { HttpRoute } from './route.ts';
import { DeploymentObject, PodObject, ServiceObject, servicesIn, type SlotObjects } from './slot-objects.ts';
import type { SlotTarget } from './target.ts';

/** For so long after something was asked of a slot it is read fresh. */
const freshForMs = 30_000;
/** Slots that rest share a gateway's configuration that is at most so old. */
const pageForMs = 5_000;

type Page = Promise<Result<string, string>>;
type Labels = Readonly<Record<string, string>>;

/**
 * What lists and watches tell of one namespace, for all slots in it: so that slots at rest cost no requests. A slot that
 * something was asked of is read fresh; so is every slot as long as a watch is not known to be alive.
 */
export class NamespaceWatch {
  readonly #routes: Reflector<HttpRoute>;
  readonly #services: Reflector<ServiceObject>;
  readonly #deployments: Reflector<DeploymentObject>;
  readonly #pods: Reflector<PodObject>;
  readonly #time: ReflectorTime;
  readonly #asked = new Map<string, number>();
  readonly #pages = new Map<string, { readonly at: number; readonly page: Page }>();

  constructor(api: KubernetesApi, namespace: string, time: ReflectorTime) {
    this.#time = time;
    const transport = api.transport.forWatches();
    const reflect = <T extends { readonly metadata: { readonly name: string } }>(
      resource: Resource,
      labelSelector: string,
      schema: ConstructorParameters<typeof Reflector<T>>[0]['schema'],
    ): Reflector<T> =>
      new Reflector<T>(
        {
          api,
          transport,
          resource,
          namespace,
          labelSelector,
          schema,
          nameOf: (object) => object.metadata.name,
        },
        time,
      );
    const ours = `${labelNames.managedBy}=${fieldManager}`;
    // Routes and the Service that others call are not ours, and carry no label of ours.
    this.#routes = reflect(resources.httpRoutes, '', HttpRoute);
    this.#services = reflect(resources.services, '', ServiceObject);
    this.#deployments = reflect(resources.deployments, ours, DeploymentObject);
    this.#pods = reflect(resources.pods, ours, PodObject);
  }

  /** Something is asked of a slot: from now on, for a while, only what is read fresh counts. */
  asked(slot: SlotKey): void {
    this.#asked.set(slotName(slot), this.#time.now());
  }

  /** A slot as it was told of; null where it has to be read. */
  resting({ slot, route: name, service }: SlotTarget): SlotObjects | null {
    const asked = this.#asked.get(slotName(slot)) ?? -Infinity;
    if (this.#time.now() - asked < freshForMs) return null;
    const routes = this.#routes.objects;
    const services = this.#services.objects;
    const deployments = this.#deployments.objects;
    const pods = this.#pods.objects;
    if (routes === null || services === null || deployments === null || pods === null) return null;
    const route = routes.find(({ metadata }) => metadata.name === name);
    if (route === undefined) return null;
    const labels = slotLabels(slot);
    const stable = services.find(({ metadata }) => metadata.name === service);
    return {
      route,
      services: servicesIn(
        services.filter((one) => carries(one, labels)),
        service,
      ),
      selector: stable === undefined ? null : (stable.spec?.selector ?? {}),
      deployments: deployments.filter((one) => carries(one, labels)),
      pods: pods.filter((one) => carries(one, labels)),
    };
  }

  /** A gateway's page, read once for all slots that rest. */
  page(url: string, read: () => Page): Page {
    const known = this.#pages.get(url);
    if (known !== undefined && this.#time.now() - known.at < pageForMs) return known.page;
    const page = read();
    this.#pages.set(url, { at: this.#time.now(), page });
    return page;
  }

  async stop(): Promise<void> {
    await Promise.all([this.#routes, this.#services, this.#deployments, this.#pods].map((one) => one.stop()));
  }
}

const carries = (
  { metadata }: { readonly metadata: { readonly labels?: Labels | undefined } },
  labels: Labels,
): boolean => Object.entries(labels).every(([key, value]) => metadata.labels?.[key] === value);
