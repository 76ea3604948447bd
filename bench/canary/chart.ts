import { ourName } from './plan.ts';
import type { Cell } from './summary.ts';
import { harms, kinds } from './worlds.ts';

const escaped = (text: string): string => text.replace(/&/g, '&amp;').replace(/</g, '&lt;');

/** Worlds in which identical canaries count as false rollbacks, and harm whose detection is shown. */
const identical = [kinds.plain, kinds.clean, kinds.low, kinds.incident, kinds.clusters, kinds.pods];
const worse = [harms.half, harms.one, harms.five, harms.slower10, harms.slower2x];

/**
 * One dot a rule and harm: to the right the median minutes to detect, up the share of identical canaries that it
 * rolls back, on average over the worlds. Down and left is better; what never detects half lies at the right edge.
 */
export function chartOf(cells: readonly Cell[]): string {
  const [width, height, left, bottom] = [760, 420, 60, 360];
  const rules = [...new Set(cells.filter(({ part }) => part === 'A').map(({ rule }) => rule))];
  const of = (rule: string, world: string, harm: string): Cell | undefined =>
    cells.find((one) => one.part === 'A' && one.rule === rule && one.world === world && one.harm === harm);
  const x = (minutes: number | null): number =>
    left + (640 * Math.log(1 + 4 * Math.min(60, minutes ?? 60))) / Math.log(241);
  const y = (share: number): number => bottom - 320 * Math.sqrt(share);
  const colours = ['#0b6e4f', '#b23a48', '#d9822b', '#4a6fa5', '#7b5ea7', '#8a8a8a', '#c2a83e', '#333333'];
  const marks = rules.flatMap((rule, i) => {
    const rates = identical.flatMap((kind) => of(rule, kind.name, harms.none.name)?.rollback.share ?? []);
    const rate = rates.reduce((sum, one) => sum + one, 0) / Math.max(1, rates.length);
    const colour = colours[i % colours.length] ?? '#000';
    return [
      `<text x="${left + 652}" y="${40 + 18 * i}" fill="${colour}" font-weight="${rule === ourName ? 'bold' : 'normal'}" text-anchor="end">${escaped(rule)}</text>`,
      ...worse.flatMap((harm) => {
        const cell = of(rule, kinds.plain.name, harm.name);
        if (cell === undefined) return [];
        const at = x(cell.medianRollback.minutes);
        return [
          `<circle cx="${at.toFixed(1)}" cy="${y(rate).toFixed(1)}" r="5" fill="${colour}" fill-opacity="0.8"><title>${escaped(`${rule}: ${harm.name}, median ${cell.medianRollback.minutes ?? '> 60'} min, ${(100 * rate).toFixed(1)} % of identical canaries rolled back`)}</title></circle>`,
        ];
      }),
    ];
  });
  const ticks = [0.25, 1, 4, 15, 60].map(
    (minutes) =>
      `<text x="${x(minutes).toFixed(1)}" y="${bottom + 20}" text-anchor="middle">${minutes === 60 ? '60 or never' : minutes}</text>`,
  );
  const levels = [0, 0.01, 0.1, 0.5, 1].map(
    (share) =>
      `<line x1="${left}" x2="${left + 660}" y1="${y(share).toFixed(1)}" y2="${y(share).toFixed(1)}" stroke="#ddd"/>` +
      `<text x="${left - 8}" y="${(y(share) + 4).toFixed(1)}" text-anchor="end">${100 * share} %</text>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">
<title>False rollbacks against time to detect</title>
<rect width="${width}" height="${height}" fill="white"/>
${[...levels, ...ticks, ...marks].join('\n')}
<text x="${left}" y="${bottom + 42}">median minutes to detect a worse canary (a dot for each harm) →</text>
<text x="${left}" y="22">identical canaries rolled back within an hour, average over worlds ↑</text>
</svg>
`;
}
