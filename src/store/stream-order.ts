/** An entry on its way into the tree. */
export interface InOrder {
  readonly stream: string;
  readonly seq: number;
  readonly hash: string;
}

/**
 * Puts entries that come in the order of their transactions into an order in which each stream's stand in sequence.
 * The two differ where a transaction got its number, then waited for a stream that a younger one was writing. An
 * entry waits for those before it in its stream; one whose predecessor is not among them is left for the next group.
 * `next` is the sequence that each stream goes on with.
 */
export function inStreamOrder(
  entries: readonly InOrder[],
  next: ReadonlyMap<string, number>,
): readonly InOrder[] {
  const expected = new Map(next);
  const waiting = new Map<string, InOrder>();
  const ordered: InOrder[] = [];
  const key = (stream: string, seq: number): string => `${stream} ${seq}`;
  for (const entry of entries) {
    waiting.set(key(entry.stream, entry.seq), entry);
    let seq = expected.get(entry.stream) ?? 1;
    let ready = waiting.get(key(entry.stream, seq));
    while (ready !== undefined) {
      ordered.push(ready);
      waiting.delete(key(entry.stream, seq));
      seq += 1;
      ready = waiting.get(key(entry.stream, seq));
    }
    expected.set(entry.stream, seq);
  }
  return ordered;
}
