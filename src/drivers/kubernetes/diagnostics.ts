import { z } from 'zod';
import type { DiagnosticEvent, Diagnostics, ProcessDiagnostics } from '../../core/model/diagnostics.ts';
import { err, ok, type Result } from '../../core/model/result.ts';
import type { Unreadable } from '../../ports/environment.ts';
import type { ApiError } from './client/api-error.ts';
import { pathOf, resources } from './client/resources.ts';
import { releaseLabels } from './labels.ts';
import { unreadableOf } from './outcome.ts';
import type { SlotTarget } from './target.ts';

/** Pods that are asked for their words; a release that is turned back is small, and its pods say the same. */
const mostPods = 5;
const mostLines = 30;
/** Room for long lines: where there is more, the API leaves out the end, which tells most. */
const mostLogBytes = mostLines * 4_000;

const Terminated = z.object({ exitCode: z.int().optional(), reason: z.string().optional() });
const ContainerState = z.object({
  waiting: z.object({ reason: z.string().optional(), message: z.string().optional() }).optional(),
  terminated: Terminated.optional(),
});
const ContainerStatus = z.object({
  name: z.string(),
  ready: z.boolean().optional(),
  restartCount: z.int().optional(),
  state: ContainerState.optional(),
  lastState: ContainerState.optional(),
});
type ContainerStatus = z.infer<typeof ContainerStatus>;
const TroubledPod = z.object({
  metadata: z.object({ name: z.string() }),
  status: z
    .object({
      phase: z.string().optional(),
      conditions: z
        .array(z.object({ type: z.string(), status: z.string(), message: z.string().optional() }))
        .optional(),
      containerStatuses: z.array(ContainerStatus).optional(),
    })
    .optional(),
});
type TroubledPod = z.infer<typeof TroubledPod>;

/** Both forms in which events are stored: old ones have `lastTimestamp`, new ones `eventTime`. */
const PodEvent = z.object({
  reason: z.string().optional(),
  message: z.string().optional(),
  count: z.int().nullish(),
  lastTimestamp: z.string().nullish(),
  eventTime: z.string().nullish(),
  metadata: z.object({ creationTimestamp: z.string().nullish() }).optional(),
});
type PodEvent = z.infer<typeof PodEvent>;

/**
 * What a release's pods say: state, restarts, the last lines of each container (of the life before, where it was
 * restarted) and the events about them. Where logs or events may not be read, the rest is told and the reason stands in
 * their place.
 */
export async function diagnose(
  target: SlotTarget,
  release: string,
  signal: AbortSignal,
): Promise<Result<Diagnostics, Unreadable>> {
  const { api, namespace, slot } = target;
  const listed = await api.list(resources.pods, namespace, releaseLabels(slot, release), TroubledPod, signal);
  if (!listed.ok) return err(unreadableOf(listed.error));
  const pods = listed.value.toSorted((a, b) => trouble(b) - trouble(a)).slice(0, mostPods);
  const [processes, events] = await Promise.all([
    Promise.all(pods.map((pod) => processesOf(target, pod, signal))),
    Promise.all(pods.map((pod) => eventsOf(target, pod.metadata.name, signal))),
  ]);
  return ok({ processes: processes.flat(), events: events.flat() });
}

/** How much there is to tell of a pod. */
const trouble = ({ status }: TroubledPod): number =>
  (status?.containerStatuses ?? []).reduce(
    (sum, one) => sum + (one.ready === true ? 0 : 1) + (one.restartCount ?? 0),
    0,
  );

async function processesOf(
  target: SlotTarget,
  { metadata: { name }, status }: TroubledPod,
  signal: AbortSignal,
): Promise<readonly ProcessDiagnostics[]> {
  const containers = status?.containerStatuses ?? [];
  if (containers.length === 0) {
    const waits = status?.conditions?.find((one) => one.status !== 'True' && one.message !== undefined);
    return [{ name, state: waits?.message ?? status?.phase ?? 'unknown', restarts: 0, log: [] }];
  }
  return Promise.all(
    containers.map(async (container) => ({
      name: containers.length === 1 ? name : `${name}/${container.name}`,
      state: stateOf(container),
      restarts: container.restartCount ?? 0,
      log: await logOf(target, name, container, signal),
    })),
  );
}

function stateOf({ ready, state, lastState }: ContainerStatus): string {
  const before = lastState?.terminated === undefined ? '' : `, before it ${endOf(lastState.terminated)}`;
  if (state?.waiting !== undefined) {
    const { reason = 'unknown', message } = state.waiting;
    return `waiting: ${reason}${message === undefined ? '' : ` (${message})`}${before}`;
  }
  if (state?.terminated !== undefined) return endOf(state.terminated);
  return ready === true ? 'ready' : `running, not ready${before}`;
}

const endOf = ({ exitCode, reason }: z.infer<typeof Terminated>): string =>
  `ended with exit code ${exitCode ?? 'unknown'}${reason === undefined || reason === 'Error' ? '' : ` (${reason})`}`;

/** The last lines of the life that tells why: of the one before where this one has come to nothing yet. */
async function logOf(
  { api, namespace }: SlotTarget,
  pod: string,
  { name, ready, state, lastState }: ContainerStatus,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const previous = ready !== true && lastState?.terminated !== undefined;
  if (state?.waiting !== undefined && !previous) return [];
  const query = new URLSearchParams({
    container: name,
    tailLines: String(mostLines),
    limitBytes: String(mostLogBytes),
    previous: String(previous),
  });
  const path = `${pathOf(resources.pods, namespace, pod)}/log?${query.toString()}`;
  const read = await api.text({ method: 'GET', path, signal });
  return read.ok ? read.value.split('\n').filter((line) => line !== '') : [notRead('its log', read.error)];
}

async function eventsOf(
  { api, namespace }: SlotTarget,
  pod: string,
  signal: AbortSignal,
): Promise<readonly DiagnosticEvent[]> {
  const query = new URLSearchParams({ fieldSelector: `involvedObject.name=${pod}`, limit: '50' });
  const path = `${pathOf(resources.events, namespace)}?${query.toString()}`;
  const read = await api.call({ method: 'GET', path, signal }, z.object({ items: z.array(PodEvent) }));
  if (!read.ok) return [{ at: 0, about: pod, text: notRead('events about it', read.error) }];
  return read.value.items.map((event) => ({ at: atOf(event), about: pod, text: textOf(event) }));
}

const notRead = (what: string, { message }: ApiError): string => `${what} could not be read: ${message}`;

const atOf = ({ lastTimestamp, eventTime, metadata }: PodEvent): number =>
  Math.max(0, Date.parse(lastTimestamp ?? eventTime ?? metadata?.creationTimestamp ?? '') || 0);

const textOf = ({ reason = 'Event', message = '', count }: PodEvent): string =>
  `${reason}: ${message}${(count ?? 1) > 1 ? ` (${count} times)` : ''}`;
