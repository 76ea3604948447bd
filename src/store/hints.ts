import { Client, type ClientConfig, type Pool } from 'pg';

const channel = 'belay';
/** At most one notification in this time: they only say "look", so one stands for many. */
const atMostEveryMs = 5;
const reconnectMs = 1_000;

/** Tells other processes on the same database that something may have come due. Only a hint: losing one costs a poll. */
export class Hints {
  readonly #pool: Pool;
  readonly #local: () => void;
  #timer: NodeJS.Timeout | null = null;

  /** `local` is called at once, for the workers of this process. */
  constructor(pool: Pool, local: () => void) {
    this.#pool = pool;
    this.#local = local;
  }

  readonly send = (): void => {
    this.#local();
    if (this.#timer !== null) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      // A statement of its own, outside every transaction that writes: NOTIFY takes a lock of the whole database.
      this.#pool.query(`notify ${channel}`).catch(() => undefined);
    }, atMostEveryMs);
  };
}

/** Listens for hints on a connection of its own until stopped, connecting again when it is lost. */
export function listenForHints(config: ClientConfig, onHint: () => void): { stop(): Promise<void> } {
  let stopped = false;
  let client: Client | null = null;
  let timer: NodeJS.Timeout | null = null;

  const again = (): void => {
    client = null;
    if (!stopped) timer ??= setTimeout(connect, reconnectMs);
  };
  const connect = (): void => {
    timer = null;
    const next = new Client(config);
    client = next;
    next.on('notification', onHint);
    next.on('error', () => undefined);
    next.on('end', again);
    next
      .connect()
      .then(() => next.query(`listen ${channel}`))
      .catch(() => next.end().catch(() => undefined));
  };
  connect();
  return {
    stop: async () => {
      stopped = true;
      if (timer !== null) clearTimeout(timer);
      await client?.end().catch(() => undefined);
    },
  };
}
