import type { BelayDocumentInput } from '../src/core/model/documents.ts';
import { apiVersion } from '../src/core/model/documents.ts';
import { checkPredicateType } from '../src/core/model/release.ts';
import type { Random } from './random.ts';
import type { Behaviour } from './simulated-slot.ts';
import { signerNamed } from './signing.ts';
import { worldBegins } from './world.ts';

export const provenance = 'https://slsa.dev/provenance/v1';

type PipelineInput = Extract<BelayDocumentInput, { kind: 'Pipeline' }>;
type GateInput = NonNullable<PipelineInput['spec']['stages'][number]['gates']>[number];

/** The project document, trusting CI and the load tester; or neither, when their trust was taken away. */
export const projectDocument = (project: string, trusted: boolean): BelayDocumentInput => ({
  apiVersion,
  kind: 'Project',
  metadata: { name: project },
  spec: {
    trust: trusted
      ? [
          { name: 'ci', publicKey: signerNamed('ci').publicKey, predicateTypes: [provenance] },
          {
            name: 'load-tester',
            publicKey: signerNamed('load-tester').publicKey,
            predicateTypes: [checkPredicateType],
            checks: ['load'],
          },
        ]
      : [{ name: 'other', publicKey: signerNamed('other').publicKey, predicateTypes: [provenance] }],
  },
});

export function environmentDocument(project: string, name: string, random: Random): BelayDocumentInput {
  const from = worldBegins + random.integer(20_000, 400_000);
  return {
    apiVersion,
    kind: 'Environment',
    metadata: { name, project },
    spec: {
      driver: 'simulated',
      production: name === 'production',
      replicas: random.integer(1, 4),
      parameters: { REGION: `r${random.integer(1, 9)}` },
      warm: random.pick([0, 5_000, 60_000]),
      freezes: random.chance(0.2)
        ? [{ name: 'planned', from, to: from + random.integer(5_000, 60_000), reason: 'planned' }]
        : [],
    },
  };
}

function entryGates(random: Random, production: boolean): GateInput[] {
  const mode = (): 'enforce' | 'observe' => (random.chance(0.12) ? 'observe' : 'enforce');
  const gates: GateInput[] = [];
  if (production || random.chance(0.7)) gates.push({ kind: 'signature', name: 'signed' });
  if (random.chance(0.6)) gates.push({ kind: 'tests', name: 'tests', minTests: 10, mode: mode() });
  if (random.chance(production ? 0.7 : 0.2))
    gates.push({
      kind: 'approval',
      name: 'approved',
      quorum: random.integer(1, 2),
      expires: random.pick([30_000, 3_600_000]),
    });
  if (random.chance(0.3)) gates.push({ kind: 'check', name: 'load', check: 'load', mode: mode() });
  if (random.chance(0.25)) {
    const from = worldBegins + random.integer(10_000, 300_000);
    const closed = [{ from, to: from + random.integer(5_000, 60_000), reason: 'closed' }];
    gates.push({ kind: 'window', name: 'window', closed });
  }
  return gates;
}

function stageInput(random: Random, name: string, after: string[]): PipelineInput['spec']['stages'][number] {
  const steps = random.pick([[100], [50, 100], [10, 50, 100], [5, 25, 60, 100]]);
  const maxHold = random.pick([15_000, 60_000, 600_000]);
  return {
    name,
    environment: name,
    after,
    promote: after.length > 0 && random.chance(0.4) ? 'auto' : 'manual',
    gates: entryGates(random, name === 'production'),
    rollout: {
      steps,
      stepAtLeast: random.pick([1_000, 5_000, 10_000]),
      progressDeadline: random.pick([15_000, 40_000]),
    },
    analysis: random.chance(0.9)
      ? [
          {
            kind: 'metric',
            name: 'canary',
            errors: {
              marginPoints: random.pick([2, 5, 10]),
              ...(random.chance(0.3) ? { limitPercent: 10 } : {}),
            },
            latency: random.chance(0.5) ? { aboveMs: 250, marginPoints: random.pick([5, 10]) } : null,
            mode: random.chance(0.3) ? 'observe' : 'enforce',
            maxHold,
            maxOutage: random.pick([5_000, 30_000, 900_000]),
          },
        ]
      : [],
    verification: random.chance(0.7)
      ? [{ kind: 'soak', name: 'soak', healthyFor: random.pick([3_000, 12_000, 30_000]) }]
      : [],
  };
}

export const pipelineDocument = (project: string, service: string, random: Random): PipelineInput => ({
  apiVersion,
  kind: 'Pipeline',
  metadata: { name: service, project },
  spec: {
    service,
    stages: [stageInput(random, 'staging', []), stageInput(random, 'production', ['staging'])],
  },
});

/** How a release will behave: mostly well. */
export function behaviourAt(random: Random): Behaviour {
  const kind = random.integer(0, 9);
  const readyAfterMs = random.integer(200, 5_000);
  const good: Behaviour = { readyAfterMs, errorRate: 0.002, slowRate: 0.01, diesAfterMs: null };
  if (kind === 0) return { ...good, errorRate: 0.2 };
  if (kind === 1) return { ...good, slowRate: 0.4 };
  if (kind === 2) return { ...good, readyAfterMs: null };
  if (kind === 3) return { ...good, diesAfterMs: random.integer(5_000, 60_000) };
  return good;
}
