import { ln, logSumExp } from './elementary.ts';

/** What counts as one cause of a rollback: its part of the whole, and ln of the evidence of each of its series. */
export interface EvidenceGroup {
  readonly weight: number;
  readonly logs: readonly number[];
}

/**
 * ln of the weighted mean of the groups' evidence, inside a group of the plain mean. Series of one canary depend on
 * each other, and e-values that do may be averaged but not multiplied (Vovk and Wang, arXiv 1912.06116). Weights
 * sum to 1.
 */
export function mergeEvidence(groups: readonly EvidenceGroup[]): number {
  return logSumExp(groups.map((group) => ln(group.weight) + logSumExp(group.logs) - ln(group.logs.length)));
}
