import { z } from 'zod';

/** Milliseconds since 1970-01-01T00:00:00Z. The core never reads a clock: times are arguments. */
export type Millis = number;
export const Millis = z.int().min(0).max(8_640_000_000_000_000);

const second = 1000;
const units: Record<string, number> = {
  ms: 1,
  s: second,
  m: 60 * second,
  h: 3_600 * second,
  d: 86_400 * second,
};

/**
 * A span written as people do: `5s`, `2m`, `1h30m`, `7d`. Parsed to milliseconds, which it also takes: so a
 * parsed document, as it is stored, parses again to itself.
 */
const writtenDuration = z
  .string()
  .regex(/^(\d+(ms|s|m|h|d))+$/, 'expected a duration such as 5s, 2m, 1h30m or 7d')
  .transform((text) => {
    let total = 0;
    for (const [, count, unit] of text.matchAll(/(\d+)(ms|s|m|h|d)/g))
      total += Number(count) * (units[unit ?? ''] ?? 0);
    return total;
  });
export const Duration = z
  .union([writtenDuration, z.int().min(0)])
  .refine((ms) => ms <= 366 * 86_400 * second, 'a duration of more than a year is a mistake');

/**
 * An instant in RFC 3339 with `Z`; other zones are refused because their rules change. Parsed to milliseconds,
 * which it also takes, as a duration does.
 */
const writtenInstant = z
  .string()
  .regex(
    /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?Z$/,
    'expected a UTC instant such as 2026-12-20T00:00:00Z',
  )
  .transform((text, context) => {
    const at = parseInstant(text);
    if (formatInstant(at).slice(0, 10) === text.slice(0, 10)) return at;
    context.issues.push({ code: 'custom', message: 'expected a day that the calendar has', input: text });
    return z.NEVER;
  });
export const Instant = z.union([writtenInstant, Millis]);

/** Days since 1970-01-01 of a civil date in the proleptic Gregorian calendar. */
function daysFromCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

function parseInstant(text: string): Millis {
  const part = (from: number, to: number): number => Number(text.slice(from, to));
  const days = daysFromCivil(part(0, 4), part(5, 7), part(8, 10));
  const seconds = text.length > 17 ? part(17, 19) : 0;
  return (days * 86_400 + part(11, 13) * 3_600 + part(14, 16) * 60 + seconds) * second;
}

/** An instant for people and documents: `2026-11-21T09:30:00Z`. */
export function formatInstant(at: Millis): string {
  const days = Math.floor(at / 86_400_000);
  const rest = Math.floor((at - days * 86_400_000) / second);
  const z0 = days + 719_468;
  const era = Math.floor(z0 / 146_097);
  const dayOfEra = z0 - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1_460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shifted = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * shifted + 2) / 5) + 1;
  const month = shifted < 10 ? shifted + 3 : shifted - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  const two = (n: number): string => String(n).padStart(2, '0');
  return `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}T${two(Math.floor(rest / 3_600))}:${two(Math.floor(rest / 60) % 60)}:${two(rest % 60)}Z`;
}

/** A span for people: `850 ms`, `4 s`, `2 min 5 s`, `3 h 20 min`, `2 d 4 h`. */
export function formatDuration(ms: number): string {
  if (ms < second) return `${Math.max(0, Math.round(ms))} ms`;
  const seconds = Math.round(ms / second);
  if (seconds < 60) return `${seconds} s`;
  const join = (a: number, unitA: string, b: number, unitB: string): string =>
    b === 0 ? `${a} ${unitA}` : `${a} ${unitA} ${b} ${unitB}`;
  if (seconds < 3_600) return join(Math.floor(seconds / 60), 'min', seconds % 60, 's');
  const minutes = Math.round(seconds / 60);
  if (minutes < 1_440) return join(Math.floor(minutes / 60), 'h', minutes % 60, 'min');
  const hours = Math.round(minutes / 60);
  return join(Math.floor(hours / 24), 'd', hours % 24, 'h');
}
