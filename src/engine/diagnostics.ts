import { canonicalJson } from '../core/model/canonical.ts';
import { boundDiagnostics, type Diagnostics } from '../core/model/diagnostics.ts';
import type { Action } from '../core/model/decision.ts';
import type { Crypto } from '../core/model/digest.ts';
import type { SlotKey } from '../core/model/name.ts';
import { err, ok, type Result } from '../core/model/result.ts';
import type { Promotion, SlotState } from '../core/model/state.ts';
import { cutWords } from '../core/model/words.ts';
import type { EnvironmentDriver } from '../ports/environment.ts';
import type { EngineStore } from '../ports/store.ts';

/** The promotion whose release goes with an action, if it was turned back and has not been asked yet. */
function lastChance(slot: SlotState, action: Action): Promotion | null {
  if (action.type !== 'remove-workload') return null;
  const moving = slot.promotions.find((p) => p.id === slot.moving);
  return moving !== undefined &&
    moving.release === action.release &&
    moving.turnedBack !== null &&
    moving.diagnostics === undefined
    ? moving
    : null;
}

/**
 * Keeps what a release that was turned back says for itself, before the action that removes it. Read once and as far
 * as `signal` lets it: a release that cannot be asked is removed all the same, and the record says why nothing is known.
 */
export async function keepDiagnostics(
  store: EngineStore,
  driver: EnvironmentDriver,
  crypto: Crypto,
  slot: SlotState,
  action: Action,
  signal: () => AbortSignal,
): Promise<void> {
  const asked = lastChance(slot, action);
  if (asked === null) return;
  const found = await read(driver, slot.key, asked.release, signal());
  const bytes = found.ok ? canonicalJson(found.value) : null;
  await store.diagnosticsRead(
    slot.key,
    {
      promotion: asked.id,
      content: bytes === null ? null : crypto.digest(bytes),
      processes: found.ok ? found.value.processes.length : 0,
      events: found.ok ? found.value.events.length : 0,
      message: found.ok ? '' : cutWords(found.error, 500),
    },
    bytes,
  );
}

async function read(
  { troubleshooting }: EnvironmentDriver,
  slot: SlotKey,
  release: string,
  signal: AbortSignal,
): Promise<Result<Diagnostics, string>> {
  try {
    const found = await troubleshooting.diagnose(slot, release, signal);
    return found.ok ? ok(boundDiagnostics(found.value)) : err(found.error.message);
  } catch (error) {
    // A driver that throws has broken its contract; that is no reason to leave a bad release running.
    return err(error instanceof Error ? error.message : String(error));
  }
}
