import type { Pool } from 'pg';
import { emptyProject, foldProject } from '../core/decide/fold/project.ts';
import { foldRelease } from '../core/decide/fold/release.ts';
import type { Entry, ProjectEntry, ReleaseEntry } from '../core/model/entries.ts';
import type { ProjectState, ReleaseState } from '../core/model/state.ts';
import { readEntries } from './streams.ts';

/** Folded streams that one process remembers; a stream that is asked for again is only read from where it was left. */
const mostRemembered = 20_000;

interface Remembered<S> {
  readonly state: S;
  readonly seq: number;
}

/**
 * Folded states of short streams (releases, projects, everything), remembered by the sequence that they hold. What
 * is remembered is never trusted to be the newest: every read asks the database for what came after.
 */
export class Folds {
  readonly #pool: Pool;
  readonly #remembered = new Map<string, Remembered<unknown>>();

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** A project's state, or that of everything. `head` saves the read when it is known that nothing came after. */
  async project(stream: string, head?: number): Promise<ProjectState> {
    return this.#fold<ProjectState, ProjectEntry>(stream, emptyProject, foldProject, head);
  }

  /** A release's state; null where it was never opened. */
  async release(stream: string, head?: number): Promise<ReleaseState | null> {
    return this.#fold<ReleaseState | null, ReleaseEntry>(stream, null, foldRelease, head);
  }

  async #fold<S, E extends Entry>(
    stream: string,
    empty: S,
    fold: (state: S, entry: E, seq: number) => S,
    head: number | undefined,
  ): Promise<S> {
    const known = (this.#remembered.get(stream) as Remembered<S> | undefined) ?? { state: empty, seq: 0 };
    if (head !== undefined && head === known.seq) return known.state;
    const entries = await readEntries<E>(this.#pool, stream, known.seq);
    const state = entries.reduce((s, { entry, seq }) => fold(s, entry, seq), known.state);
    this.#remember(stream, { state, seq: entries.at(-1)?.seq ?? known.seq });
    return state;
  }

  #remember(stream: string, folded: Remembered<unknown>): void {
    this.#remembered.delete(stream);
    this.#remembered.set(stream, folded);
    if (this.#remembered.size <= mostRemembered) return;
    const oldest = this.#remembered.keys().next().value;
    if (oldest !== undefined) this.#remembered.delete(oldest);
  }
}
