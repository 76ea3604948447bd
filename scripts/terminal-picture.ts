import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { parseArgs, stripVTControlCharacters } from 'node:util';

/**
 * Draws what a command prints as an SVG, so that pictures in the documents are made and not pasted. Usage:
 * terminal-picture.ts --out docs/pictures/demo.svg -- ./belay demo
 */

const { values, positionals } = parseArgs({ options: { out: { type: 'string' } }, allowPositionals: true });
const [command, ...args] = positionals;
if (values.out === undefined || command === undefined)
  throw new Error('usage: terminal-picture.ts --out FILE -- COMMAND [ARGUMENT...]');

const ran = spawnSync(command, args, {
  encoding: 'utf8',
  env: { ...process.env, FORCE_COLOR: '1' },
  maxBuffer: 16 << 20,
});
const longestLine = 118;
const lineHeight = 19;
const characterWidth = 8.1;

/** Splits a line into runs of one colour by its ANSI sequences (ECMA-48 SGR). */
function runsOf(line: string): readonly { readonly text: string; readonly colour: string }[] {
  const colours: Record<string, string> = {
    '2': '#8b949e',
    '32': '#3fb950',
    '33': '#d29922',
    '36': '#39c5cf',
    '31': '#f85149',
    '1': '#ffffff',
  };
  const plain = '#e6edf3';
  const [first = '', ...rest] = line.split('\u001b[');
  const coloured = rest.map((part) => {
    const end = part.indexOf('m');
    return { text: part.slice(end + 1), colour: colours[part.slice(0, end)] ?? plain };
  });
  return [{ text: first, colour: plain }, ...coloured].filter((run) => run.text !== '');
}

const escape = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

const shown = [`$ ${[command, ...args].join(' ')}`, ...ran.stdout.trimEnd().split('\n')].map((line) =>
  stripVTControlCharacters(line).length > longestLine
    ? `${stripVTControlCharacters(line).slice(0, longestLine - 1)}…`
    : line,
);
const width = Math.ceil(longestLine * characterWidth + 32);
const height = shown.length * lineHeight + 32;
const body = shown
  .map((line, i) => {
    const spans = runsOf(line).map((run) => `<tspan fill="${run.colour}">${escape(run.text)}</tspan>`);
    return `<text x="16" y="${24 + i * lineHeight}" xml:space="preserve">${spans.join('')}</text>`;
  })
  .join('\n');
writeFileSync(
  values.out,
  `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" role="img" aria-label="${escape(shown[0] ?? '')}">
<rect width="100%" height="100%" rx="8" fill="#0d1117"/>
<g font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,monospace" font-size="13.5">
${body}
</g>
</svg>
`,
);
process.exitCode = ran.status ?? 1;
