/*
 * How a secret is told from a setting, by its name and by its value. Each false alarm teaches people to look away, so
 * both are narrow. A name counts only where it *ends* in a word for a secret: PASSWORD_FILE, TOKEN_TTL, API_KEY_ID and
 * SECRET_NAME end in what they are. A value counts by itself only where its form is made by one issuer alone; how
 * random a text looks is no sign, because digests, public keys and ids look just so.
 */

const lastWords: readonly string[] = [
  'password',
  'passwd',
  'passphrase',
  'pass',
  'pwd',
  'secret',
  'token',
  'credential',
  'credentials',
];
const lastPairs: readonly string[] = [
  'api key',
  'private key',
  'access key',
  'secret key',
  'encryption key',
  'signing key',
  'auth key',
  'master key',
  'account key',
  'key base',
];
const lastParts =
  /(?:password|passwd|passphrase|apikey|secretkey|privatekey|accesskey|authtoken|accesstoken)$/;

/** The words of a name: DB_PASSWORD, db.password, dbPassword are `db password`. Numbers at the end only count. */
const wordsOf = (name: string): readonly string[] =>
  name
    .slice(-120)
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '' && !/^\d+$/.test(word));

/** Whether a name says that its value is a secret. */
export function namesSecret(name: string): boolean {
  const words = wordsOf(name);
  const last = words.at(-1) ?? '';
  return lastWords.includes(last) || lastPairs.includes(words.slice(-2).join(' ')) || lastParts.test(last);
}

const switches = /^(?:[01]|true|false|yes|no|on|off|none|null|enabled|disabled|required|optional|default)$/i;
const elsewhere = /^(?:~?\.{0,2}\/|file:|vault:|ref\+|op:\/\/|arn:|secret:|env:|projects\/|https?:\/\/)/i;
const filledIn = /\$\(|\$\{|\$[A-Z_]|\{\{|^<.*>$|^[*x.…-]+$/i;

/** Whether a value is no secret whatever its name is: a switch, where the secret is, or what is filled in later. */
function isNoSecret(name: string, value: string): boolean {
  const text = value.trim();
  if (text === '' || switches.test(text) || elsewhere.test(text) || filledIn.test(text)) return true;
  const last = wordsOf(name).at(-1);
  // A number of tokens, or the name of a Secret: words with hyphens between them.
  if (last === 'token' && /^\d{1,9}[a-z]?$/.test(text)) return true;
  return last === 'secret' && /^[a-z]+(?:-[a-z]+)+$/.test(text);
}

const issued: readonly (readonly [string, RegExp])[] = [
  ['a private key', /-----BEGIN (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----/],
  ['a GitHub token', /\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{60})/],
  ['a GitLab token', /\bglpat-[A-Za-z0-9_-]{20}/],
  ['a Slack token', /\bxox[abeoprs]-[A-Za-z0-9-]{20}/],
  ['an AWS access key', /\b(?:AKIA|ASIA)[A-Z2-7]{16}\b/],
  ['a Google API key', /\bAIza[A-Za-z0-9_-]{35}/],
  ['a Stripe key', /\b[rs]k_live_[A-Za-z0-9]{20}/],
  ['an npm token', /\bnpm_[A-Za-z0-9]{36}/],
  ['a signed token (JWT)', /\beyJ[A-Za-z0-9_-]{10,300}\.eyJ[A-Za-z0-9_-]{10,4000}\.[A-Za-z0-9_-]{20}/],
];
const userInfo = /\b[a-z][a-z0-9+.-]{1,20}:\/\/[^\s:@/'"]{0,100}:([^\s@/'"]{1,200})@/i;

/** What kind of secret a text holds by its form alone, or null. The secret itself is never returned. */
export function secretIn(text: string): string | null {
  for (const [what, form] of issued) if (form.test(text)) return what;
  const password = userInfo.exec(text)?.[1];
  return password === undefined || filledIn.test(password) || /^[<%{]/.test(password)
    ? null
    : 'a URL with a password';
}

/** What kind of secret a setting is, by its name and its value, or null. */
export function secretSetting(name: string, value: string): string | null {
  const form = secretIn(value);
  if (form !== null) return form;
  return namesSecret(name) && !isNoSecret(name, value) ? 'a secret by its name' : null;
}

const line = /^\s*["']?([A-Za-z][\w.-]{0,99})["']?\s*[:=]\s*["']?([^\s"'(){}[\]<>$%,;]{4,200})["']?[,;]?\s*$/;
const sayings = /^(?:string|text|number|password|token|secret|bearer|basic|required)$/i;

/**
 * The first line of a file's text that sets a secret: `db.password=…` or `"password": "…"`. Prose, code and comments are
 * no settings: the value must be one word. Line numbers from 1.
 */
export function secretLine(
  text: string,
): { readonly line: number; readonly name: string; readonly what: string } | null {
  for (const [index, one] of text.split('\n').entries()) {
    if (one.length > 400) continue;
    const [, name = '', value = ''] = line.exec(one) ?? [];
    if (name !== '' && !sayings.test(value) && namesSecret(name) && !isNoSecret(name, value))
      return { line: index + 1, name, what: 'a secret by its name' };
  }
  return null;
}
