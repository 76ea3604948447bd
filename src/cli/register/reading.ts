import type { Command } from 'commander';
import { connected, described, printing } from './shared.ts';

/** Commands that only look. */
export function registerReading(program: Command): void {
  const why = described(
    program.command('why <service>'),
    'Why it does not move, who must act, what comes next',
    ['belay why shop', 'belay why shop --environment production -o json'],
  )
    .option('--environment <name>', 'only this environment')
    .option('-w, --watch', 'again whenever something changes', false);
  printing(connected(why)).action(async (service, options) =>
    (await import('../commands/why.ts')).why(service, options),
  );

  const status = described(
    program.command('status [service]'),
    'What is stable, what moves, what it waits for',
    [
      'belay status',
      'belay status shop -w',
      'belay status -o json -w                      # one JSON object a line',
    ],
  )
    .option('--environment <name>', 'only this environment')
    .option('-w, --watch', 'again whenever something changes', false);
  printing(connected(status)).action(async (service, options) =>
    (await import('../commands/status.ts')).status(service, options),
  );

  const where = described(program.command('where <commit>'), 'Where a commit, digest or release is', [
    'belay where 9f8d111',
    'belay where sha256:4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a',
  ]);
  printing(connected(where)).action(async (query, options) =>
    (await import('../commands/where.ts')).where(query, options),
  );

  const history = described(program.command('history [service]'), 'What happened, newest first', [
    'belay history shop',
    'belay history shop --environment production --limit 100',
    'belay history shop -w                        # as it comes',
  ])
    .option('--environment <name>', 'only this environment')
    .option('--limit <count>', 'how many', '30')
    .option('--before <index>', 'only what came before this index')
    .option('-w, --watch', 'go on with what comes, oldest first', false);
  printing(connected(history)).action(async (service, options) =>
    (await import('../commands/history.ts')).history(service, options),
  );

  const diagnostics = described(
    program.command('diagnostics <service>'),
    'What the release that was turned back last said: its log lines and events',
    ['belay diagnostics shop', 'belay diagnostics shop --release shop-v3 --environment production'],
  )
    .option('--environment <name>', 'only this environment')
    .option('--release <name>', 'of this release');
  printing(connected(diagnostics)).action(async (service, options) =>
    (await import('../commands/diagnostics.ts')).diagnostics(service, options),
  );

  const describe = described(program.command('describe <kind> <name>'), 'The page that a new hire reads', [
    'belay describe pipeline shop > shop.md',
    'belay describe pipeline shop -f belay.yaml   # from files, without a server',
  ])
    .option('-f, --file <path>', 'read the documents from here instead of the server')
    .option('-o, --output <format>', 'md, json or yaml', 'md');
  connected(describe).action(async (kind, name, options) =>
    (await import('../commands/describe.ts')).describe(kind, name, options),
  );

  registerEvidence(program);
}

function registerEvidence(program: Command): void {
  const evidence = program
    .command('evidence')
    .description('Evidence packs: export one, or check one offline');
  const exported = described(evidence.command('export <release>'), 'Fetch the evidence pack of a release', [
    'belay evidence export shop-v2 -d ./pack',
    'belay evidence export shop-v2 -f shop-v2.tar',
  ])
    .option('-d, --dir <folder>', 'unpack it here; must be empty or new')
    .option('-f, --file <file>', 'write the archive here, - for stdout')
    .option('--service <name>', 'the service, where several have a release of this name');
  connected(exported).action(async (release, options) =>
    (await import('../commands/evidence.ts')).exportEvidence(release, options),
  );
  described(evidence.command('samples <folder>'), 'Print what a rollout was judged by, for analysis replay', [
    'belay evidence samples ./pack > samples.ndjson',
    'belay evidence samples ./pack --environment production | belay analysis replay - --gate gate.yaml',
  ])
    .option('--environment <name>', 'of the rollout there')
    .option('--promotion <id>', 'of this one, where there were several')
    .action(async (folder, options) =>
      (await import('../commands/evidence-samples.ts')).evidenceSamples(folder, options),
    );
  described(evidence.command('verify <folder>'), 'Check a pack: no server, no network', [
    'belay evidence verify ./pack',
    'belay evidence verify ./pack -o json',
  ])
    .option('--key <key or file>', 'the log’s verifier key, from somewhere else than the pack')
    .option('--previous-checkpoint <file>', 'an earlier checkpoint of the log that you kept')
    .option('-o, --output <format>', 'json for the whole report')
    .action(async (folder, options) =>
      (await import('../commands/evidence.ts')).verifyEvidence(folder, options),
    );
}
