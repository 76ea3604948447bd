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
  for (const line of tableLines(columns, shown.rows)) printData(line);
}

/** Prints an object as it came. */
export async function printObject(format: 'json' | 'yaml', value: unknown): Promise<void> {
  if (format === 'json') return printData(JSON.stringify(value, null, 2));
  const { stringify } = await import('yaml');
  printData(stringify(value).trimEnd());
}

/** Headings in capitals, two spaces between columns, nothing behind the last. */
export function tableLines<T>(columns: readonly Column<T>[], rows: readonly T[]): readonly string[] {
  const cells = [
    columns.map((column) => column.heading),
    ...rows.map((row) => columns.map((column) => printable(column.cell(row)) || '-')),
  ];
  const widths = columns.map((_, i) => Math.max(...cells.map((row) => row[i]?.length ?? 0)));
  return cells.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/** A span as kubectl writes an age: `8s`, `5m`, `3h`, `12d`. */
export function age(sinceMs: number, nowMs: number): string {
  const seconds = Math.max(0, Math.floor((nowMs - sinceMs) / 1000));
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7_200) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3_600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}
