import type { Decision } from '../model/decision.ts';
import type { ReleaseEntry, SlotEntry } from '../model/entries.ts';
import type { SlotKey } from '../model/name.ts';
import type { ReleaseState, SlotState, TurnInput } from '../model/state.ts';
import type { Digest } from '../model/digest.ts';
import type { Pipeline, Stage } from '../model/documents.ts';
import type { Millis } from '../model/time.ts';

/** An entry that a decision adds to another stream: where its release ended, and which stages ask for it by themselves. */
export type Outcome =
  | { readonly stream: 'release'; readonly release: string; readonly entry: ReleaseEntry }
  | { readonly stream: 'slot'; readonly slot: SlotKey; readonly entry: SlotEntry };

/** Derived from the decision alone, so that an auditor derives them too. */
export function outcomesOf(input: TurnInput, decision: Decision): readonly Outcome[] {
  return decision.moves.flatMap((move) => {
    if (move.type !== 'ended') return [];
    const promotion = input.slot.promotions.find((p) => p.id === move.promotion);
    if (promotion === undefined) return [];
    const { key } = input.slot;
    const ended = (release: string, state: typeof move.state): Outcome => ({
      stream: 'release',
      release,
      entry: {
        type: 'stage-ended',
        at: decision.now,
        stage: promotion.stage,
        environment: key.environment,
        promotion: promotion.id,
        state,
        reason: move.reason,
      },
    });
    const entries = [ended(promotion.release, move.state)];
    const replaced = input.slot.stable;
    if (promotion.mode === 'rollback' && move.state === 'promoted' && replaced !== null)
      entries.push(ended(replaced.release, 'rolled-back'));
    const pipeline = input.project.pinned[promotion.pipeline];
    if (move.state === 'promoted' && promotion.mode === 'promote' && pipeline !== undefined) {
      const release = input.releases[promotion.release];
      entries.push(
        ...followUps(
          key,
          pipeline.document,
          promotion.pipeline,
          promotion.release,
          promotion.stage,
          release,
          decision.now,
        ),
      );
    }
    return entries;
  });
}

/** Requests of the stages that take a release by themselves once every stage before them has promoted it. */
function followUps(
  key: SlotKey,
  pipeline: Pipeline,
  digest: Digest,
  release: string,
  ended: string,
  state: ReleaseState | undefined,
  now: Millis,
): readonly Outcome[] {
  const done = (stage: string): boolean => stage === ended || state?.stages[stage]?.state === 'promoted';
  return pipeline.spec.stages
    .filter((stage) => stage.promote === 'auto' && stage.after.includes(ended) && stage.after.every(done))
    .map((stage) => ({
      stream: 'slot' as const,
      slot: { ...key, environment: stage.environment },
      entry: requestBySystem(stage, digest, release, now, state?.stages[stage.name] !== undefined),
    }));
}

/** A request that the pipeline itself makes; `again` where the release has been through that stage before. */
export function requestBySystem(
  stage: Stage,
  pipeline: Digest,
  release: string,
  now: Millis,
  again: boolean,
): SlotEntry {
  // A promotion's id is never used twice; the first one stays easy to type.
  const suffix = again ? now.toString(36) : '';
  return {
    type: 'requested',
    at: now,
    by: { id: 'belay', kind: 'machine' },
    promotion: `${release}-${stage.name}-auto${suffix}`,
    release,
    stage: stage.name,
    pipeline,
    mode: 'promote',
    note: `stage ${stage.name} promotes by itself`,
    liftQuarantine: false,
  };
}

/** Releases that a slot's turn reads: of its open promotions and its stable. */
export const releasesRead = (slot: SlotState): readonly string[] => [
  ...new Set([
    ...slot.promotions.map((p) => p.release),
    ...(slot.stable === null ? [] : [slot.stable.release]),
  ]),
];
