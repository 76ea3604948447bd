import { z } from 'zod';
import { formatInstant } from './time-format.ts';

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
