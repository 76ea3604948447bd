import { blockingFirst } from '../core/report/telling-order.ts';
import type { PromotionView, SlotView, WaitView } from '../server/schemas.ts';
import type { ApiClient } from './client.ts';
import { changesOf } from './changes.ts';
import type { ExitCode } from './exit-codes.ts';
import { CliFailure } from './failure.ts';
import type { OutputFormat } from './output-formats.ts';
import { slotsOf } from './targets.ts';
import { milliseconds } from './settings.ts';
import { printData, say } from './terminal.ts';
import type { WaitGoal } from './wait-goals.ts';

/** Where a promotion stands for somebody who waits: how the command would end now, or null to go on. */
export interface Standing {
  readonly exit: ExitCode;
  readonly sentence: string;
  /** What to type about it, before `belay why`. */
  readonly next?: string;
}

/**
 * Judges a promotion by a goal. `decision`: as soon as it moves, ends, or needs somebody. `paused`: as soon as a
 * person holds it or is asked. `promoted`: until it ends, or a gate gave up for want of data. `terminal`: until it
 * ends. Only `promoted` counts as reached among the ends.
 */
export function standingOf(goal: WaitGoal, slot: SlotView, id: string): Standing | null {
  const open = slot.promotions.find((promotion) => promotion.id === id);
  if (open === undefined) return endedStanding(slot, id);
  switch (goal) {
    case 'decision':
      return open.state === 'waiting'
        ? blocked(open)
        : { exit: 'reached', sentence: `${id} is ${open.state}` };
    case 'paused':
      if (open.paused !== null)
        return { exit: 'reached', sentence: `${id} is paused by ${open.paused.by.id}` };
      return open.asked === null ? null : { exit: 'reached', sentence: open.asked.sentence };
    case 'promoted':
      return open.asked?.reason.code === 'hold-expired' || open.asked?.reason.code === 'source-away'
        ? { exit: 'notEnoughData', sentence: open.asked.sentence }
        : null;
    case 'terminal':
      return null;
    default:
      throw new Error(`unknown goal ${String(goal satisfies never)}`);
  }
}

function endedStanding(slot: SlotView, id: string): Standing | null {
  const end = slot.ended.find((one) => one.id === id);
  if (end === undefined) return null;
  const sentence = `${end.release} ended ${end.state} in ${slot.environment}: ${end.sentence}`;
  if (end.state === 'promoted') return { exit: 'reached', sentence };
  return end.reason.code === 'quarantined'
    ? { exit: 'gateFailed', sentence, next: liftQuarantine(end.release, end.stage) }
    : { exit: 'gateFailed', sentence };
}

const liftQuarantine = (release: string, stage: string): string =>
  `belay promote ${release} --stage ${stage} --lift-quarantine -m WHY   if it is good after all`;

const dataCodes = [
  'not-enough-traffic',
  'learning',
  'suspicious',
  'source-unreadable',
  'no-aligned-data',
  'no-traffic',
  'no-stable-traffic',
  'tests-too-few',
];
const policyCodes = ['frozen', 'window-closed', 'quarantined'];

function blocked(promotion: PromotionView): Standing | null {
  const ofCode = (codes: readonly string[]): WaitView | undefined =>
    promotion.waits.find((wait) => codes.includes(wait.reason.code));
  const held = ofCode(policyCodes);
  if (held !== undefined) return { exit: 'heldByPolicy', sentence: held.sentence };
  const person = promotion.waits.find((wait) =>
    ['approver', 'operator', 'requester', 'ci'].includes(wait.owner),
  );
  if (person !== undefined) return { exit: 'waitsForPerson', sentence: person.sentence, ...nextOf(person) };
  const data = ofCode(dataCodes);
  return data === undefined ? null : { exit: 'notEnoughData', sentence: data.sentence };
}

/** The command that would end a wait, where it is one. */
const nextOf = (wait: WaitView): { readonly next?: string } =>
  wait.how.startsWith('belay ') ? { next: wait.how } : {};

/** Waits for a promotion. Returns where it stood; throws `timedOut` when the time is over. */
export async function waitFor(
  client: ApiClient,
  promotion: {
    readonly project: string;
    readonly environment: string;
    readonly service: string;
    readonly id: string;
  },
  goal: WaitGoal,
  timeoutMs: number | null,
): Promise<Standing> {
  const { project, environment, service, id } = promotion;
  const signal = timeoutMs === null ? new AbortController().signal : AbortSignal.timeout(timeoutMs);
  let told = '';
  for await (const _ of changesOf(client, { project, service }, signal)) {
    const slot = (await slotsOf(client, { project, service, environment }))[0];
    if (slot === undefined) continue;
    const standing = standingOf(goal, slot, id);
    if (standing !== null) return standing;
    const open = slot.promotions.find((one) => one.id === id);
    const sentence = [...(open?.waits ?? [])].sort(blockingFirst)[0]?.sentence ?? '';
    if (sentence !== told && sentence !== '') say(`waiting: ${sentence}`);
    told = sentence;
  }
  throw new CliFailure(
    'timedOut',
    `the time is over${told === '' ? '' : `; it still waits: ${told}`}`,
    [`belay why ${service}`],
    'waits',
  );
}

/** The flags of a command that can wait. */
export interface WaitOptions {
  readonly wait?: WaitGoal;
  readonly timeout?: string;
  readonly output?: OutputFormat;
}

const pastWords: Readonly<Record<WaitGoal, string>> = {
  decision: 'decided',
  paused: 'paused',
  promoted: 'promoted',
  terminal: 'promoted',
};

/** Waits as the flags say, prints where it stood, and ends the command with that exit code. */
export async function finishWaiting(
  client: ApiClient,
  promotion: {
    readonly project: string;
    readonly environment: string;
    readonly service: string;
    readonly id: string;
  },
  options: WaitOptions,
): Promise<void> {
  const goal = options.wait ?? 'decision';
  const timeoutMs = options.timeout === undefined ? null : milliseconds(options.timeout);
  const standing = await waitFor(client, promotion, goal, timeoutMs);
  if (standing.exit !== 'reached')
    throw new CliFailure(
      standing.exit,
      standing.sentence,
      [...(standing.next === undefined ? [] : [standing.next]), `belay why ${promotion.service}`],
      standing.exit === 'gateFailed' ? 'error' : 'waits',
    );
  // With a format of its own, stdout holds the one answer that was printed before the wait.
  if (options.output === undefined) printData(`promotion/${promotion.id} ${pastWords[goal]}`);
  say(standing.sentence);
}
