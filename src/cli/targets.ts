import type { PromotionView, ReleaseList, ReleaseView, SlotList, SlotView } from '../server/schemas.ts';
import { didYouMean } from '../core/lint/documents-nearest.ts';
import type { ApiClient } from './client.ts';
import { type CliFailure, usage } from './failure.ts';
import { type PipelineHead, pipelineHeads } from './pipelines.ts';

/** An open promotion in its slot. */
export interface Target {
  readonly slot: SlotView;
  readonly promotion: PromotionView;
}

export const targetName = ({ slot, promotion }: Target): string =>
  `promotion/${promotion.id} (${promotion.release} in ${slot.environment}, ${promotion.state})`;

/** `shop`, or `project/shop`. */
export function splitTarget(text: string): { readonly project: string | null; readonly name: string } {
  const parts = text.replace(/^(promotion|service|release)\//, '').split('/');
  const [first, second] = parts;
  if (parts.length > 2 || first === undefined || first === '' || second === '')
    throw usage(`${text} is no target; write SERVICE, PROMOTION or PROJECT/SERVICE`);
  return second === undefined ? { project: null, name: first } : { project: first, name: second };
}

/** Slots of the project that was chosen, or of all that the token may see. */
export async function slotsOf(
  client: ApiClient,
  filter: { readonly project?: string | null; readonly service?: string; readonly environment?: string },
): Promise<readonly SlotView[]> {
  const project = filter.project ?? client.settings.project;
  const answer = await client.glance<SlotList>('/v1/slots', { ...filter, project }, 'slots');
  return answer.slots;
}

/**
 * The one open promotion that is meant and that needs what is done to it. `text` is a promotion's id, a release
 * or a service. Several: they are listed, and the caller has to say which.
 */
export async function findPromotion(
  client: ApiClient,
  text: string,
  filter: { readonly stage?: string; readonly environment?: string },
  needs: { readonly what: string; readonly command: string; test(promotion: PromotionView): boolean },
): Promise<Target> {
  const { project, name } = splitTarget(text);
  const slots = await slotsOf(client, {
    project,
    ...(filter.environment === undefined ? {} : { environment: filter.environment }),
  });
  const open = slots.flatMap((slot) =>
    slot.promotions
      .filter((promotion) => filter.stage === undefined || promotion.stage === filter.stage)
      .map((promotion): Target => ({ slot, promotion })),
  );
  const named = open.filter(
    ({ slot, promotion }) => promotion.id === name || promotion.release === name || slot.service === name,
  );
  const exact = named.filter(({ promotion }) => promotion.id === name);
  // An id that is spelled out is taken as it is; the server says what is wrong with it.
  const fitting = exact.length > 0 ? exact : named.filter(({ promotion }) => needs.test(promotion));
  const [only, ...others] = fitting;
  if (only !== undefined && others.length === 0) return only;
  if (only !== undefined) {
    throw usage(
      `${name} has several promotions ${needs.what}`,
      ...fitting.map(
        ({ slot, promotion }) =>
          `belay ${needs.command} ${promotion.id}   ${promotion.release} in ${slot.environment}, ${promotion.state}`,
      ),
    );
  }
  throw nothingFits(name, named, open, needs.what);
}

function nothingFits(
  name: string,
  named: readonly Target[],
  open: readonly Target[],
  what: string,
): CliFailure {
  if (named.length > 0)
    return usage(
      `${name} has no promotion ${what}; there is ${named.map(targetName).join(', ')}`,
      `belay why ${name}`,
    );
  const names = open.flatMap(({ slot, promotion }) => [promotion.id, slot.service, promotion.release]);
  return usage(
    open.length === 0
      ? `nothing called ${name} is open: no promotion is`
      : `nothing called ${name} is open; ${didYouMean(name, [...new Set(names)])}`,
    'belay status',
  );
}

/** The service that is meant, with its project: as the applied pipelines say, when only its name was given. */
export async function findService(
  client: ApiClient,
  text: string,
): Promise<{ readonly project: string; readonly service: string }> {
  const { project, name } = splitTarget(text);
  const chosen = project ?? client.settings.project;
  return chosen === null
    ? { project: await onlyProjectWith(client, name), service: name }
    : { project: chosen, service: name };
}

/** Fails where no pipeline of the project, or of any, is for a service: what is asked about is misspelt. */
export async function requireService(
  client: ApiClient,
  project: string | null,
  service: string,
): Promise<void> {
  const pipelines = await pipelineHeads(client, project ?? client.settings.project);
  if (!pipelines.some((pipeline) => pipeline.service === service)) throw unknownService(service, pipelines);
}

async function onlyProjectWith(client: ApiClient, service: string): Promise<string> {
  const pipelines = await pipelineHeads(client, null);
  const fitting = pipelines.filter((pipeline) => pipeline.service === service);
  const [only, ...others] = [...new Set(fitting.map((pipeline) => pipeline.project))];
  if (only === undefined) throw unknownService(service, pipelines);
  if (others.length > 0)
    throw usage(
      `several projects have a service ${service}`,
      ...[only, ...others].map((project) => `say which one: -n ${project}`),
    );
  return only;
}

function unknownService(service: string, pipelines: readonly PipelineHead[]): CliFailure {
  const services = [...new Set(pipelines.map((pipeline) => pipeline.service))];
  return services.length === 0
    ? usage(
        `there is no service ${service}: no pipeline is applied that this token may see`,
        'belay init && belay apply belay.yaml',
        'belay doctor   shows what this token may do',
      )
    : usage(`no pipeline is for a service ${service}; ${didYouMean(service, services)}`, 'belay status');
}

/** The release that is meant: `shop-v2`, or `shop/shop-v2` where several services have one of that name. */
export async function findRelease(client: ApiClient, text: string, service?: string): Promise<ReleaseView> {
  const parts = text.replace(/^release\//, '').split('/');
  const name = parts.at(-1) ?? text;
  const ofService = service ?? (parts.length > 1 ? parts.at(-2) : undefined);
  const ofProject = parts.length > 2 ? parts.at(-3) : client.settings.project;
  const { releases } = await client.glance<ReleaseList>(
    '/v1/releases',
    { project: ofProject, service: ofService, limit: 500 },
    'releases',
  );
  const found = releases.filter((release) => release.name === name);
  const [only, ...others] = found;
  if (only === undefined)
    throw usage(
      `there is no release ${name}; ${didYouMean(
        name,
        releases.map((release) => release.name),
      )}`,
      'belay release list',
    );
  if (others.length > 0)
    throw usage(
      `several services have a release ${name}`,
      ...found.map((release) => `${release.project}/${release.service}/${release.name}`),
    );
  return only;
}
