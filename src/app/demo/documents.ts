import { readFile } from 'node:fs/promises';
import { parseAllDocuments } from 'yaml';
import type { z } from 'zod';
import type { BelayDocumentInput } from '../../core/model/documents.ts';
import { MetricGate } from '../../core/model/gate.ts';
import type { DemoEnvironment } from './stack.ts';

type EnvironmentDocument = Extract<BelayDocumentInput, { kind: 'Environment' }>;

/** What a stack has to say of an environment; the rest is as the shop's own documents have it. */
export type EnvironmentSetting = Partial<
  Pick<EnvironmentDocument['spec'], 'driver' | 'kubernetes' | 'parameters' | 'secrets'>
>;

export const project = 'demo';
export const service = 'shop';

/** How fast a rollout may go, where a stack asks for other times than the shop's own documents have. */
export interface RolloutPace {
  readonly progressDeadline?: string;
  /** In stages that go in steps. */
  readonly stepAtLeast?: string;
}

/** What the demo puts into the shop's own documents: what it has made just now. */
export interface DemoSetting {
  readonly ciKey: string;
  readonly environments: Readonly<Record<DemoEnvironment, EnvironmentSetting>>;
  readonly pace: RolloutPace;
}

const file = new URL('../../../examples/shop/belay.yaml', import.meta.url);

/** The shop's documents with the demo's key and databases in them. The server checks them as it does everybody's. */
export async function demoDocuments(setting: DemoSetting): Promise<readonly BelayDocumentInput[]> {
  const written = parseAllDocuments(await readFile(file, 'utf8')).map(
    (one) => one.toJS() as BelayDocumentInput,
  );
  return written.map((document) => fillIn(document, setting));
}

function fillIn(document: BelayDocumentInput, setting: DemoSetting): BelayDocumentInput {
  switch (document.kind) {
    case 'Project':
      return {
        ...document,
        spec: {
          trust: (document.spec.trust ?? []).map((identity) => ({ ...identity, publicKey: setting.ciKey })),
        },
      };
    case 'Environment': {
      const name = document.metadata.name === 'production' ? 'production' : 'staging';
      return { ...document, spec: { ...document.spec, ...setting.environments[name] } };
    }
    case 'Pipeline': {
      const stages = document.spec.stages.map((stage) => ({
        ...stage,
        rollout: { ...stage.rollout, ...paceOf(stage.rollout?.stepAtLeast !== undefined, setting.pace) },
      }));
      return { ...document, spec: { ...document.spec, stages } };
    }
    default:
      throw new Error('the shop’s documents hold one of an unknown kind');
  }
}

const paceOf = (inSteps: boolean, { stepAtLeast, ...pace }: RolloutPace): RolloutPace =>
  inSteps && stepAtLeast !== undefined ? { ...pace, stepAtLeast } : pace;

/** What the demo says of its gates before it uses them. */
export function gatesInWords(documents: readonly BelayDocumentInput[]): string {
  const pipeline = documents.find((document) => document.kind === 'Pipeline');
  const stage = pipeline?.spec.stages.find((one) => one.name === 'production');
  const limits = (stage?.analysis ?? []).flatMap((gate) =>
    gate.kind === 'metric' ? [gateInWords(gate)] : [],
  );
  const { steps = [], stepAtLeast, progressDeadline } = stage?.rollout ?? {};
  return `gate: ${limits.join(', ')}; steps ${steps.join('/')} % of at least ${stepAtLeast}, ready within ${progressDeadline}, scrapes of 1 s`;
}

/** Parsed, so that what is not written is said as it is filled in. */
function gateInWords(written: z.input<typeof MetricGate>): string {
  const { errors, latency, alpha } = MetricGate.parse(written);
  const slow = latency === null ? '' : `, slower than ${latency.aboveMs} ms by ${latency.marginPoints}`;
  return `errors at most ${errors.marginPoints} points worse than stable${slow}; an equal canary rolled back in at most ${100 * alpha} %`;
}
