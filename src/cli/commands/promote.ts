import type { Pipeline } from '../../core/model/documents.ts';
import { PromotionRequested, type ReleaseView } from '../../server/schemas.ts';
import { type ApiClient, ApiRefusal } from '../client.ts';
import { connectToChange } from '../connect.ts';
import { CliFailure, usage } from '../failure.ts';
import type { OutputFormat } from '../output-formats.ts';
import { printObject } from '../output.ts';
import type { ConnectionOptions } from '../settings.ts';
import { pipelineOf } from '../pipelines.ts';
import { findRelease, slotsOf } from '../targets.ts';
import { printData, say, sayNext } from '../terminal.ts';
import { finishWaiting, type WaitOptions } from '../wait.ts';

interface PromoteOptions extends ConnectionOptions, WaitOptions {
  readonly stage?: string;
  readonly service?: string;
  readonly pipeline?: string;
  readonly liftQuarantine: boolean;
  readonly note: string;
  readonly output?: OutputFormat;
}

/** Asks for a release to be promoted in a stage, and waits where that is asked for. */
export async function promote(text: string, options: PromoteOptions): Promise<void> {
  const client = await connectToChange(options);
  const release = await findRelease(client, text, options.service);
  const stage = options.stage ?? (await nextStage(client, release, options.pipeline));
  const request = {
    project: release.project,
    service: release.service,
    release: release.name,
    stage,
    note: options.note,
    liftQuarantine: options.liftQuarantine,
    ...(options.pipeline === undefined ? {} : { pipeline: options.pipeline }),
  };
  let done = ' requested';
  const answer = await client
    .mutate('POST', '/v1/promotions', request, PromotionRequested)
    .catch(async (error: unknown) => {
      done = ' is under way already';
      return underWay(client, release, stage, options, error);
    });
  const promotion = { ...answer.slot, id: answer.promotion };
  if (options.output === 'json' || options.output === 'yaml') await printObject(options.output, answer);
  else printData(`promotion/${answer.promotion}${options.output === 'name' ? '' : done}`);
  if (options.wait === undefined) return sayNext(`belay why ${release.service}`);
  await finishWaiting(client, promotion, options);
}

/** Asked for before and still under way: whoever wants to wait waits for that, so that a job can be run again. */
async function underWay(
  client: ApiClient,
  { project, service, name }: ReleaseView,
  stage: string,
  options: PromoteOptions,
  error: unknown,
): Promise<PromotionRequested> {
  if (!(error instanceof ApiRefusal) || error.code !== 'already-requested') throw error;
  const slots = await slotsOf(client, { project, service });
  for (const slot of slots) {
    const open = slot.promotions.find((one) => one.release === name && one.stage === stage);
    if (open === undefined) continue;
    if (options.wait === undefined)
      throw new CliFailure('error', error.message, [
        `belay why ${service}`,
        `belay promote ${name} --stage ${stage} --wait   waits for the one that is under way`,
      ]);
    const { environment } = slot;
    return { promotion: open.id, slot: { project, environment, service } };
  }
  throw error;
}

/** The first stage that the release has not passed and whose stages before it has. */
async function nextStage(
  client: ApiClient,
  release: ReleaseView,
  pipelineName: string | undefined,
): Promise<string> {
  const pipeline = await pipelineOf(client, release.project, pipelineName ?? release.service);
  if (pipeline === null)
    throw usage(
      `say in which stage: --stage NAME (there is no pipeline called ${pipelineName ?? release.service} to take the next one from)`,
    );
  const stage = firstOpenStage(pipeline, release);
  if (stage === null)
    throw usage(
      `${release.name} was promoted in every stage of pipeline ${pipeline.metadata.name}`,
      `belay where ${release.name}`,
      `belay promote ${release.name} --stage NAME   if you mean it all the same`,
    );
  say(`next stage of pipeline ${pipeline.metadata.name}: ${stage}`);
  return stage;
}

export function firstOpenStage(pipeline: Pipeline, release: Pick<ReleaseView, 'stages'>): string | null {
  const promoted = (name: string): boolean =>
    release.stages.some((stage) => stage.stage === name && stage.state === 'promoted');
  return (
    pipeline.spec.stages.find((stage) => !promoted(stage.name) && stage.after.every(promoted))?.name ?? null
  );
}
