import { shortDigest } from '../../core/model/digest.ts';
import type { PromotionView } from '../../server/schemas.ts';
import { Recorded } from '../../server/schemas.ts';
import { apiPath } from '../client.ts';
import { connectToChange } from '../connect.ts';
import { CliFailure } from '../failure.ts';
import type { OutputFormat } from '../output-formats.ts';
import { printObject } from '../output.ts';
import type { ConnectionOptions } from '../settings.ts';
import { findPromotion, type Target } from '../targets.ts';
import { printData, say, sayNext } from '../terminal.ts';
import { finishWaiting, type WaitOptions } from '../wait.ts';

export interface PeopleOptions extends ConnectionOptions {
  readonly stage?: string;
  readonly environment?: string;
  readonly note: string;
  readonly output?: OutputFormat;
}

/** Prints what was done to a promotion: its name and a word, or an object that says where it is. */
export async function printDone(
  { slot, promotion }: Target,
  done: string,
  options: PeopleOptions,
): Promise<void> {
  const { project, environment, service } = slot;
  if (options.output === 'json' || options.output === 'yaml')
    return printObject(options.output, {
      promotion: promotion.id,
      slot: { project, environment, service },
      done,
    });
  printData(`promotion/${promotion.id}${options.output === 'name' ? '' : ` ${done}`}`);
}

export const commandPath = ({ slot, promotion }: Target, verb: string): string =>
  apiPath`/v1/promotions/${slot.project}/${slot.environment}/${slot.service}/${promotion.id}/${verb}`;

const needsApproval = (promotion: PromotionView): boolean =>
  promotion.waits.some((wait) => wait.reason.code === 'approvals-missing');

/** Approves exactly the plan that the server shows now, or the one that is named. */
export async function approve(
  text: string,
  options: PeopleOptions & WaitOptions & { readonly plan?: string },
): Promise<void> {
  const client = await connectToChange(options);
  const target = await findPromotion(client, text, options, {
    what: 'waiting for approval',
    command: 'approve',
    test: needsApproval,
  });
  const { slot, promotion } = target;
  if (promotion.plan === null)
    throw new CliFailure('error', `${promotion.id} has no plan yet that could be approved`, [
      `belay why ${slot.service}`,
    ]);
  const { digest, document } = promotion.plan;
  if (
    options.plan !== undefined &&
    !digest.replace('sha256:', '').startsWith(options.plan.replace('sha256:', ''))
  )
    throw new CliFailure(
      'error',
      `the plan is ${shortDigest(digest)} now, not ${options.plan}: nothing was approved`,
      [`belay status ${slot.service} -o json   shows what changed`],
    );
  say(
    `approving plan ${shortDigest(digest)}: ${document.release} (artifact ${shortDigest(document.artifact)}) into ${slot.environment}, steps ${document.steps.join(' → ')} %, from ${document.baseline?.release ?? 'nothing'}`,
  );
  await client.mutate('POST', commandPath(target, 'approve'), { plan: digest, note: options.note }, Recorded);
  await printDone(target, 'approved', options);
  if (options.wait === undefined) return sayNext(`belay why ${slot.service}`);
  await finishWaiting(client, { ...slot, id: promotion.id }, options);
}

/** Refuses a promotion; where it moves already, it turns back. */
export async function reject(
  text: string,
  options: PeopleOptions & { readonly changesRequested: boolean },
): Promise<void> {
  const client = await connectToChange(options);
  const target = await findPromotion(client, text, options, {
    what: 'waiting for approval',
    command: 'reject',
    test: needsApproval,
  });
  const body = { note: options.note, changesRequested: options.changesRequested };
  await client.mutate('POST', commandPath(target, 'reject'), body, Recorded);
  await printDone(target, 'rejected', options);
  sayNext(`belay why ${target.slot.service}`);
}

const holds = {
  pause: { what: 'that could be paused', done: 'paused', test: (p: PromotionView) => p.paused === null },
  resume: {
    what: 'that is held',
    done: 'resumed',
    test: (p: PromotionView) => p.paused !== null || p.asked !== null,
  },
  abort: {
    what: 'that could be aborted',
    done: 'aborting',
    test: (p: PromotionView) => p.state !== 'rolling-back',
  },
} as const;

/** Holds a promotion where it stands, lets it go on, or ends it. */
export async function hold(verb: keyof typeof holds, text: string, options: PeopleOptions): Promise<void> {
  const client = await connectToChange(options);
  const { what, done, test } = holds[verb];
  const target = await findPromotion(client, text, options, { what, command: verb, test });
  await client.mutate('POST', commandPath(target, verb), { note: options.note }, Recorded);
  await printDone(target, done, options);
  sayNext(verb === 'pause' ? `belay resume ${target.promotion.id}` : `belay why ${target.slot.service}`);
}
