import { apiVersion, type BelayDocumentInput } from '../src/core/model/documents.ts';
import { provenance } from './generate.ts';
import { signerNamed } from './signing.ts';

/** Whom the scenarios' project trusts: CI, as long as nobody takes its trust away. */
export const scenarioProject = (project: string, trusted: readonly string[]): BelayDocumentInput => ({
  apiVersion,
  kind: 'Project',
  metadata: { name: project },
  spec: {
    trust: trusted.map((name) => ({
      name,
      publicKey: signerNamed(name).publicKey,
      predicateTypes: [provenance],
    })),
  },
});

const environment = (project: string, name: string, replicas: number): BelayDocumentInput => ({
  apiVersion,
  kind: 'Environment',
  metadata: { name, project },
  spec: { driver: 'simulated', production: name === 'production', replicas, warm: '30s' },
});

/** What a scenario plays against unless it is given documents of its own: two stages, and a gate of each sort. */
export const standardDocuments = (project: string, service: string): readonly BelayDocumentInput[] => [
  environment(project, 'staging', 1),
  environment(project, 'production', 4),
  {
    apiVersion,
    kind: 'Pipeline',
    metadata: { name: service, project },
    spec: {
      service,
      stages: [
        {
          name: 'staging',
          environment: 'staging',
          gates: [
            { kind: 'signature', name: 'signed' },
            { kind: 'tests', name: 'unit-tests', minTests: 50 },
          ],
          rollout: { progressDeadline: '30s' },
          verification: [{ kind: 'soak', name: 'soak', healthyFor: '5s' }],
        },
        {
          name: 'production',
          environment: 'production',
          after: ['staging'],
          gates: [
            { kind: 'signature', name: 'signed' },
            { kind: 'approval', name: 'approved', quorum: 1 },
          ],
          rollout: { steps: [10, 50, 100], stepAtLeast: '10s', progressDeadline: '30s' },
          analysis: [
            {
              kind: 'metric',
              name: 'canary',
              errors: { marginPoints: 2 },
              latency: { aboveMs: 250, marginPoints: 5 },
            },
          ],
          verification: [{ kind: 'soak', name: 'soak', healthyFor: '10s' }],
        },
      ],
    },
  },
];
