import type { Command } from 'commander';
import { described } from './shared.ts';

/** Trying an analysis on one's own records before it may block anything. */
export function registerAnalysis(program: Command): void {
  const analysis = program
    .command('analysis')
    .description('Canary analysis: what was counted before, and what it would decide');
  described(analysis.command('replay <file>'), 'Play recorded samples through an analysis (- reads stdin)', [
    'belay analysis replay samples.ndjson --history before.ndjson',
    'belay analysis replay samples.ndjson --gate gate.yaml -o json',
    'gunzip -c samples.ndjson.gz | belay analysis replay - --svg chart.svg',
  ])
    .option('--history <file>', 'samples of stable pods from before, in the same form')
    .option('--gate <file>', 'margins and budgets; the defaults unless told')
    .option('--svg <file>', 'draw both arms, the interval, the margin and the moves')
    .option('-o, --output <format>', 'json for a machine')
    .action(async (file, options) => (await import('../commands/analysis.ts')).replayAnalysis(file, options));

  described(
    analysis.command('history [files...]'),
    'Write what a release has counted while it was stable, from its environment’s Prometheus',
    [
      'belay analysis history belay.yaml --release shop-1 --out before.ndjson',
      'belay analysis history belay.yaml --release shop-1 --before 2026-11-20T06:00:00Z > before.ndjson',
    ],
  )
    .requiredOption('--release <name>', 'the release that was stable')
    .option('--service <name>', 'the service, where pipelines of the documents do not tell')
    .option('--environment <name>', 'the environment, where several have a metrics source')
    .option('-n, --project <name>', 'the project, where the documents are of several')
    .option('--before <instant>', 'read back from then, such as 2026-12-27T06:00:00Z; from now unless told')
    .option('--out <file>', 'where the samples go, one JSON object a line; to stdout unless told')
    .option('--secrets <folder>', 'where file:NAME of the source’s secret lies (or BELAY_SECRETS)')
    .option('--timeout <time>', 'the longest time for all of it', '5m')
    .option('-o, --output <format>', 'json: a summary for a machine, with the slices that were read')
    .action(async (files, options) =>
      (await import('../commands/analysis-history.ts')).analysisHistory(files, options),
    );
}
