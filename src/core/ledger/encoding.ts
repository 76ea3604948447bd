/**
 * Text forms of bytes and sizes, written here because the core has neither Node's nor the browser's. Each form is
 * canonical: what decodes is exactly what encoding gives back, so that no two texts stand for the same bytes.
 * Decoders give `null` for what is not of their form.
 */

const base64Alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const base64Values: ReadonlyMap<string, number> = new Map(
  base64Alphabet.split('').map((char, value) => [char, value]),
);

/** Standard base64 with padding (RFC 4648 section 4). */
export function encodeBase64(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 3) {
    const group = ((bytes[i] ?? 0) << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    const left = bytes.length - i;
    text += base64Alphabet.charAt(group >> 18) + base64Alphabet.charAt((group >> 12) & 63);
    text += left > 1 ? base64Alphabet.charAt((group >> 6) & 63) : '=';
    text += left > 2 ? base64Alphabet.charAt(group & 63) : '=';
  }
  return text;
}

/** Strict standard base64: padding is required, unused trailing bits are zero, no white space. */
export function decodeBase64(text: string): Uint8Array | null {
  if (text.length % 4 !== 0) return null;
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const digits = text.length - padding;
  const bytes = new Uint8Array(Math.floor((digits * 3) / 4));
  let bits = 0;
  let held = 0;
  let at = 0;
  for (let i = 0; i < digits; i++) {
    const value = base64Values.get(text.charAt(i));
    if (value === undefined) return null;
    held = ((held << 6) | value) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[at++] = held >> bits;
    }
  }
  return (held & ((1 << bits) - 1)) === 0 ? bytes : null;
}

/** Lower-case hexadecimal. */
export function encodeHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
}

/** Lower-case hexadecimal, an even number of digits. */
export function decodeHex(text: string): Uint8Array | null {
  if (!/^(?:[0-9a-f]{2})*$/.test(text)) return null;
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

/** UTF-8; `null` where a lone surrogate makes the text impossible to write in it. */
export function encodeUtf8(text: string): Uint8Array | null {
  const bytes = new Uint8Array(text.length * 3);
  let at = 0;
  for (const char of text) {
    const point = char.codePointAt(0) ?? 0;
    if (point >= 0xd800 && point <= 0xdfff) return null;
    if (point < 0x80) {
      bytes[at++] = point;
    } else if (point < 0x800) {
      bytes[at++] = 0xc0 | (point >> 6);
      bytes[at++] = 0x80 | (point & 63);
    } else if (point < 0x10000) {
      bytes[at++] = 0xe0 | (point >> 12);
      bytes[at++] = 0x80 | ((point >> 6) & 63);
      bytes[at++] = 0x80 | (point & 63);
    } else {
      bytes[at++] = 0xf0 | (point >> 18);
      bytes[at++] = 0x80 | ((point >> 12) & 63);
      bytes[at++] = 0x80 | ((point >> 6) & 63);
      bytes[at++] = 0x80 | (point & 63);
    }
  }
  return bytes.slice(0, at);
}

/** Strict UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF; a byte order mark is kept. */
export function decodeUtf8(bytes: Uint8Array): string | null {
  let text = '';
  let at = 0;
  while (at < bytes.length) {
    const first = bytes[at++] ?? 0;
    const more =
      first < 0x80
        ? 0
        : (first & 0xe0) === 0xc0
          ? 1
          : (first & 0xf0) === 0xe0
            ? 2
            : (first & 0xf8) === 0xf0
              ? 3
              : -1;
    if (more < 0) return null;
    let point = more === 0 ? first : first & (0x3f >> more);
    for (let i = 0; i < more; i++) {
      const next = bytes[at++];
      if (next === undefined || (next & 0xc0) !== 0x80) return null;
      point = (point << 6) | (next & 63);
    }
    const least = [0, 0x80, 0x800, 0x10000][more] ?? 0;
    if (point < least || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) return null;
    text += String.fromCodePoint(point);
  }
  return text;
}

/** A size or an index in ASCII decimal: no sign, no leading zero, at most 2^53 - 1, so that arithmetic on it is exact. */
export function decodeDecimal(text: string): number | null {
  if (!/^(?:0|[1-9][0-9]{0,15})$/.test(text)) return null;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : null;
}

/** Whether two byte strings are the same. Not in constant time: what is compared here is public. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
