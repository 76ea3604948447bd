import type { Diagnostics } from '../core/model/diagnostics.ts';
import type { Digest } from '../core/model/digest.ts';
import type { HistoryEnd, HistorySlice } from '../core/model/metrics-history.ts';
import type { SlotKey } from '../core/model/name.ts';
import type { Observation, Sample, Weight } from '../core/model/observation.ts';
import type { Result } from '../core/model/result.ts';

/**
 * What became of a call to the outside.
 * - `done`: the outside has accepted it. It counts only once an observation shows it.
 * - `stale`: the outside has seen a higher generation; nothing was changed, and it must not be tried again.
 * - `failed`: nothing was changed, or what was changed may be repeated; try again later.
 * - `unknown`: the answer was lost; it may or may not have happened. Trying again is safe.
 */
export type Outcome =
  | { readonly outcome: 'done' }
  | { readonly outcome: 'stale'; readonly generation: number }
  | { readonly outcome: 'failed'; readonly message: string }
  | { readonly outcome: 'unknown'; readonly message: string };

/** Why something could not be read. Never a statement about the thing itself. */
export interface Unreadable {
  readonly code: 'unreachable' | 'invalid-answer' | 'not-found';
  readonly message: string;
}

/** What runs: fully rendered, secrets by reference and version only. Its canonical bytes have `digest`. */
export interface RenderedConfiguration {
  readonly digest: Digest;
  readonly parameters: Readonly<Record<string, string>>;
  /** The manifest bundle, where the driver needs one. */
  readonly bundle: Digest | null;
  readonly secrets: readonly {
    readonly name: string;
    readonly reference: string;
    readonly version: string;
  }[];
}

export interface WorkloadSpec {
  readonly generation: number;
  readonly release: string;
  readonly artifact: Digest;
  readonly configuration: RenderedConfiguration;
  readonly replicas: number;
}

/**
 * Makes releases run. Idempotent: the same spec twice leaves one workload. Fenced: a generation lower than the
 * highest that this slot has seen is refused as `stale`. Applying never touches traffic, and never another
 * release of the slot. May take effect long after it has answered `done`.
 */
export interface DesiredState {
  applyWorkload(slot: SlotKey, spec: WorkloadSpec, signal: AbortSignal): Promise<Outcome>;
  /** Drains, then ends, a release. A release that does not run is `done`. Refused while it still has weight. */
  removeWorkload(
    slot: SlotKey,
    target: { readonly generation: number; readonly release: string },
    signal: AbortSignal,
  ): Promise<Outcome>;
}

/** Shares traffic between releases. Weights name every release that gets any, and add up to 100. Fenced as above. */
export interface Traffic {
  shift(
    slot: SlotKey,
    target: { readonly generation: number; readonly weights: readonly Weight[] },
    signal: AbortSignal,
  ): Promise<Outcome>;
}

/** Reads what runs and how traffic is shared now, from outside. Reports what it sees; concludes nothing. */
export interface Observer {
  observe(slot: SlotKey, signal: AbortSignal): Promise<Result<Omit<Observation, 'at'>, Unreadable>>;
}

/** The two releases that share traffic, and the weights as they were read just now; null where they could not be. */
export interface ScrapedArms {
  readonly canary: string;
  readonly stable: string | null;
  readonly weights: readonly Weight[] | null;
}

/** Of which release, and up to when (seconds since 1970). */
export interface HistoryAsked {
  readonly stable: string;
  readonly before: number;
}

/**
 * What stable counted before: its samples rising in time, as `belay analysis replay --history` takes them, with weight
 * 0, and the slices that they were read in. The samples may be dropped once they are summed up; the slices stay, to
 * tell what the sum was made of.
 */
export interface MetricsHistory {
  readonly samples: readonly Sample[];
  readonly slices: readonly HistorySlice[];
  readonly ended: HistoryEnd;
}

/** Raw cumulative counters, one sample a pod and scrape. */
export interface Metrics {
  /**
   * Samples of both arms. A pod that did not answer is left out, not guessed; no samples are no news, and never say
   * that there was no traffic. May give scrapes of earlier moments, and the same one twice; each with the weight that
   * was in force when it was taken. A source that reads weights together with its counters goes by those; any other by
   * `arms.weights`, and leaves out what was scraped around a change of weights.
   */
  scrape(
    slot: SlotKey,
    arms: ScrapedArms,
    signal: AbortSignal,
  ): Promise<Result<readonly Sample[], Unreadable>>;
  /**
   * What stable counted before a moment, backwards until 1,000 bursts of failures or 24 hours. A pod has the same name
   * here and in `scrape`. A source without a memory gives no slices, and no error. When `signal` ends it, what was read
   * until then is the history; nothing at all is an error.
   */
  history(
    slot: SlotKey,
    asked: HistoryAsked,
    signal: AbortSignal,
  ): Promise<Result<MetricsHistory, Unreadable>>;
}

/** What processes say for themselves. */
export interface Troubleshooting {
  /**
   * State, last log lines and events of a release's processes, those that have ended lately too. Best effort, as much
   * as there is by the end of `signal`; in any order and of any size, for whoever asks bounds it.
   */
  diagnose(slot: SlotKey, release: string, signal: AbortSignal): Promise<Result<Diagnostics, Unreadable>>;
}

/** The history of a source that remembers nothing. */
export const noHistory: MetricsHistory = { samples: [], slices: [], ended: 'whole-span' };

/** The ports of one environment. `fences` says whether the outside checks generations. */
export interface EnvironmentDriver {
  readonly fences: boolean;
  readonly desiredState: DesiredState;
  readonly traffic: Traffic;
  readonly observer: Observer;
  readonly metrics: Metrics;
  readonly troubleshooting: Troubleshooting;
}
