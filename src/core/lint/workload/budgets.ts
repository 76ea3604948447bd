import type { ManifestSet, Workload } from './objects.ts';
import { allRead, isSized, leastReplicas, selects, serving, together, workloadKinds } from './relations.ts';
import type { LintInput, Violation, WorkloadRule } from './rule.ts';

type Budget = ManifestSet['budgets'][number];

/** Whether a budget guards a workload's pods. One without a selector guards nothing, one with an empty selector all. */
const guards = (budget: Budget, workload: Workload): boolean =>
  budget.spec.selector !== undefined &&
  together(budget, workload) &&
  selects(budget.spec.selector, workload.podLabels);

const guarded = (input: LintInput, budget: Budget): readonly Workload[] =>
  input.workloads.filter((workload) => guards(budget, workload));

const example =
  'apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: { name: shop }\nspec:\n  maxUnavailable: 1\n  selector: { matchLabels: { app.kubernetes.io/name: shop } }\n';

export const budgetMissing: WorkloadRule = {
  id: 'budget-missing',
  severity: 'error',
  asks: 'What gets requests and runs several times has a PodDisruptionBudget.',
  why: 'Draining nodes for an upgrade evicts pods as fast as it can: without a budget all of them may go at once.',
  example,
  check: (input) =>
    input.workloads.flatMap((workload): readonly Violation[] => {
      const severity = serving(input, workload);
      if (severity === null || !isSized(workload) || leastReplicas(input, workload) < 2) return [];
      if (!allRead(input, ['PodDisruptionBudget'])) return [];
      if (input.budgets.some((budget) => guards(budget, workload))) return [];
      return [
        {
          object: workload,
          path: `${workload.base}/metadata/name`,
          severity,
          message: 'no PodDisruptionBudget guards its pods: a drain of nodes may take all of them at once',
          fix: 'add a PodDisruptionBudget that selects them, with maxUnavailable: 1',
        },
      ];
    }),
};

/** How many pods a budget lets go when all are well: Kubernetes rounds both percentages up. */
function letsGo({ spec }: Budget, pods: number): number | null {
  const amount = (written: number | string): number =>
    typeof written === 'number' ? written : Math.ceil((pods * Number(written.slice(0, -1))) / 100);
  if (spec.maxUnavailable !== undefined) return Math.min(pods, amount(spec.maxUnavailable));
  if (spec.minAvailable !== undefined) return Math.max(0, pods - amount(spec.minAvailable));
  return null;
}

const place = (budget: Budget): string =>
  `${budget.base}/spec/${budget.spec.maxUnavailable !== undefined ? 'maxUnavailable' : budget.spec.minAvailable !== undefined ? 'minAvailable' : ''}`.replace(
    /\/$/,
    '',
  );

/** Each budget with the pods that it guards at least; those that guard none of these files are another rule's. */
const sized = (input: LintInput): readonly { readonly budget: Budget; readonly pods: number }[] =>
  input.budgets.flatMap((budget) => {
    const workloads = guarded(input, budget).filter(isSized);
    const pods = workloads.reduce((sum, workload) => sum + leastReplicas(input, workload), 0);
    return workloads.length === 0 || pods === 0 ? [] : [{ budget, pods }];
  });

export const budgetUnsatisfiable: WorkloadRule = {
  id: 'budget-unsatisfiable',
  severity: 'error',
  asks: 'A PodDisruptionBudget lets at least one pod go.',
  why: 'One that never lets a pod go stops every drain of a node: upgrades of the cluster hang until somebody deletes the budget by hand, mostly at night.',
  example,
  check: (input) =>
    sized(input)
      .filter(({ budget, pods }) => letsGo(budget, pods) === 0)
      .map(({ budget, pods }) => ({
        object: budget,
        path: place(budget),
        message: `of ${pods} pod${pods === 1 ? '' : 's'} it never lets one go: no node that has one of them can be drained`,
        fix: pods === 1 ? 'run two pods or more, with maxUnavailable: 1' : 'set maxUnavailable: 1',
      })),
};

export const budgetUseless: WorkloadRule = {
  id: 'budget-useless',
  severity: 'error',
  asks: 'A PodDisruptionBudget keeps at least one pod.',
  why: 'One that lets all pods go at once guards nothing, and looks as if it did.',
  example,
  check: (input) =>
    sized(input)
      .filter(({ budget, pods }) => pods > 1 && (letsGo(budget, pods) ?? pods) >= pods)
      .map(({ budget, pods }) => ({
        object: budget,
        path: place(budget),
        message: `all ${pods} pods may go at once: it guards nothing`,
        fix: 'set maxUnavailable: 1',
      })),
};

export const budgetTwice: WorkloadRule = {
  id: 'budget-twice',
  severity: 'error',
  asks: 'A pod has at most one PodDisruptionBudget.',
  why: 'Kubernetes refuses to evict a pod that two budgets select: no node that has one can be drained.',
  example,
  check: (input) =>
    input.workloads.flatMap((workload) => {
      const [first, ...others] = input.budgets.filter((budget) => guards(budget, workload));
      return others.map((budget) => ({
        object: budget,
        path: `${budget.base}/spec/selector`,
        message: `it selects the pods of ${workload.title}, which ${first?.title ?? ''} selects too: they cannot be evicted at all`,
        fix: 'keep one of the two',
      }));
    }),
};

export const budgetSelectsNothing: WorkloadRule = {
  id: 'budget-selects-nothing',
  severity: 'error',
  asks: 'A PodDisruptionBudget selects the pods of some workload.',
  why: 'One whose labels fit no pod guards nothing, and looks as if it did. Where no workload is among the files, this is a warning.',
  example,
  check: (input) =>
    input.budgets
      .filter((budget) => allRead(input, workloadKinds) && guarded(input, budget).length === 0)
      .map((budget) => ({
        object: budget,
        path: `${budget.base}/spec/selector`,
        severity: input.workloads.some((workload) => together(budget, workload)) ? 'error' : 'warning',
        message: 'its selector fits the pods of no workload in these files: it guards nothing',
        fix: 'take the labels of the workload’s pod template',
      })),
};
