import type { Command } from 'commander';
import { described } from './shared.ts';

/** Trying an analysis on one's own records before it may block anything. */
export function registerAnalysis(program: Command): void {
  const analysis = program.command('analysis').description('Canary analysis: play recorded samples');
  described(analysis.command('replay <file>'), 'Play recorded samples through an analysis', [
    'belay analysis replay samples.ndjson --history before.ndjson',
    'belay analysis replay samples.ndjson --gate gate.yaml -o json',
  ])
    .option('--history <file>', 'samples of stable pods from before, in the same form')
    .option('--gate <file>', 'margins and budgets; the defaults unless told')
    .option('--svg <file>', 'draw both arms, the interval, the margin and the moves')
    .option('-o, --output <format>', 'json for a machine')
    .action(async (file, options) => (await import('../commands/analysis.ts')).replayAnalysis(file, options));
}
