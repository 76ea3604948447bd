import { sequenceOnce, type SequencerCode, type SequencerParts } from '../store/sequencer.ts';

/** An entry is in the tree, and under a checkpoint, within about this time of its commit. */
const everyMs = 100;
/** After a refusal an operator has to act; it is looked at again, not hammered. */
const afterRefusalMs = 5_000;

/** The sequencer of this process. Of several replicas one at a time holds the lock; the others find it busy. */
export interface Sequencing {
  readonly stop: () => Promise<void>;
}

/** Runs the sequencer until stopped. A refusal stops all signing and is said each time it is met. */
export function startSequencing(
  parts: SequencerParts,
  onRefusal: (code: SequencerCode, message: string) => void,
  onError: (error: unknown) => void,
): Sequencing {
  const stop = new AbortController();
  const loop = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      const pause = await once(parts, onRefusal, onError);
      if (pause > 0 && !stop.signal.aborted) await sleep(pause, stop.signal);
    }
  };
  const running = loop();
  return {
    stop: async () => {
      stop.abort();
      await running;
    },
  };
}

async function once(
  parts: SequencerParts,
  onRefusal: (code: SequencerCode, message: string) => void,
  onError: (error: unknown) => void,
): Promise<number> {
  try {
    const done = await sequenceOnce(parts);
    if (done.ok) return done.value.more ? 0 : everyMs;
    onRefusal(done.error.code, done.error.message);
    return afterRefusalMs;
  } catch (error) {
    onError(error);
    return afterRefusalMs;
  }
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
}
