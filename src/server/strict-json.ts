import { err, ok, type Result } from '../core/model/result.ts';

/** Deeper nesting than this is no document that anybody wrote. */
export const deepestNesting = 40;

const refusedKeys = new Set(['__proto__', 'constructor', 'prototype']);
const loneSurrogate = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/;
const numberToken = /-?\d[\d.eE+-]*/y;

/**
 * Parses JSON and refuses what parsers disagree about (RFC 8259 section 4): a key twice in one object. Also keys
 * that mean something to JavaScript, nesting deeper than `deepestNesting`, numbers beyond a double's range, and text
 * that has no UTF-8 form or holds NUL. The error is a sentence that quotes nothing of the content but a refused key.
 */
export function parseStrictJson(text: string): Result<unknown, string> {
  const fault = scan(text);
  if (fault !== null) return err(fault);
  try {
    return ok(JSON.parse(text));
  } catch {
    return err('the body is not JSON');
  }
}

/** Walks the text once with a stack of its own, so that depth costs no call stack. Leaves syntax to the parser. */
function scan(text: string): string | null {
  /** The keys of each object that is open; null for an array. */
  const open: (Set<string> | null)[] = [];
  let at = 0;
  while (at < text.length) {
    const character = text[at];
    if (character === '{' || character === '[') {
      if (open.length >= deepestNesting) return `the body nests deeper than ${deepestNesting} levels`;
      open.push(character === '{' ? new Set() : null);
    } else if (character === '}' || character === ']') open.pop();
    else if (character === '"') {
      const end = endOfString(text, at);
      if (end === null) return 'the body is not JSON';
      const fault = checkString(text, at, end, open.at(-1) ?? null);
      if (fault !== null) return fault;
      at = end;
    } else if (character === '-' || (character !== undefined && character >= '0' && character <= '9')) {
      numberToken.lastIndex = at;
      const token = numberToken.exec(text)?.[0] ?? '';
      if (!Number.isFinite(Number(token))) return 'the body holds a number that is none';
      at += Math.max(0, token.length - 1);
    }
    at += 1;
  }
  return null;
}

/** The place of a string's closing quote. */
function endOfString(text: string, start: number): number | null {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === '"') return at;
  }
  return null;
}

function checkString(text: string, start: number, end: number, keys: Set<string> | null): string | null {
  let value: unknown;
  try {
    value = JSON.parse(text.slice(start, end + 1));
  } catch {
    return 'the body is not JSON';
  }
  if (typeof value !== 'string') return 'the body is not JSON';
  if (value.includes('\0') || loneSurrogate.test(value)) return 'the body holds text that has no UTF-8 form';
  if (keys === null || !colonFollows(text, end + 1)) return null;
  if (refusedKeys.has(value)) return `the key ${value} is refused`;
  if (keys.has(value)) return 'a key occurs twice in one object';
  keys.add(value);
  return null;
}

/** Whether the string that ended before `at` is a key. */
function colonFollows(text: string, at: number): boolean {
  colon.lastIndex = at;
  return colon.test(text);
}
const colon = /[ \t\r\n]*:/y;
