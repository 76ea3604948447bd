import type { Pipeline } from '../../core/model/documents.ts';
import { PromotionRequested, type ReleaseView } from '../../server/schemas.ts';
import type { ApiClient } from '../client.ts';
import { connectToChange } from '../connect.ts';
import { usage } from '../failure.ts';
import type { OutputFormat } from '../output-formats.ts';
import { printObject } from '../output.ts';
import type { ConnectionOptions } from '../settings.ts';
import { findRelease, pipelineOf } from '../targets.ts';
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
  const answer = await client.mutate('POST', '/v1/promotions', request, PromotionRequested);
  const promotion = { ...answer.slot, id: answer.promotion };
  if (options.output === 'json' || options.output === 'yaml') await printObject(options.output, answer);
  else printData(`promotion/${answer.promotion}${options.output === 'name' ? '' : ' requested'}`);
  if (options.wait === undefined) return sayNext(`belay why ${release.service}`);
  await finishWaiting(client, promotion, options);
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
    throw usage(`${release.name} was promoted in every stage of pipeline ${pipeline.metadata.name}`);
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
