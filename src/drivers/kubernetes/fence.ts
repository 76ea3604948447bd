import { err, ok, type Result } from '../../core/model/result.ts';
import type { Outcome } from '../../ports/environment.ts';
import { resources } from './client/resources.ts';
import { annotationNames, slotName } from './labels.ts';
import { failed, outcomeOf } from './outcome.ts';
import { foreignTo, generationOf, HttpRoute, type Rule } from './route.ts';
import type { SlotTarget } from './target.ts';

/** A conflict is read again; a route that is written this often by others is not ours to win in one call. */
const mostTries = 5;

type Admitted = Result<HttpRoute, Outcome>;

/** The route of a slot, if it is the slot's and no later generation has written it. */
export async function readRoute(
  target: SlotTarget,
  generation: number,
  signal: AbortSignal,
): Promise<Admitted> {
  const { api, namespace, route, slot } = target;
  const read = await api.get(resources.httpRoutes, namespace, route, HttpRoute, signal);
  if (!read.ok)
    return err(
      read.error.code === 'not-found'
        ? failed(`there is no HTTPRoute ${route} in namespace ${namespace}`)
        : outcomeOf(read.error),
    );
  const foreign = foreignTo(read.value, slot);
  if (foreign !== null) return err(failed(foreign));
  const seen = generationOf(read.value.metadata.annotations);
  return seen > generation ? err({ outcome: 'stale', generation: seen }) : ok(read.value);
}

/**
 * Writes a generation on the slot's route, with other rules if `change` gives some, in one patch that holds only for
 * the version that was read: whoever comes with a lower generation, at the same time or later, loses. Changes nothing
 * where nothing is to be changed. Returns the route as it is then.
 */
export async function admit(
  target: SlotTarget,
  generation: number,
  change: (route: HttpRoute) => Result<readonly Rule[] | null, string>,
  signal: AbortSignal,
): Promise<Admitted> {
  let last: Outcome = failed('the route was not read');
  for (let tries = 0; tries < mostTries; tries += 1) {
    const read = await readRoute(target, generation, signal);
    if (!read.ok) return read;
    const changed = change(read.value);
    if (!changed.ok) return err(failed(changed.error));
    const written = await write(target, generation, read.value, changed.value, signal);
    if (written.ok) return written;
    if (!written.error.conflict) return err(written.error.outcome);
    last = written.error.outcome;
  }
  return err(last);
}

async function write(
  { api, namespace, route: name, slot }: SlotTarget,
  generation: number,
  route: HttpRoute,
  rules: readonly Rule[] | null,
  signal: AbortSignal,
): Promise<Result<HttpRoute, { readonly conflict: boolean; readonly outcome: Outcome }>> {
  const sameRules = rules === null || JSON.stringify(rules) === JSON.stringify(route.spec.rules);
  if (sameRules && generationOf(route.metadata.annotations) === generation) return ok(route);
  const patch = {
    metadata: {
      resourceVersion: route.metadata.resourceVersion,
      annotations: {
        [annotationNames.generation]: String(generation),
        [annotationNames.slot]: slotName(slot),
      },
    },
    ...(sameRules ? {} : { spec: { rules } }),
  };
  const patched = await api.patch(resources.httpRoutes, namespace, name, patch, HttpRoute, signal);
  if (patched.ok) return patched;
  return err({ conflict: patched.error.code === 'conflict', outcome: outcomeOf(patched.error) });
}
