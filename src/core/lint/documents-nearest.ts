/**
 * The number of insertions, deletions, substitutions and swaps of neighbours that turn one word into the other
 * (optimal string alignment distance).
 */
export function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let above = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min((above[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (above[j - 1] ?? 0) + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, (before[j - 2] ?? 0) + 1);
      row.push(least);
    }
    before = above;
    above = row;
  }
  return above[b.length] ?? 0;
}

/** The name that was most likely meant, or null where none is near: at most a third of its letters differ. */
export function nearestName(written: string, valid: readonly string[]): string | null {
  const word = written.toLowerCase().slice(0, 100);
  let best: string | null = null;
  let least = Infinity;
  for (const name of valid) {
    const distance = editDistance(word, name.toLowerCase());
    if (distance < least && distance <= Math.max(1, Math.floor(name.length / 3))) {
      best = name;
      least = distance;
    }
  }
  return best;
}

/** `did you mean X?`, or what there is to choose from. */
export function didYouMean(written: string, valid: readonly string[]): string {
  const near = nearestName(written, valid);
  if (near !== null) return `did you mean ${near}?`;
  return valid.length === 0 ? 'there is none' : `there is ${valid.slice(0, 20).join(', ')}`;
}
