import type { Action } from '../model/decision.ts';
import type { OpenEffect, Promotion, SlotState } from '../model/state.ts';
import type { View } from './view.ts';

/** Processes that carry a share of traffic, where `replicas` carry all of it. Never none. */
export const sizeFor = (replicas: number, weight: number): number =>
  Math.max(1, Math.ceil((replicas * weight) / 100));

/** The weights that a rollout goes through. A first release and a rollback go straight to all traffic. */
export function stepsOf(view: Pick<View, 'promotion' | 'stage' | 'slot'>): readonly number[] {
  return view.promotion.mode === 'rollback' || view.slot.stable === null ? [100] : view.stage.rollout.steps;
}

/** How many of a release's processes are ready, as last seen. */
export const readyOf = (slot: SlotState, release: string): number =>
  slot.observed?.workloads.find((w) => w.release === release)?.ready ?? 0;

/** A release's share of traffic as last seen; null where nothing was ever seen. */
export function weightOf(slot: SlotState, release: string): number | null {
  if (slot.observed === null) return null;
  return slot.observed.weights.find((w) => w.release === release)?.weight ?? 0;
}

/** The effect that is open for a release, or for traffic, if there is one. */
export const openEffect = (slot: SlotState, type: Action['type'], release?: string) =>
  slot.effects.find(
    (effect) =>
      effect.action.type === type &&
      (effect.action.type === 'shift-traffic' || effect.action.release === release),
  );

/**
 * Whether an effect that is not seen can no longer come: the outside has seen a later generation, and refuses this
 * one for ever. So it is when somebody wrote the route without us after it was decided.
 */
export const isOvertaken = (slot: SlotState, effect: OpenEffect): boolean =>
  slot.observed !== null && slot.observed.generation > effect.action.generation;

/** The action that makes a promotion's release run at a size. */
export const applyAction = (slot: SlotState, promotion: Promotion, replicas: number): Action | null =>
  promotion.plan === null
    ? null
    : {
        type: 'apply-workload',
        generation: slot.generation + 1,
        release: promotion.release,
        artifact: promotion.plan.document.artifact,
        configuration: promotion.plan.document.configuration,
        replicas,
      };

/** Whether nothing of a release runs any more, as last seen. */
export const isGone = (slot: SlotState, release: string): boolean =>
  slot.observed !== null && !slot.observed.workloads.some((w) => w.release === release);
