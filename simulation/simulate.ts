import { play } from './play.ts';
import type { Tested } from './invariants.ts';

/** What many runs came to, together. */
export interface Simulated {
  readonly releases: number;
  readonly tested: Tested;
  readonly faults: Readonly<Record<string, number>>;
  readonly ends: Readonly<Record<string, number>>;
  /** Seeds that broke an invariant, with what they broke. */
  readonly failed: readonly { readonly seed: string; readonly violations: readonly string[] }[];
}

function addTo(sum: Record<string, number>, part: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(part)) sum[name] = (sum[name] ?? 0) + count;
}

/** Plays runs with seeds `first`, `first + 1`, … until so many releases have been played. */
export async function simulate(releases: number, first = 1): Promise<Simulated> {
  const tested: Record<string, number> = {};
  const faults: Record<string, number> = {};
  const ends: Record<string, number> = {};
  const failed: { seed: string; violations: readonly string[] }[] = [];
  let done = 0;
  for (let seed = first; done < releases; seed++) {
    const played = await play(String(seed));
    done += played.releases;
    addTo(tested, played.tested);
    addTo(faults, played.faults);
    addTo(ends, played.ends);
    if (played.violations.length > 0) failed.push({ seed: played.seed, violations: played.violations });
  }
  return { releases: done, tested, faults, ends, failed };
}
