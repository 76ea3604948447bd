/** One line of a scenario: its words, and where it stands. */
export interface ScriptLine {
  readonly number: number;
  readonly text: string;
  readonly words: readonly string[];
}

/** A line that a scenario cannot hold, said with its place and what was expected. */
export class ScriptError extends Error {
  readonly line: number;

  constructor(line: number, message: string) {
    super(`line ${line}: ${message}`);
    this.name = 'ScriptError';
    this.line = line;
  }
}

/** Splits a scenario into lines; a text in double quotes is one word. */
export function readScript(text: string): readonly ScriptLine[] {
  return text
    .replace(/\n+$/, '')
    .split('\n')
    .map((line, index) => ({
      number: index + 1,
      text: line.trimEnd(),
      words: [...line.matchAll(/"([^"]*)"|(\S+)/g)].map((m) => m[1] ?? m[2] ?? ''),
    }));
}

const units: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** A span such as `30s` in milliseconds. */
export function spanOf(line: ScriptLine, word: string | undefined): number {
  const match = /^(\d+)(ms|s|m|h)$/.exec(word ?? '');
  const unit = units[match?.[2] ?? ''];
  if (match === null || unit === undefined)
    throw new ScriptError(line.number, `expected a span such as 30s, found ${word ?? 'nothing'}`);
  return Number(match[1]) * unit;
}

/** A share such as `6%` as a fraction. */
export function shareOf(line: ScriptLine, word: string | undefined): number {
  const match = /^(\d+(?:\.\d+)?)%$/.exec(word ?? '');
  if (match === null)
    throw new ScriptError(line.number, `expected a share such as 6%, found ${word ?? 'nothing'}`);
  return Number(match[1]) / 100;
}

/** The word after a keyword, or null where the keyword is not there. */
export function after(line: ScriptLine, keyword: string): string | null {
  const index = line.words.indexOf(keyword);
  if (index < 0) return null;
  const word = line.words[index + 1];
  if (word === undefined) throw new ScriptError(line.number, `expected something after ${keyword}`);
  return word;
}

/** The word at a place, which must be there. */
export function wordAt(line: ScriptLine, index: number, what: string): string {
  const word = line.words[index];
  if (word === undefined) throw new ScriptError(line.number, `expected ${what}`);
  return word;
}
