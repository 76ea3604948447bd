import type { OutputFormat } from './output-formats.ts';
import { printable, printData } from './terminal.ts';

/** One column: its heading, and whether it only shows with `-o wide`. */
export interface Column<T> {
  readonly heading: string;
  readonly cell: (row: T) => string;
  readonly wide?: true;
}

/** How one kind of answer is printed. */
export interface Shown<T> {
  readonly rows: readonly T[];
  readonly columns: readonly Column<T>[];
  /** `type/name` of a row. */
  readonly name: (row: T) => string;
  /** Printed to stdout instead of a table with no rows. */
  readonly empty: string;
}

/** Prints an answer: `value` is the object for json and yaml. */
export async function printAnswer<T>(
  format: OutputFormat | undefined,
  value: unknown,
  shown: Shown<T>,
): Promise<void> {
  if (format === 'json' || format === 'yaml') return printObject(format, value);
  if (format === 'name') {
    for (const row of shown.rows) printData(printable(shown.name(row)));
    return;
  }
  if (shown.rows.length === 0) return printData(shown.empty);
  const columns = shown.columns.filter((column) => column.wide !== true || format === 'wide');
  const width = process.stdout.isTTY ? process.stdout.columns : null;
  for (const line of fitLines(tableLines(columns, shown.rows), lastColumnAt(columns, shown.rows), width))
    printData(line);
}

/** Prints an object as it came. */
export async function printObject(format: 'json' | 'yaml', value: unknown): Promise<void> {
  if (format === 'json') return printData(JSON.stringify(value, null, 2));
  const { stringify } = await import('yaml');
  printData(stringify(value).trimEnd());
}

/** Headings in capitals, two spaces between columns, nothing behind the last. */
export function tableLines<T>(columns: readonly Column<T>[], rows: readonly T[]): readonly string[] {
  const cells = cellsOf(columns, rows);
  const widths = widthsOf(cells);
  return cells.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

const cellsOf = <T>(columns: readonly Column<T>[], rows: readonly T[]): readonly (readonly string[])[] => [
  columns.map((column) => column.heading),
  ...rows.map((row) => columns.map((column) => printable(column.cell(row)) || '-')),
];

const widthsOf = (cells: readonly (readonly string[])[]): readonly number[] =>
  (cells[0] ?? []).map((_, i) => Math.max(...cells.map((row) => row[i]?.length ?? 0)));

/** Where the last column of a table begins. */
function lastColumnAt<T>(columns: readonly Column<T>[], rows: readonly T[]): number {
  const before = widthsOf(cellsOf(columns, rows)).slice(0, -1);
  return before.reduce((sum, width) => sum + width + 2, 0);
}

/** With less room than this, what does not fit beside the other columns goes below them. */
const leastRoom = 40;

/**
 * Lines of a table for a terminal of that width (null: no terminal, as they are): a last cell that is too long goes
 * on under itself, between words, or as a whole under its row where the other columns leave it little room.
 */
export function fitLines(lines: readonly string[], lastAt: number, width: number | null): readonly string[] {
  if (width === null) return lines;
  return lines.flatMap((line) => {
    if (line.length <= width || line.length <= lastAt) return [line];
    const below = width - lastAt < leastRoom;
    const indent = ' '.repeat(below ? 4 : lastAt);
    const wrapped = wrap(line.slice(lastAt), Math.max(width - indent.length, 20));
    const first = line.slice(0, lastAt).trimEnd();
    if (below) return [first, ...wrapped.map((part) => `${indent}${part}`)];
    return wrapped.map((part, i) => `${i === 0 ? line.slice(0, lastAt) : indent}${part}`);
  });
}

/** Breaks a text between its words; a word that is longer than a line keeps one for itself. */
function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + 1 + word.length <= width)
      lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** A span as kubectl writes an age: `8s`, `5m`, `3h`, `12d`. */
export function age(sinceMs: number, nowMs: number): string {
  const seconds = Math.max(0, Math.floor((nowMs - sinceMs) / 1000));
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7_200) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3_600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}
