import type { BelayDocument, Environment, Pipeline, Project, Stage } from '../model/documents.ts';
import type { Gate } from '../model/gate.ts';

/** The rules by their stable ids; `belay lint` prints them. */
export type DocumentRule =
  | 'duplicate-document'
  | 'duplicate-stage'
  | 'duplicate-gate'
  | 'duplicate-identity'
  | 'unknown-project'
  | 'unknown-environment'
  | 'unknown-stage'
  | 'stage-cycle'
  | 'unreachable-stage'
  | 'misplaced-gate'
  | 'nobody-may-sign'
  | 'verdict-not-read'
  | 'check-type-missing'
  | 'expires-at-once'
  | 'deadline-zero'
  | 'interval-empty'
  | 'closed-for-ever'
  | 'production-unsigned'
  | 'production-one-step'
  | 'production-unwatched'
  | 'production-cold'
  | 'driver-settings'
  | 'secret-reference'
  | 'weights-unconfirmed'
  | 'metric-without-canary'
  | 'metric-needs-data'
  | 'latency-bound'
  | 'latency-unmeasured'
  | 'credentials-in-clear'
  | 'metrics-window'
  | 'soak-empty'
  | 'soak-long';

/** What is wrong with a document, where, and what mends it. An `error` refuses the whole apply. */
export interface DocumentFinding {
  readonly rule: DocumentRule;
  readonly severity: 'error' | 'warning';
  /** Index in the list that was given. */
  readonly document: number;
  /** JSON pointer (RFC 6901) into that document. */
  readonly path: string;
  readonly message: string;
  readonly fix: string;
}

/** The documents by what they are, the given ones over the applied ones. */
export interface DocumentSet {
  /** Whether everything that counts is known: false for `belay lint` on files without a server. */
  readonly complete: boolean;
  readonly projects: ReadonlyMap<string, Project>;
  /** By `project/name`. */
  readonly environments: ReadonlyMap<string, Environment>;
}

/** One gate with its place. */
export interface PlacedGate {
  readonly gate: Gate;
  readonly place: GatePlace;
  /** JSON pointer of the gate. */
  readonly path: string;
}

export type GatePlace = 'gates' | 'analysis' | 'verification';
export const gatePlaces: readonly GatePlace[] = ['gates', 'analysis', 'verification'];

/** One stage of a pipeline with what it refers to. */
export interface StageView {
  readonly document: number;
  readonly pipeline: Pipeline;
  /** As in {@link DocumentSet}. */
  readonly complete: boolean;
  readonly stage: Stage;
  readonly path: string;
  readonly environment: Environment | undefined;
  readonly project: Project | undefined;
  readonly gates: readonly PlacedGate[];
}

/** Every gate of a stage, in the order in which they are judged. */
export const gatesOf = (stage: Stage, path: string): readonly PlacedGate[] =>
  gatePlaces.flatMap((place) =>
    stage[place].map((gate, index) => ({ gate, place, path: `${path}/${place}/${index}` })),
  );

/** How a document is called among others. */
export const documentName = (document: BelayDocument): string =>
  document.kind === 'Project'
    ? `${document.kind} ${document.metadata.name}`
    : `${document.kind} ${document.metadata.project}/${document.metadata.name}`;
