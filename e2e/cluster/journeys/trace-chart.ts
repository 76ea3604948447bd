import type { Trace } from './trace.ts';

const width = 900;
const panel = { height: 130, left: 64, right: 16, top: 26, bottom: 22 };
const colours = ['#1d4ed8', '#c2410c', '#15803d', '#7b5ea7', '#8a8a8a'];

const escaped = (text: string): string =>
  text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/"/g, '&quot;');

type Point = readonly [t: number, value: number];
interface Line {
  readonly name: string;
  readonly points: readonly Point[];
}

/** A journey as a picture: answers, failures, p99 and weights over its seconds; lines stand where something was decided. */
export function traceChart(trace: Trace): string {
  const { seconds, route, decisions } = trace;
  const end = Math.max(1, seconds.at(-1)?.t ?? 0, route.at(-1)?.t ?? 0);
  const releases = [...new Set(route.flatMap((look) => Object.keys(look.route)))].sort();
  const panels: readonly (readonly [string, readonly Line[]])[] = [
    [
      'answers a second',
      releases.map((name) => ({ name, points: seconds.map(({ t, by }) => [t, by[name] ?? 0]) })),
    ],
    ['failed a second', [{ name: 'all', points: seconds.map(({ t, errors }) => [t, errors]) }]],
    ['p99 in ms', [{ name: 'all', points: seconds.map(({ t, p99 }) => [t, p99]) }]],
    ['weight in %', releases.map((name) => ({ name, points: stepsOf(route, name, end) }))],
  ];
  const marks = decisions.filter(({ type, t }) => type === 'decided' && t >= 0 && t <= end);
  const height = panels.length * panel.height;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12" role="img">`,
    `<title>${escaped(trace.journey)}</title>`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    ...panels.map(([title, lines], i) => drawn(title, lines, end, marks, i * panel.height)),
    '</svg>',
    '',
  ].join('\n');
}

/** A weight holds until the next look that found another. */
function stepsOf(route: Trace['route'], release: string, end: number): readonly Point[] {
  return route.flatMap((look, i): Point[] => {
    const weight = look.route[release] ?? 0;
    return [
      [look.t, weight],
      [route[i + 1]?.t ?? end, weight],
    ];
  });
}

function drawn(
  title: string,
  lines: readonly Line[],
  end: number,
  marks: Trace['decisions'],
  offset: number,
): string {
  const floor = panel.height - panel.bottom;
  const most = 1.1 * Math.max(1, ...lines.flatMap(({ points }) => points.map(([, value]) => value)));
  const x = (t: number): string => (panel.left + (t / end) * (width - panel.left - panel.right)).toFixed(1);
  const y = (value: number): string => (floor - (value / most) * (floor - panel.top)).toFixed(1);
  return [
    `<g transform="translate(0 ${offset})">`,
    `<text x="${panel.left}" y="16" font-weight="bold">${title}</text>`,
    ...[0, most / 2, most].map(
      (value) =>
        `<line x1="${panel.left}" x2="${width - panel.right}" y1="${y(value)}" y2="${y(value)}" stroke="#e5e7eb"/>` +
        `<text x="${panel.left - 6}" y="${y(value)}" dy="4" text-anchor="end" fill="#374151">${value.toFixed(0)}</text>`,
    ),
    ...[0, 0.25, 0.5, 0.75, 1].map(
      (share) =>
        `<text x="${x(share * end)}" y="${floor + 15}" text-anchor="middle" fill="#374151">${(share * end).toFixed(0)} s</text>`,
    ),
    ...marks.map(
      ({ t, sentence }) =>
        `<line x1="${x(t)}" x2="${x(t)}" y1="${panel.top}" y2="${floor}" stroke="#9ca3af" stroke-dasharray="2 3"><title>${escaped(sentence)}</title></line>`,
    ),
    ...lines.flatMap(({ name, points }, i) => {
      const colour = colours[i % colours.length] ?? '#000';
      const path = points.map(([t, value]) => `${x(t)},${y(value)}`).join(' ');
      return [
        `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="1.5"/>`,
        `<text x="${260 + 120 * i}" y="16" fill="${colour}">${escaped(name)}</text>`,
      ];
    }),
    '</g>',
  ].join('\n');
}
