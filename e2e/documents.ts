import type { BelayDocumentInput } from '../src/core/model/documents.ts';
import type { SlotKey } from '../src/core/model/name.ts';

const apiVersion = 'belay.dev/v1alpha1';

export const slot: SlotKey = { project: 'demo', environment: 'live', service: 'tiny' };

/** One environment behind an edge, three steps, a comparison and a soak: a rollout of a few seconds. */
export function tinyDocuments(stepAtLeast: string): readonly BelayDocumentInput[] {
  const { project, environment, service } = slot;
  return [
    { apiVersion, kind: 'Project', metadata: { name: project }, spec: { trust: [] } },
    {
      apiVersion,
      kind: 'Environment',
      metadata: { name: environment, project },
      spec: { driver: 'local', replicas: 1, warm: '500ms' },
    },
    {
      apiVersion,
      kind: 'Pipeline',
      metadata: { name: service, project },
      spec: {
        service,
        stages: [
          {
            name: environment,
            environment,
            promote: 'auto',
            rollout: { steps: [10, 50, 100], stepAtLeast, progressDeadline: '60s' },
            analysis: [
              {
                kind: 'metric',
                name: 'errors',
                errors: { marginPoints: 10 },
                latency: null,
              },
            ],
            verification: [{ kind: 'soak', name: 'soak', healthyFor: '500ms' }],
          },
        ],
      },
    },
  ];
}
