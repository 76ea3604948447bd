import type { Random } from './random.ts';

/** What may become of one call to the outside. */
export type CallFate =
  | { readonly fate: 'plain' }
  /** Nothing happens, and the outside says so. */
  | { readonly fate: 'fails' }
  /** Nothing happens and no answer comes until the caller gives up. */
  | { readonly fate: 'hangs' }
  /** It happens after this long, whether anybody still waits for the answer or not. */
  | { readonly fate: 'late'; readonly afterMs: number }
  /** It is delivered twice. */
  | { readonly fate: 'twice' }
  /** It happens, and the answer is lost. */
  | { readonly fate: 'answer-lost' }
  /** The caller is told that it does not know; it happens long after that. */
  | { readonly fate: 'happens-later'; readonly afterMs: number };

export type Fates = (call: string) => CallFate;

/** An outside without faults. */
export const noFaults: Fates = () => ({ fate: 'plain' });

/** Faults at random: about one call in `oneIn` goes wrong, in every way there is. */
export function randomFaults(
  random: Random,
  oneIn: number,
  counted: (fate: CallFate['fate']) => void,
): Fates {
  return () => {
    if (!random.chance(1 / oneIn)) return { fate: 'plain' };
    const fate = random.pick<CallFate>([
      { fate: 'fails' },
      { fate: 'hangs' },
      { fate: 'late', afterMs: random.integer(200, 6_000) },
      { fate: 'twice' },
      { fate: 'answer-lost' },
      { fate: 'happens-later', afterMs: random.integer(500, 20_000) },
    ]);
    counted(fate.fate);
    return fate;
  };
}
