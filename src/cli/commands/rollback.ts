import { PromotionRequested, type SlotView } from '../../server/schemas.ts';
import type { ApiClient } from '../client.ts';
import { connectToChange } from '../connect.ts';
import { CliFailure, usage } from '../failure.ts';
import type { OutputFormat } from '../output-formats.ts';
import { printObject } from '../output.ts';
import type { ConnectionOptions } from '../settings.ts';
import { pipelineOf } from '../pipelines.ts';
import { slotsOf, splitTarget } from '../targets.ts';
import { printData, say, sayNext } from '../terminal.ts';
import { kubernetesSlots } from '../documents/kubernetes-slots.ts';
import { finishWaiting, type WaitOptions } from '../wait.ts';

interface RollbackOptions extends ConnectionOptions, WaitOptions {
  readonly to?: string;
  readonly stage?: string;
  readonly environment?: string;
  readonly note: string;
  readonly direct: boolean;
  readonly file: readonly string[];
  readonly output?: OutputFormat;
}

/** Goes back to the version before, or to the one that is named. */
export async function rollback(text: string, options: RollbackOptions): Promise<void> {
  if (options.direct) {
    // Without a server there is no API: the composition root knows the drivers. The room rule's one exception, as with `up`.
    const { rollbackDirect } = await import('../../app/direct.ts');
    const kubernetes = options.file.length === 0 ? {} : { kubernetes: await kubernetesSlots(options.file) };
    process.exitCode = await rollbackDirect({ target: text, ...options, ...kubernetes });
    return;
  }
  if (options.file.length > 0) throw usage('documents are for --direct; a server has its own');
  const client = await connectToChange(options);
  const slot = await chooseSlot(client, text, options.environment);
  const release = options.to ?? slot.rollback.release;
  if (release === undefined)
    throw new CliFailure('heldByPolicy', `there is nothing to go back to: ${slot.rollback.why}`, [
      `belay rollback ${slot.service} --to RELEASE`,
    ]);
  if (slot.rollback.readiness !== 'ready')
    say(`rollback is ${slot.rollback.readiness}: ${slot.rollback.why}`);
  const stage = options.stage ?? (await stageInto(client, slot));
  const request = {
    project: slot.project,
    service: slot.service,
    release,
    stage,
    mode: 'rollback',
    note: options.note,
    // Going back on purpose is the explicit act that a quarantined version needs.
    liftQuarantine: options.to !== undefined,
  } as const;
  const answer = await client.mutate('POST', '/v1/promotions', request, PromotionRequested);
  if (options.output === 'json' || options.output === 'yaml') await printObject(options.output, answer);
  else
    printData(
      `promotion/${answer.promotion}${options.output === 'name' ? '' : ` requested: back to ${release}`}`,
    );
  if (options.wait === undefined) return sayNext(`belay why ${slot.service}`);
  await finishWaiting(client, { ...answer.slot, id: answer.promotion }, options);
}

/** The one environment that is meant: named, or the only one in which something is stable. */
async function chooseSlot(
  client: ApiClient,
  text: string,
  environment: string | undefined,
): Promise<SlotView> {
  const { project, name } = splitTarget(text);
  const slots = await slotsOf(client, {
    project,
    service: name,
    ...(environment === undefined ? {} : { environment }),
  });
  const stable = slots.filter((slot) => slot.stable !== null);
  const [only, ...others] = stable;
  if (only === undefined)
    throw usage(
      `nothing of ${name} is stable${environment === undefined ? '' : ` in ${environment}`}`,
      'belay status',
    );
  if (others.length > 0)
    throw usage(
      `${name} is stable in several environments`,
      ...stable.map(
        (slot) =>
          `belay rollback ${name} --environment ${slot.environment} -n ${slot.project}   now ${slot.stable?.release ?? ''}`,
      ),
    );
  return only;
}

/** The stage that leads into a slot's environment: of what was promoted there, or by the pipeline of its name. */
async function stageInto(client: ApiClient, slot: SlotView): Promise<string> {
  const promoted = slot.ended.find((end) => end.id === slot.stable?.promotion);
  if (promoted !== undefined) return promoted.stage;
  const pipeline = await pipelineOf(client, slot.project, slot.service);
  const stage = pipeline?.spec.stages.find((one) => one.environment === slot.environment);
  if (stage === undefined) throw usage(`say which stage leads into ${slot.environment}: --stage NAME`);
  return stage.name;
}
