import { bindings } from '../decide/gates/judge.ts';
import type { Environment, Pipeline, Project, Stage } from '../model/documents.ts';
import type { Gate, GateOf } from '../model/gate.ts';
import { unreachable } from '../model/result.ts';
import type { Binding } from '../model/verdict.ts';
import { formatDuration, formatInstant } from '../model/time-format.ts';
import { counted } from './numbers.ts';
import { list } from './sentences.ts';

/** One gate for a reader who does not know it. */
export interface GateDescription {
  readonly name: string;
  readonly kind: Gate['kind'];
  /** The part of the stage that it stands in, which is also the field of the document. */
  readonly part: 'gates' | 'analysis' | 'verification';
  readonly mode: Gate['mode'];
  /** What must hold. */
  readonly contract: string;
  /** The field of the pipeline document that enforces it, as a JSON pointer. */
  readonly enforcedBy: string;
  /** What its verdict counts for. */
  readonly boundTo: string;
  readonly why: string;
}

/** One stage: how a release gets in, how traffic comes to it, when it counts as promoted. */
export interface StageDescription {
  readonly name: string;
  readonly environment: string;
  readonly production: boolean;
  readonly entry: string;
  readonly rollout: string;
  readonly rolloutEnforcedBy: string;
  readonly wayBack: string;
  readonly gates: readonly GateDescription[];
}

/** A pipeline as the page that a new hire reads; plain JSON. */
export interface PipelineDescription {
  readonly project: string;
  readonly pipeline: string;
  readonly service: string;
  readonly summary: string;
  readonly trust: readonly string[];
  readonly stages: readonly StageDescription[];
}

/** Explains a pipeline. `environments` are those that it names, as far as they are known; `project` null where it is not. */
export function describePipeline(
  pipeline: Pipeline,
  environments: readonly Environment[],
  project: Project | null,
): PipelineDescription {
  const { service, stages } = pipeline.spec;
  const names = stages.map((stage) => stage.name);
  return {
    project: pipeline.metadata.project,
    pipeline: pipeline.metadata.name,
    service,
    summary: `A release of ${service} goes through ${counted(stages.length, 'stage')}: ${list(names)}.`,
    trust: (project?.spec.trust ?? []).map(
      (identity) =>
        `${identity.name} may sign ${list(identity.predicateTypes)}${identity.checks.length === 0 ? '' : `, and report the checks ${list(identity.checks)}`}`,
    ),
    stages: stages.map((stage, index) =>
      describeStage(
        stage,
        index,
        environments.find((environment) => environment.metadata.name === stage.environment),
      ),
    ),
  };
}

function describeStage(stage: Stage, index: number, environment: Environment | undefined): StageDescription {
  const path = `/spec/stages/${index}`;
  const parts = ['gates', 'analysis', 'verification'] as const;
  return {
    name: stage.name,
    environment: stage.environment,
    production: environment?.spec.production ?? false,
    entry: entryOf(stage),
    rollout: rolloutOf(stage),
    rolloutEnforcedBy: `${path}/rollout`,
    wayBack: wayBackOf(environment),
    gates: parts.flatMap((part) =>
      stage[part].map((gate, i) => ({
        name: gate.name,
        kind: gate.kind,
        part,
        mode: gate.mode,
        contract: contractOf(gate),
        enforcedBy: `${path}/${part}/${i}`,
        boundTo: boundTo[bindings[gate.kind]],
        why: gate.why ?? usualWhy(gate),
      })),
    ),
  };
}

function entryOf(stage: Stage): string {
  const before =
    stage.after.length === 0
      ? 'Any sealed release may ask for it'
      : `Only a release that was promoted in ${list(stage.after)} may ask for it`;
  return stage.promote === 'auto'
    ? `${before}; the pipeline asks by itself.`
    : `${before}; somebody with the verb promote asks.`;
}

function rolloutOf({ rollout }: Stage): string {
  const { steps, stepAtLeast, progressDeadline } = rollout;
  const deadline = `It turns back when the new version is not ready, or a step is not confirmed, within ${formatDuration(progressDeadline)}`;
  return steps.length === 1
    ? `All traffic goes to the new version at once. ${deadline}.`
    : `Traffic goes to the new version in steps of ${steps.map((step) => `${step} %`).join(', ')}, at least ${formatDuration(stepAtLeast)} each. ${deadline}.`;
}

function wayBackOf(environment: Environment | undefined): string {
  if (environment === undefined) return 'The environment has not been applied, so its way back is not known.';
  const { warm, onControlPlaneLoss } = environment.spec;
  return `After a promotion the version before stays up for ${formatDuration(warm)}, so that going back is one change of weights. While the control plane is away, a rollout will ${onControlPlaneLoss}.`;
}

const boundTo: Readonly<Record<Binding, string>> = {
  artifact: 'the artifact’s digest',
  configuration: 'the rendered configuration',
  slot: 'this plan in this environment: a new baseline asks again',
  rollout: 'this rollout alone',
};

/** What must hold for a gate to pass. */
export function contractOf(gate: Gate): string {
  switch (gate.kind) {
    case 'signature':
      return `a trusted identity has signed a statement of type ${gate.predicateType} over exactly this artifact`;
    case 'tests':
      return `report ${gate.report} about exactly this artifact has at least ${counted(gate.minTests, 'test')} that ran, and none failed`;
    case 'approval':
      return `${gate.quorum} ${gate.quorum === 1 ? 'person has' : 'different people have'} approved exactly this plan within the last ${formatDuration(gate.expires)}; nobody who contributed, asked for it, or edited this gate last counts`;
    case 'window':
      return `now is outside of the closed times: ${gate.closed.map((c) => `${formatInstant(c.from)} to ${formatInstant(c.to)} (${c.reason})`).join(', ')}`;
    case 'check':
      return `a trusted identity has reported, signed, within the last ${formatDuration(gate.expires)}, that check ${gate.check} passed on this artifact`;
    case 'metric':
      return metricContract(gate);
    case 'soak':
      return `it was seen to be healthy at full traffic for ${formatDuration(gate.healthyFor)}`;
    default:
      return unreachable(gate);
  }
}

function metricContract({ errors, latency, ...gate }: GateOf<'metric'>): string {
  const limit = (percent: number | undefined): string =>
    percent === undefined ? '' : `, and never above ${percent} %`;
  const slow =
    latency === null
      ? ''
      : `; requests slower than ${latency.aboveMs} ms not by more than ${latency.marginPoints}${limit(latency.limitPercent)}`;
  return `errors of the canary are not worse than those of stable by more than ${errors.marginPoints} percentage points${limit(errors.limitPercent)}${slow}; an equal canary is rolled back in at most ${100 * gate.alpha} % of rollouts; when it cannot tell for ${formatDuration(gate.maxHold)}, or its metrics are away for ${formatDuration(gate.maxOutage)}, a person is asked`;
}

/** Why gates of a kind exist; a pipeline’s own `why` says it better. */
function usualWhy(gate: Gate): string {
  switch (gate.kind) {
    case 'signature':
      return 'only what our own build made may run';
    case 'tests':
      return 'what was not tested, or failed, goes nowhere';
    case 'approval':
      return 'a second pair of eyes, on exactly what will happen';
    case 'window':
      return 'at these times a mistake costs more';
    case 'check':
      return 'somebody else’s job knows something that we do not';
    case 'metric':
      return 'only real traffic shows what tests miss, and it shall hurt few';
    case 'soak':
      return 'some faults take time to show';
    default:
      return unreachable(gate);
  }
}
