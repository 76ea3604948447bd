import { didYouMean } from '../documents-nearest.ts';
import type { ManifestSet } from './objects.ts';
import { allRead, isBackend, together } from './relations.ts';
import { type LintInput, shown, type Violation, type WorkloadRule } from './rule.ts';

type Route = ManifestSet['routes'][number];
type Backend = Route['spec']['rules'][number]['backendRefs'][number];

/** Every backend of a route that is a Service, with its place. */
const backendsOf = (route: Route): readonly { readonly backend: Backend; readonly path: string }[] =>
  route.spec.rules.flatMap(({ backendRefs }, i) =>
    backendRefs.flatMap((backend, j) =>
      backend.group === '' && backend.kind === 'Service'
        ? [{ backend, path: `${route.base}/spec/rules/${i}/backendRefs/${j}` }]
        : [],
    ),
  );

const example =
  'kind: HTTPRoute\nspec:\n  rules:\n    - backendRefs: [{ name: shop, port: 80 }] # a Service of the namespace, and one of its ports\n';

export const routeBackend: WorkloadRule = {
  id: 'route-backend',
  severity: 'error',
  asks: 'A route’s backends are Services that exist, at ports that they have.',
  why: 'A gateway answers 500 for the share of requests that goes to a backend which is not there. Where no Service is among the files, this is a warning.',
  example,
  check: (input) =>
    input.routes.flatMap((route) => backendsOf(route).flatMap((one) => missing(input, route, one))),
};

function missing(
  input: LintInput,
  route: Route,
  { backend, path }: { readonly backend: Backend; readonly path: string },
): readonly Violation[] {
  const namespace = backend.namespace ?? route.namespace;
  const near = input.services.filter((service) => together({ namespace }, service));
  const found = near.find((service) => isBackend(route, backend, service));
  if (found === undefined && !allRead(input, ['Service'])) return [];
  if (found === undefined)
    return [
      {
        object: route,
        path: `${path}/name`,
        // Another namespace may well be another team's files.
        severity: near.length === 0 ? 'warning' : 'error',
        message: `its backend ${shown(backend.name)} is no Service of these files: its share of the requests fails`,
        fix: didYouMean(
          backend.name,
          near.map(({ name }) => name),
        ),
      },
    ];
  const ports = found.spec.ports.map(({ port }) => port);
  if (backend.port !== undefined && ports.includes(backend.port)) return [];
  return [
    {
      object: route,
      path: `${path}${backend.port === undefined ? '' : '/port'}`,
      message:
        backend.port === undefined
          ? `its backend ${shown(backend.name)} names no port, which a Service needs`
          : `Service ${shown(backend.name)} has no port ${backend.port}: its share of the requests fails`,
      fix: ports.length === 0 ? 'give the Service a port' : `there is ${shown(ports.join(', '))}`,
    },
  ];
}

export const routeGrant: WorkloadRule = {
  id: 'route-grant',
  severity: 'warning',
  asks: 'A backend in another namespace is granted to the route.',
  why: 'A gateway follows a reference into another namespace only where a ReferenceGrant there allows it, and answers 500 otherwise. A warning, because the grant may be in the other team’s files.',
  example:
    'apiVersion: gateway.networking.k8s.io/v1beta1\nkind: ReferenceGrant\nmetadata: { name: routes, namespace: shop }\nspec:\n  from: [{ group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: edge }]\n  to: [{ group: "", kind: Service }]\n',
  check: (input) =>
    input.routes.flatMap((route) =>
      backendsOf(route)
        .filter(({ backend }) => !granted(input, route, backend))
        .map(({ backend, path }) => ({
          object: route,
          path: `${path}/namespace`,
          message: `its backend ${shown(backend.name)} is in namespace ${shown(backend.namespace ?? '')}, and no ReferenceGrant of these files allows it`,
          fix: `add a ReferenceGrant in ${shown(backend.namespace ?? '')} from ${route.kind} in ${route.namespace ?? ''} to the Service`,
        })),
    ),
};

function granted(input: LintInput, route: Route, { namespace, name }: Backend): boolean {
  if (namespace === undefined || route.namespace === null || namespace === route.namespace) return true;
  return input.grants.some(
    (grant) =>
      together(grant, { namespace }) &&
      grant.spec.from.some((from) => from.kind === route.kind && from.namespace === route.namespace) &&
      grant.spec.to.some(
        (to) => to.group === '' && to.kind === 'Service' && (to.name === undefined || to.name === name),
      ),
  );
}

export const routeWeights: WorkloadRule = {
  id: 'route-weights',
  severity: 'error',
  asks: 'Some backend of each rule has a weight.',
  why: 'Where all weights are 0 a gateway answers 500 to every request.',
  example:
    'backendRefs:\n  - { name: shop, port: 80, weight: 100 }\n  - { name: shop-canary, port: 80, weight: 0 }\n',
  check: ({ routes }) =>
    routes.flatMap((route) =>
      route.spec.rules.flatMap(({ backendRefs }, i): readonly Violation[] =>
        backendRefs.length === 0 || backendRefs.some(({ weight }) => weight > 0)
          ? []
          : [
              {
                object: route,
                path: `${route.base}/spec/rules/${i}/backendRefs`,
                message: 'all weights of the rule are 0: every request to it fails',
                fix: 'give one backend a weight',
              },
            ],
      ),
    ),
};
