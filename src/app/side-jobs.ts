import { readFileSync } from 'node:fs';
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import { startNotifying } from '../server/notify/loop.ts';
import { createWebhookSender } from '../server/notify/webhook.ts';
import type { Folds } from '../store/folds.ts';
import { forgetAnswers } from '../store/idempotency.ts';
import { sequenceOnce, type SequencerParts } from '../store/sequencer.ts';
import type { ServerConfig } from './config.ts';
import { StartRefused } from './start-refused.ts';
import { type Periodic, type PeriodicWork, startPeriodic } from './periodic.ts';

const forgetEveryMs = 3_600_000;
/** A command sent again after a day is a new command. */
const answersKeptMs = 86_400_000;
/** After an error, or a refusal that an operator has to end: looked at again, not hammered. */
const afterTroubleMs = 5_000;

export interface SideJobParts {
  readonly pool: Pool;
  readonly folds: Folds;
  readonly log: Logger;
  readonly sequencer: SequencerParts;
  readonly config: ServerConfig;
}

/** What a server does beside requests and turns. Every replica does it; the database sees to it that each thing is done once. */
export function startSideJobs(parts: SideJobParts): Periodic {
  const { log } = parts;
  const jobs: readonly (readonly [string, PeriodicWork])[] = [
    ['sequencing', () => sequence(parts)],
    ['forgetting old answers', async () => (await forgetAnswers(parts.pool, answersKeptMs), forgetEveryMs)],
  ];
  const own = jobs.map(([name, work]) =>
    startPeriodic(work, afterTroubleMs, (error) =>
      log.error({ error: String(error) }, `${name} failed; it is tried again`),
    ),
  );
  const running = [...own, ...notifying(parts)];
  return { stop: async () => void (await Promise.all(running.map((job) => job.stop()))) };
}

async function sequence({ sequencer, log }: SideJobParts): Promise<number> {
  const done = await sequenceOnce(sequencer);
  if (done.ok) return done.value.more ? 0 : sequencer.keeper.everyMs;
  log.error({ code: done.error.code }, `nothing is signed until an operator acts: ${done.error.message}`);
  return afterTroubleMs;
}

/** Only where a webhook is configured: otherwise nothing would ever take the notifications. */
function notifying({ pool, folds, log, config }: SideJobParts): readonly Periodic[] {
  const { webhookUrl, webhookSecretFile } = config;
  if (webhookUrl === undefined || webhookSecretFile === undefined) return [];
  const secret = readFileSync(webhookSecretFile, 'utf8').trim();
  const send = createWebhookSender({ url: webhookUrl, secret }, () => Date.now());
  if (!send.ok) throw new StartRefused(`the webhook cannot be used: ${send.error}`);
  return [startNotifying({ pool, folds, log, send: send.value })];
}
