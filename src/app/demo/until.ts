import { setTimeout as delay } from 'node:timers/promises';
import { CliFailure } from '../../cli/failure.ts';
import { whyLines } from '../../cli/commands/why.ts';
import { formatDuration } from '../../core/model/time-format.ts';
import type { WhyAnswer } from '../../server/schemas-why.ts';

const lookEveryMs = 150;
const longestWaitMs = 120_000;

export interface Wait<T> {
  /** What is waited for, as in "it waited for …". */
  readonly what: string;
  /** Null while it is not so. */
  readonly look: () => Promise<T | null>;
  /** Asked when the time is over. */
  readonly why: () => Promise<WhyAnswer>;
  readonly signal: AbortSignal;
  /** In milliseconds; looked at once in any case. */
  readonly longest?: number;
}

/** Waits until there is something to see. A wait that is too long fails with Belay's own reason: a gate may hold. */
export async function until<T>({ what, look, why, signal, longest = longestWaitMs }: Wait<T>): Promise<T> {
  const deadline = performance.now() + longest;
  for (;;) {
    signal.throwIfAborted();
    const seen = await look();
    if (seen !== null) return seen;
    if (performance.now() >= deadline) break;
    await delay(lookEveryMs, undefined, { signal });
  }
  const said = await why().then(
    (answer) => ['why, as Belay says:', ...whyLines(answer)],
    (problem: unknown) => [`and the server does not say why: ${String(problem)}`],
  );
  throw new CliFailure(
    'error',
    [`the demo waited ${formatDuration(longest)} for ${what}, in vain`, ...said].join('\n  '),
    [
      'run it again when the machine has less to do: an analysis that gets its requests too slowly holds',
      'belay demo --keep leaves all data in its folder, to look into',
    ],
  );
}
