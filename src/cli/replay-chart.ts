import type { MetricNumbers } from '../core/analysis/judgement.ts';
import { seriesOf } from '../core/analysis/profile.ts';
import type { Replay, ReplayDecision } from '../core/analysis/replay.ts';
import { formatSeries } from '../core/report/numbers.ts';

const width = 900;
const panel = { height: 240, left: 64, right: 36, top: 34, bottom: 36 };
const colours = {
  canary: '#c2410c',
  stable: '#1d4ed8',
  margin: '#6b7280',
  rollback: '#b91c1c',
  advance: '#15803d',
} as const;

/**
 * A replay as a picture: for each metric the rates of both arms at the running weight on one axis, the canary's
 * interval, stable's rate plus the margin, and where the analysis moved.
 */
export function replayChart(replay: Replay): string {
  const { decisions } = replay;
  const count = decisions[0]?.metrics.length ?? 0;
  const panels = Array.from({ length: count }, (_, i) => metricPanel(decisions, i));
  const height = panel.height * count;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12" role="img">`,
    `<title>Analysis replay: ${replay.final.move}, ${replay.final.reason.code}</title>`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    ...panels,
    '</svg>',
    '',
  ].join('\n');
}

interface Point {
  readonly t: number;
  readonly move: ReplayDecision['move'];
  readonly reason: string;
  readonly numbers: MetricNumbers;
}

function metricPanel(decisions: readonly ReplayDecision[], index: number): string {
  const points = decisions.flatMap(({ t, move, reason, metrics }): Point[] => {
    const numbers = metrics[index];
    return numbers === undefined ? [] : [{ t, move, reason: reason.code, numbers }];
  });
  const from = points[0]?.t ?? 0;
  const to = Math.max(from + 1, points.at(-1)?.t ?? 1);
  const high = points.reduce((rate, { numbers }) => Math.max(rate, highest(numbers)), 0.001);
  const rates = ticks(1.25 * high, 4);
  const most = rates.at(-1) ?? 1;
  const x = (t: number): string =>
    (panel.left + ((t - from) / (to - from)) * (width - panel.left - panel.right)).toFixed(1);
  const floor = panel.height - panel.bottom;
  const y = (rate: number): string =>
    (floor - (Math.min(rate, most) / most) * (floor - panel.top)).toFixed(1);
  const line = (of: (numbers: MetricNumbers) => number | null): string =>
    points
      .flatMap(({ t, numbers }) => {
        const rate = of(numbers);
        return rate === null ? [] : [`${x(t)},${y(rate)}`];
      })
      .join(' ');
  const upper = line(({ canary }) => canary.interval[1]);
  const lower = line(({ canary }) => canary.interval[0])
    .split(' ')
    .reverse()
    .join(' ');
  const stroke = (of: (numbers: MetricNumbers) => number | null, colour: string, more = ''): string =>
    `<polyline points="${line(of)}" fill="none" stroke="${colour}" stroke-width="1.5"${more}/>`;
  return [
    `<g transform="translate(0 ${index * panel.height})">`,
    ...axes(points, { x, y, rates, floor }),
    `<polygon points="${upper} ${lower}" fill="${colours.canary}" fill-opacity="0.12"/>`,
    stroke(
      ({ stable, margin }) => (stable.rate === null ? null : stable.rate + margin),
      colours.margin,
      ' stroke-dasharray="5 4"',
    ),
    stroke(({ stable }) => stable.rate, colours.stable),
    stroke(({ canary }) => canary.rate, colours.canary),
    ...moves(points, x, floor),
    '</g>',
  ].join('\n');
}

/** What must be seen; the canary's interval may reach beyond, being wide at first. */
const highest = ({ canary, stable, margin }: MetricNumbers): number =>
  Math.max(canary.rate ?? 0, (stable.rate ?? 0) + margin);

interface Frame {
  readonly x: (t: number) => string;
  readonly y: (rate: number) => string;
  readonly rates: readonly number[];
  readonly floor: number;
}

function axes(points: readonly Point[], { x, y, rates, floor }: Frame): readonly string[] {
  const metric = points[0]?.numbers.metric;
  const name = metric === undefined ? '' : formatSeries(seriesOf(metric));
  const legend = (at: number, colour: string, text: string): string =>
    `<text x="${at}" y="18" fill="${colour}">${text}</text>`;
  const from = points[0]?.t ?? 0;
  const minutes = ((points.at(-1)?.t ?? from) - from) / 60;
  return [
    `<text x="${panel.left}" y="18" font-weight="bold">${name}</text>`,
    legend(500, colours.canary, 'canary, 95 % interval'),
    legend(650, colours.stable, 'stable'),
    legend(710, colours.margin, 'stable + margin at 100 %'),
    ...rates.map(
      (rate) =>
        `<line x1="${panel.left}" x2="${width - panel.right}" y1="${y(rate)}" y2="${y(rate)}" stroke="#e5e7eb"/>` +
        `<text x="${panel.left - 6}" y="${y(rate)}" dy="4" text-anchor="end" fill="#374151">${short(100 * rate)} %</text>`,
    ),
    // Since the first boundary: recorded times may count from 1970.
    ...ticks(minutes, 8)
      .filter((at) => at <= minutes)
      .map(
        (at) =>
          `<text x="${x(from + 60 * at)}" y="${floor + 16}" text-anchor="middle" fill="#374151">${short(at)} min</text>`,
      ),
  ];
}

/** Round numbers from 0 to what is reached, about so many. */
function ticks(reached: number, about: number): readonly number[] {
  const size = 10 ** Math.floor(Math.log10(Math.max(reached, 1e-9) / about));
  const step = size * ([1, 2, 5].find((one) => one * size * about >= reached) ?? 10);
  return Array.from({ length: Math.ceil(reached / step - 1e-9) + 1 }, (_, i) => i * step);
}

const short = (value: number): string => String(Number(value.toPrecision(6)));

/** The first of each run of the same move is marked; in rows, so that quick steps do not hide each other. */
const moves = (points: readonly Point[], x: Frame['x'], floor: number): readonly string[] =>
  points
    .filter(({ move }, i) => move !== 'hold' && points[i - 1]?.move !== move)
    .map(({ t, move, reason }, i) => {
      const colour = move === 'rollback' ? colours.rollback : colours.advance;
      return (
        `<line x1="${x(t)}" x2="${x(t)}" y1="${panel.top}" y2="${floor}" stroke="${colour}"><title>${reason}</title></line>` +
        `<text x="${x(t)}" ${beside(Number(x(t)))} y="${panel.top + 11 + 13 * (i % 4)}" fill="${colour}">${move}</text>`
      );
    });

/** A label stands right of its line, at the right edge left of it. */
const beside = (x: number): string => (x < width - 100 ? 'dx="3"' : 'dx="-3" text-anchor="end"');
