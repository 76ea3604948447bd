import type { Action } from '../../model/decision.ts';
import type { Observation, Weight } from '../../model/observation.ts';
import { unreachable } from '../../model/result.ts';

/** Whether the outside shows that an action has had its effect. */
export function isSeen(action: Action, observation: Observation): boolean {
  switch (action.type) {
    case 'apply-workload':
      return (
        observation.generation >= action.generation &&
        observation.workloads.some(
          (w) => w.release === action.release && w.artifact === action.artifact && w.ready >= action.replicas,
        )
      );
    case 'shift-traffic':
      return observation.generation >= action.generation && sameWeights(action.weights, observation.weights);
    case 'remove-workload':
      return (
        observation.generation >= action.generation &&
        !observation.workloads.some((w) => w.release === action.release)
      );
    default:
      return unreachable(action);
  }
}

/** Whether two lists share traffic alike; a release at 0 is the same as one left out. */
export function sameWeights(a: readonly Weight[], b: readonly Weight[]): boolean {
  const positive = (weights: readonly Weight[]): readonly Weight[] => weights.filter((w) => w.weight > 0);
  const left = positive(a);
  const right = positive(b);
  return (
    left.length === right.length &&
    left.every((w) => right.some((v) => v.release === w.release && v.weight === w.weight))
  );
}
