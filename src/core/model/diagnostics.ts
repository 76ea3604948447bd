import { z } from 'zod';
import { Millis } from './time.ts';
import { cutWords } from './words.ts';

const mostProcesses = 5;
const mostLines = 30;
const mostEvents = 20;
const longestLine = 500;

/** One process of a release, as it was last seen. */
export const ProcessDiagnostics = z.strictObject({
  name: z.string().max(253),
  /** For example `ready`, `waiting: CrashLoopBackOff`, `ended with exit code 1`. */
  state: z.string().max(longestLine),
  restarts: z.int().min(0),
  /** Its last lines, the latest last. */
  log: z.array(z.string().max(longestLine)).max(mostLines).readonly(),
});
export type ProcessDiagnostics = z.infer<typeof ProcessDiagnostics>;

/** What was reported about a process, the latest last. */
export const DiagnosticEvent = z.strictObject({
  at: Millis,
  about: z.string().max(253),
  text: z.string().max(longestLine),
});
export type DiagnosticEvent = z.infer<typeof DiagnosticEvent>;

/** What a release that is turned back can say for itself: kept before its processes are removed. */
export const Diagnostics = z.strictObject({
  processes: z.array(ProcessDiagnostics).max(mostProcesses).readonly(),
  events: z.array(DiagnosticEvent).max(mostEvents).readonly(),
});
export type Diagnostics = z.infer<typeof Diagnostics>;

/** Diagnostics as they are kept: the troubled processes first, within the bounds of the schema, without secrets. */
export function boundDiagnostics({ processes, events }: Diagnostics): Diagnostics {
  return {
    processes: processes
      .toSorted(
        (a, b) => Number(a.state === 'ready') - Number(b.state === 'ready') || b.restarts - a.restarts,
      )
      .slice(0, mostProcesses)
      .map(({ name, state, restarts, log }) => ({
        name: cutWords(name, 253),
        state: told(state),
        restarts,
        log: withoutKeys(log).slice(-mostLines).map(told),
      })),
    events: events
      .toSorted((a, b) => a.at - b.at)
      .slice(-mostEvents)
      .map(({ at, about, text }) => ({ at, about: cutWords(about, 253), text: told(text) })),
  };
}

/** Secrets are taken out before a line is cut: half of one would not be recognised. */
const told = (line: string): string => cutWords(withoutSecrets(line), longestLine);

const hidden = '[removed]';

/** Lines without private keys in several lines (RFC 7468); the first lines of one may have been left out. */
function withoutKeys(lines: readonly string[]): readonly string[] {
  const edge = /-----(BEGIN|END) [A-Z ]*PRIVATE KEY-----/u;
  const first = lines.map((line) => edge.exec(line)?.[1]).find((side) => side !== undefined);
  let inside = first === 'END';
  return lines.map((line) => {
    const isHidden = inside;
    const side = edge.exec(line)?.[1];
    if (side !== undefined) inside = side === 'BEGIN' && !line.includes('-----END ');
    return isHidden ? hidden : line;
  });
}

/**
 * What looks like a secret in a log line, and what is left of it. Quotes may be
 * escaped: a log line may hold another. None takes more than linear time.
 */
const secrets: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----.*/gu, hidden],
  // Headers of more than one part; without quotes they go on to the end of the line.
  [
    /((?:authorization|cookie)s?(?:\\{0,3}["'])?\s{0,3}[:=]\s{0,3})(?:\\{1,3}"[^"]*"?|"(?:\\.|[^"\\])*"?|'[^']*'?|.+)/giu,
    `$1${hidden}`,
  ],
  // JSON Web Tokens: RFC 7519, three parts of base64url of which the first two are JSON.
  [/\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*/gu, hidden],
  [/\b(bearer|basic)\s+[\w.~+/=-]{8,}/giu, `$1 ${hidden}`],
  // User information of a URL: RFC 3986, section 3.2.1; a password with an @ that is not encoded, and a token alone.
  [/\b([a-z][a-z0-9+.-]{1,20}:\/\/[^\s:/@]{0,200}):[^\s/?#"']{1,200}@/giu, `$1:${hidden}@`],
  [/(:\/\/)[\w.~%-]{20,200}@/gu, `$1${hidden}@`],
  [
    /((?:passw(?:or)?d|passphrase|(?<![a-z])pass|pwd|secret|token|signature|credential|(?<=[?&])(?:sig|code|key)|(?:api|access|account|encryption|master|private|shared|signing)[_-]?key)s?(?:[_-]?key)?(?:[_-]base)?(?:\\{0,3}["'])?\s{0,3}(?:=>|[:=])\s{0,3})(?:\\{1,3}"[^"]*"?|"(?:\\.|[^"\\])*"?|'[^']*'?|[^\s,;&}]+)/giu,
    `$1${hidden}`,
  ],
  [/(--[\w-]{0,40}(?:password|secret|token|key)\s{1,3})[^\s-]\S*/giu, `$1${hidden}`],
  [/\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/gu, hidden],
  [/\bAIza[\w-]{30,}|\bSG\.[\w-]{16,}\.[\w-]{16,}|(?<=\bhooks\.slack\.com\/services\/)\S+/gu, hidden],
  [
    /\b(?:gh[pousr]_|github_pat_|glpat-|npm_|xox[abprs]-|[sr]k_(?:live|test)_|whsec_|sk-(?=[\w-]{20}))[\w-]{10,}/gu,
    hidden,
  ],
];

/**
 * A log line without what looks like a secret: values of fields that are named so, bearer tokens, passwords in URLs,
 * cookies, well-known forms of keys. A secret that looks like any other word is not recognised.
 */
export const withoutSecrets = (line: string): string =>
  secrets.reduce((text, [pattern, left]) => text.replace(pattern, left), line.slice(0, 4_000));
