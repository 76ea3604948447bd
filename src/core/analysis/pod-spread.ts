import { ln } from './elementary.ts';
import type { Tally } from '../model/analysis-state.ts';

/**
 * The variance between pods' log rates beyond what their counts explain (DerSimonian and Laird 1986): pods differ
 * by their place, and one canary pod cannot be told from one bad node. Within a pod the variance is
 * dispersion / (bad + ½).
 */
export function podVariance(pods: readonly Tally[], dispersion: number): number {
  let weights = 0;
  let squares = 0;
  let mean = 0;
  const terms: (readonly [log: number, weight: number])[] = [];
  for (const [bad, requests] of pods) {
    if (requests <= 0) continue;
    const weight = (bad + 0.5) / dispersion;
    const log = ln((bad + 0.5) / (requests + 0.5));
    terms.push([log, weight]);
    weights += weight;
    squares += weight * weight;
    mean += weight * log;
  }
  if (terms.length < 3) return 0;
  mean /= weights;
  let scatter = 0;
  for (const [log, weight] of terms) scatter += weight * (log - mean) * (log - mean);
  return Math.max(0, (scatter - (terms.length - 1)) / (weights - squares / weights));
}

/** The standard deviation of the log ratio of two groups' rates that differing pods alone give. */
export function placementSpread(variance: number, canaryPods: number, stablePods: number): number {
  if (variance <= 0 || canaryPods <= 0 || stablePods <= 0) return 0;
  return Math.sqrt(variance * (1 / canaryPods + 1 / stablePods));
}
