import type { ManifestSet, ObjectName } from './objects.ts';

export type Severity = 'error' | 'warning';

/** What a rule found: where, what is wrong and what comes of it, and what mends it. */
export interface Violation {
  readonly object: ObjectName;
  /** JSON pointer (RFC 6901) into the object's document; of a missing part, where it should be. */
  readonly path: string;
  readonly message: string;
  readonly fix: string;
  /** Where it is less than the rule's own: what is not known for sure is a warning. */
  readonly severity?: Severity;
}

/** How long a stage of a pipeline waits for the new version of a service. */
export interface StageDeadline {
  readonly service: string;
  readonly stage: string;
  readonly deadlineMs: number;
}

/** Everything that a rule may look at. */
export interface LintInput extends ManifestSet {
  /** Of the pipelines that were given with the manifests; empty where none was. */
  readonly deadlines: readonly StageDeadline[];
}

/** One rule of the workload contract. Pure: the same objects give the same findings. */
export interface WorkloadRule {
  /** Stable: people allow, explain and search by it. */
  readonly id: string;
  readonly severity: Severity;
  /** What it asks for, in one sentence. */
  readonly asks: string;
  /** What goes wrong without it. */
  readonly why: string;
  /** YAML as it should be. */
  readonly example: string;
  readonly check: (input: LintInput) => readonly Violation[];
}

/** A name out of a manifest as a message may repeat it. */
export const shown = (text: string): string => (text.length > 120 ? `${text.slice(0, 119)}…` : text);

/** A key as a part of a JSON pointer. */
export const pointerPart = (key: string): string => key.replaceAll('~', '~0').replaceAll('/', '~1');
