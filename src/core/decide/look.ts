import type { Promotion, SlotState, TurnInput } from '../model/state.ts';
import type { Millis } from '../model/time.ts';
import { type Unmet, unmet, type View } from './view.ts';

/** Looks up what a promotion's rules read, or says what is not there. */
export function lookAt(
  input: TurnInput,
  slot: SlotState,
  promotion: Promotion,
  now: Millis,
): { readonly found: true; readonly view: View } | { readonly found: false; readonly missing: Unmet } {
  const missing = (condition: Unmet) => ({ found: false, missing: condition }) as const;
  const stage = input.project.pinned[promotion.pipeline]?.document.spec.stages.find(
    (s) => s.name === promotion.stage,
  );
  if (stage === undefined) return missing(unmet({ code: 'stage-unknown', stage: promotion.stage }));
  const environment = input.project.environments[slot.key.environment];
  if (environment === undefined)
    return missing(unmet({ code: 'environment-unknown', environment: slot.key.environment }));
  const release = input.releases[promotion.release];
  if (release === undefined) return missing(unmet({ code: 'release-open' }));
  return { found: true, view: { input, now, slot, promotion, stage, environment, release } };
}
