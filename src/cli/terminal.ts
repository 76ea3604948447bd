import { usage } from './failure.ts';

/** What a stream may be coloured with. */
export type Colour = 'red' | 'green' | 'yellow' | 'cyan' | 'dim' | 'bold';

const codes: Readonly<Record<Colour, readonly [number, number]>> = {
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
  dim: [2, 22],
  bold: [1, 22],
};

/** Whether a stream gets colours: never with NO_COLOR, always with CLICOLOR_FORCE, else only on a terminal. */
function coloured(stream: NodeJS.WriteStream): boolean {
  if ((process.env['NO_COLOR'] ?? '') !== '') return false;
  if (!['', '0'].includes(process.env['CLICOLOR_FORCE'] ?? '')) return true;
  return stream.isTTY && process.env['TERM'] !== 'dumb';
}

/** Everything that a terminal would take for a command, taken out: names and notes come from others. */
export const printable = (text: string): string =>
  // oxlint-disable-next-line no-control-regex -- control characters are exactly what is meant
  text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, '\uFFFD');

const paint = (stream: NodeJS.WriteStream, colour: Colour, text: string): string => {
  if (!coloured(stream)) return text;
  const [on, off] = codes[colour];
  return `\u001b[${on}m${text}\u001b[${off}m`;
};

/** Data, for the next program: to stdout, coloured only for people. */
export const dataColour = (colour: Colour, text: string): string => paint(process.stdout, colour, text);

/** A line of data to stdout. */
export const printData = (line: string): void => void process.stdout.write(`${line}\n`);

/** A line of words to stderr. */
export const say = (line: string): void => void process.stderr.write(`${printable(line)}\n`);

/** A failure to stderr with what to do next. */
export function sayFailure(
  message: string,
  next: readonly string[],
  word: 'error' | 'waits' = 'error',
): void {
  const colour = word === 'error' ? 'red' : 'yellow';
  process.stderr.write(`${paint(process.stderr, colour, `${word}:`)} ${printable(message)}\n`);
  for (const line of next) sayNext(line);
}

/** A suggestion of the next command, to stderr. */
export const sayNext = (line: string): void =>
  void process.stderr.write(`${paint(process.stderr, 'cyan', 'next:')} ${printable(line)}\n`);

/** All of stdin as text; more than `mostBytes` is refused. */
export async function readStdin(mostBytes = Infinity): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of process.stdin) {
    const bytes = Buffer.from(chunk as Uint8Array);
    size += bytes.length;
    if (size > mostBytes) throw usage(`stdin holds more than ${mostBytes} bytes`);
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString('utf8');
}
