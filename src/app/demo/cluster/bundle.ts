import { readFile } from 'node:fs/promises';
import { parseAllDocuments, stringify } from 'yaml';
import { z } from 'zod';
import { renderedChart } from '../../../../examples/shop/chart.ts';
import type { Manifest } from '../../../drivers/kubernetes/client/api.ts';
import { imageArchitecture } from '../../../drivers/oci/image-layout.ts';
import type { Entrance } from './gateway.ts';

const Container = z.looseObject({ image: z.string(), env: z.array(z.looseObject({ name: z.string() })) });
const Deployment = z.looseObject({
  spec: z.looseObject({
    template: z.looseObject({ spec: z.looseObject({ containers: z.tuple([Container]) }) }),
  }),
});
const Head = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.object({ name: z.string(), labels: z.record(z.string(), z.string()) }),
});

/** The shop's chart, rendered, by the kind of its objects; in which namespace is not theirs to say. */
async function chartObjects(): Promise<ReadonlyMap<string, z.infer<typeof Head>>> {
  const documents = parseAllDocuments(await readFile(renderedChart, 'utf8'));
  return new Map(documents.map((one) => Head.parse(one.toJS())).map((object) => [object.kind, object]));
}

function objectOf(objects: ReadonlyMap<string, z.infer<typeof Head>>, kind: string): z.infer<typeof Head> {
  const found = objects.get(kind);
  if (found === undefined) throw new Error(`the shop’s chart has no ${kind}`);
  return found;
}

/**
 * The manifests of one version: the chart's Deployment and Service with this image. Pods say of which release they are
 * with every answer, so that customers can tell them apart.
 */
export async function bundleOf(image: string): Promise<string> {
  const objects = await chartObjects();
  const deployment = Deployment.parse(objectOf(objects, 'Deployment'));
  const { template } = deployment.spec;
  const [container] = template.spec.containers;
  container.image = image;
  container.env.push({
    name: 'BELAY_RELEASE',
    valueFrom: { fieldRef: { fieldPath: "metadata.labels['belay.dev/release']" } },
  });
  Object.assign(template.spec, { nodeSelector: { 'kubernetes.io/arch': imageArchitecture } });
  return [deployment, objectOf(objects, 'Service')].map((one) => stringify(one)).join('---\n');
}

/** What a team keeps in the namespace beside its releases: the chart's account and its route, led to this gateway. */
export async function keptObjects(
  entrance: Entrance,
  host: string,
): Promise<{ readonly account: Manifest; readonly route: Manifest }> {
  const objects = await chartObjects();
  const route = z
    .looseObject({ spec: z.looseObject({}) })
    .and(Head)
    .parse(objectOf(objects, 'HTTPRoute'));
  const parent = { namespace: entrance.namespace, name: entrance.name, sectionName: entrance.section };
  return {
    account: objectOf(objects, 'ServiceAccount'),
    route: { ...route, spec: { ...route.spec, parentRefs: [parent], hostnames: [host] } },
  };
}
