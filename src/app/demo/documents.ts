import type { BelayDocumentInput } from '../../core/model/documents.ts';

/** What the demo's documents need to know of the stack. */
export interface DemoSetting {
  readonly ciKey: string;
  readonly parameters: {
    readonly staging: Readonly<Record<string, string>>;
    readonly production: Readonly<Record<string, string>>;
  };
}

export const project = 'demo';
export const service = 'shop';
const apiVersion = 'belay.dev/v1alpha1';
const provenance = 'https://slsa.dev/provenance/v1';

/** Readiness must come within this; a version that never becomes ready is refused at it. */
export const progressDeadline = '8s';
const stepAtLeast = '5s';
/** How much worse than stable is tolerated, in percentage points. */
export const marginPoints = 2;

/** The demo's own gate, printed before it is used: short steps and a margin that 200 requests a second can settle. */
export function demoDocuments(setting: DemoSetting): readonly BelayDocumentInput[] {
  const secrets = (environment: string) => [
    { name: 'SHOP_DATABASE_PASSWORD', reference: `file:shop-${environment}-database`, version: '1' },
  ];
  const trusted = {
    kind: 'signature' as const,
    name: 'signed-by-ci',
    predicateType: provenance,
    why: 'Only what our CI built may run.',
  };
  return [
    {
      apiVersion,
      kind: 'Project',
      metadata: { name: project },
      spec: { trust: [{ name: 'ci', publicKey: setting.ciKey, predicateTypes: [provenance] }] },
    },
    {
      apiVersion,
      kind: 'Environment',
      metadata: { name: 'staging', project },
      spec: {
        driver: 'local',
        replicas: 1,
        warm: '1s',
        parameters: setting.parameters.staging,
        secrets: secrets('staging'),
      },
    },
    {
      apiVersion,
      kind: 'Environment',
      metadata: { name: 'production', project },
      spec: {
        driver: 'local',
        production: true,
        replicas: 2,
        warm: '1s',
        parameters: setting.parameters.production,
        secrets: secrets('production'),
      },
    },
    {
      apiVersion,
      kind: 'Pipeline',
      metadata: { name: 'shop', project },
      spec: {
        service,
        stages: [
          {
            name: 'staging',
            environment: 'staging',
            promote: 'auto',
            gates: [
              trusted,
              {
                kind: 'tests',
                name: 'unit-tests',
                report: 'unit',
                minTests: 3,
                why: 'A version whose tests fail goes nowhere.',
              },
            ],
            rollout: { steps: [100], progressDeadline },
            verification: [{ kind: 'soak', name: 'soak', healthyFor: '1s' }],
          },
          {
            name: 'production',
            environment: 'production',
            after: ['staging'],
            gates: [
              trusted,
              {
                kind: 'approval',
                name: 'approved',
                quorum: 1,
                why: 'A second person looks at what goes to customers.',
              },
            ],
            rollout: { steps: [10, 30, 60, 100], stepAtLeast, progressDeadline },
            analysis: [
              {
                kind: 'metric',
                name: 'errors',
                metric: { type: 'errors' },
                marginPoints,
                minRequests: 50,
                why: 'Customers must not see more errors.',
              },
              {
                kind: 'metric',
                name: 'slow',
                metric: { type: 'slow', aboveMs: 250 },
                marginPoints,
                minRequests: 50,
                why: 'Customers must not wait longer.',
              },
            ],
            verification: [{ kind: 'soak', name: 'soak', healthyFor: '2s' }],
          },
        ],
      },
    },
  ];
}
