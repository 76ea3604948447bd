import type { Crypto } from '../core/model/digest.ts';
import type { SlotKey } from '../core/model/name.ts';
import { unreachable } from '../core/model/result.ts';
import type { EnvironmentDriver, Unreadable } from '../ports/environment.ts';
import type { Claim, EngineStore, Lane } from '../ports/store.ts';
import { carryOut } from './effects.ts';
import { type ObservePace, observeSlot } from './observe.ts';
import { takeTurn } from './turn.ts';

/** What a worker needs. `report` hears of what a person should look at. */
export interface WorkerParts {
  readonly store: EngineStore;
  readonly crypto: Crypto;
  readonly driverFor: (slot: SlotKey) => EnvironmentDriver | undefined;
  readonly pace: ObservePace;
  readonly report: (event: WorkerEvent) => void;
  /** How many claims of each lane are worked on at once. */
  readonly concurrency: Readonly<Record<Lane, number>>;
  /** When a claim's calls to the outside are given up; by default after three seconds of this process's time. */
  readonly callLimit?: () => AbortSignal;
}

export type WorkerEvent =
  | { readonly event: 'lint-stopped'; readonly slot: SlotKey; readonly findings: readonly string[] }
  | { readonly event: 'no-samples'; readonly slot: SlotKey; readonly why: Unreadable }
  | { readonly event: 'work-failed'; readonly slot: SlotKey; readonly lane: Lane; readonly error: unknown };

/** A lease covers one piece of work, never a wait: an effect's call is given up before its lease ends. */
const leaseMs: Readonly<Record<Lane, number>> = { turn: 2_000, observe: 4_000, effect: 4_000 };
const callLimitMs = 3_000;
/** A look must come to its end within its lease, whatever its history takes. */
const historyLimitMs = 1_500;
/** What a bad release says is worth this long to whoever has to find out; then it is removed. */
const diagnosticsLimitMs = 1_000;

const callLimit = (parts: WorkerParts, ms = callLimitMs): AbortSignal =>
  parts.callLimit?.() ?? AbortSignal.timeout(ms);

/**
 * Claims what is due in one lane, at most `limit`, and starts to work on each: one promise a claim, which never
 * rejects. An error of one slot is reported and does not touch the others: its lease ends by itself.
 */
export async function dispatch(
  parts: WorkerParts,
  lane: Lane,
  limit: number,
): Promise<readonly Promise<void>[]> {
  const claims = await parts.store.claim(lane, limit, leaseMs[lane]);
  return claims.map((claim) =>
    work(parts, claim).catch((error: unknown) =>
      parts.report({ event: 'work-failed', slot: claim.slot, lane, error }),
    ),
  );
}

/** Works once on what is due in a lane and waits for it. Returns how much that was. */
export async function workOnce(parts: WorkerParts, lane: Lane): Promise<number> {
  const started = await dispatch(parts, lane, parts.concurrency[lane]);
  await Promise.all(started);
  return started.length;
}

async function work(parts: WorkerParts, claim: Claim): Promise<void> {
  switch (claim.lane) {
    case 'turn': {
      const turn = await takeTurn(parts.store, parts.crypto, claim);
      if (turn.result === 'stopped') {
        parts.report({
          event: 'lint-stopped',
          slot: claim.slot,
          findings: turn.findings.map((finding) => finding.message),
        });
      }
      return;
    }
    case 'observe':
      await observeSlot(
        parts.store,
        parts.driverFor(claim.slot),
        claim,
        parts.pace,
        { signal: callLimit(parts), historyLimit: callLimit(parts, historyLimitMs) },
        (why) => parts.report({ event: 'no-samples', slot: claim.slot, why }),
      );
      return;
    case 'effect':
      await carryOut(parts.store, parts.driverFor(claim.slot), parts.crypto, claim, {
        signal: callLimit(parts),
        diagnosticsLimit: () => callLimit(parts, diagnosticsLimitMs),
      });
      return;
    default:
      unreachable(claim.lane);
  }
}
