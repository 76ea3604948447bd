import { allowRule } from './allow.ts';
import {
  budgetMissing,
  budgetSelectsNothing,
  budgetTwice,
  budgetUnsatisfiable,
  budgetUseless,
} from './budgets.ts';
import { duplicateObject, invalidObject } from './duplicates.ts';
import { imageDigest, imageLatest } from './images.ts';
import { livenessImpatient, probePort, probesAlike, readinessMissing, startupMissing } from './probes.ts';
import { replicasAutoscaled, replicasSingle, spreadMissing } from './replicas.ts';
import { requestAboveLimit, resourcesMissing } from './resources.ts';
import { routeBackend, routeGrant, routeWeights } from './routes.ts';
import type { WorkloadRule } from './rule.ts';
import { secretLiteral, secretObject } from './secrets.ts';
import {
  capabilities,
  hostAccess,
  nonRoot,
  privilegeEscalation,
  readOnlyRoot,
  seccomp,
  serviceAccountToken,
} from './security.ts';
import { ownSelector, servicePort, serviceSelectsNothing } from './services.ts';
import { preStopMissing, terminationGrace } from './shutdown.ts';
import { startupBudget } from './start-time.ts';

/** The rules in families, as the reference tells them. */
export const ruleFamilies: readonly { readonly title: string; readonly rules: readonly WorkloadRule[] }[] = [
  { title: 'What runs', rules: [imageDigest, imageLatest] },
  {
    title: 'Starting and being ready',
    rules: [readinessMissing, probesAlike, probePort, livenessImpatient, startupMissing, startupBudget],
  },
  { title: 'Going away', rules: [preStopMissing, terminationGrace] },
  { title: 'Resources', rules: [resourcesMissing, requestAboveLimit] },
  {
    title: 'Losing a node',
    rules: [
      replicasSingle,
      replicasAutoscaled,
      spreadMissing,
      budgetMissing,
      budgetUnsatisfiable,
      budgetUseless,
      budgetTwice,
      budgetSelectsNothing,
    ],
  },
  { title: 'Secrets', rules: [secretLiteral, secretObject] },
  {
    title: 'Security context',
    rules: [
      nonRoot,
      privilegeEscalation,
      readOnlyRoot,
      seccomp,
      capabilities,
      hostAccess,
      serviceAccountToken,
    ],
  },
  {
    title: 'Being reached',
    rules: [serviceSelectsNothing, servicePort, ownSelector, routeBackend, routeGrant, routeWeights],
  },
  { title: 'The files', rules: [duplicateObject, invalidObject, { ...allowRule, check: () => [] }] },
];

/** Every rule of the workload contract, in the order in which an object's findings are told. */
export const workloadRules: readonly WorkloadRule[] = ruleFamilies.flatMap(({ rules }) => rules);
