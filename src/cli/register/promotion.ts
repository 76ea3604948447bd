import type { Command } from 'commander';
import { collect, connected, described, narrowed, noted, printing, waiting } from './shared.ts';

/** Commands that move a release, hold it, or take it back. */
export function registerPromotion(program: Command): void {
  const promote = described(
    program.command('promote <release>'),
    'Ask for a release to be promoted in a stage',
    [
      'belay promote shop-v2                        # in the next stage of its pipeline',
      'belay promote shop-v2 --stage production --wait=promoted --timeout 30m',
    ],
  )
    .option('--stage <name>', 'the stage; the pipeline’s next one unless told')
    .option('--service <name>', 'the service, where several have a release of this name')
    .option('--pipeline <name>', 'the pipeline, where several of the service have this stage')
    .option('--lift-quarantine', 'take an artifact that was rolled back here before', false);
  printing(connected(waiting(noted(promote)))).action(async (release, options) =>
    (await import('../commands/promote.ts')).promote(release, options),
  );

  const approve = described(program.command('approve <target>'), 'Approve exactly the plan of a promotion', [
    'belay approve shop                           # the one open promotion of shop that needs it',
    'belay approve shop-v2-production --plan 3fa94c…',
  ]).option('--plan <digest>', 'approve only if the plan is this one (a prefix will do)');
  printing(connected(waiting(narrowed(noted(approve))))).action(async (target, options) =>
    (await import('../commands/people.ts')).approve(target, options),
  );

  const reject = described(program.command('reject <target>'), 'Refuse a promotion', [
    'belay reject shop -m "the price list is missing" --changes-requested',
  ]).option('--changes-requested', 'it may come again when it was changed', false);
  printing(connected(narrowed(noted(reject)))).action(async (target, options) =>
    (await import('../commands/people.ts')).reject(target, options),
  );

  simple(program, 'pause', 'Hold a promotion where it stands', ['belay pause shop -m "looking at the logs"']);
  simple(program, 'resume', 'Let a held promotion go on', ['belay resume shop']);
  simple(program, 'abort', 'End an unfinished promotion and go back to stable', [
    'belay abort shop -m "wrong build"',
  ]);

  const waive = described(
    program.command('waive <target>'),
    'Let a promotion leave its weight without an answer of a gate that lacks traffic',
    [
      'belay waive shop                             # shows what the gate has, and waives nothing',
      'belay waive shop --gate canary -m "night: no customers before 7" --for 30m',
    ],
  )
    .option('--gate <name>', 'the metric gate, where several hold it')
    .option('--for <time>', 'how long the waiver counts, from 1m to 24h', '1h');
  printing(connected(narrowed(noted(waive)))).action(async (target, options) =>
    (await import('../commands/waive.ts')).waive(target, options),
  );

  const rollback = described(
    program.command('rollback <service>'),
    'Go back from a promoted release to an earlier one',
    [
      'belay rollback shop                          # to the version before',
      'belay rollback shop --to shop-v1 --environment production --wait=promoted',
      'belay rollback shop --to shop-v1 --direct -f belay.yaml   # the server is gone: in Kubernetes',
    ],
  )
    .option('--to <release>', 'the release to go back to; the one before unless told')
    .option('--direct', 'without the server: write the route itself (break-glass)', false)
    .option(
      '-f, --file <path>',
      'with --direct: the documents that say where in Kubernetes it is (again for each)',
      collect,
      [],
    );
  printing(connected(waiting(narrowed(noted(rollback))))).action(async (service, options) =>
    (await import('../commands/rollback.ts')).rollback(service, options),
  );
  registerFreeze(program);
}

type Simple = 'pause' | 'resume' | 'abort';

function simple(program: Command, verb: Simple, summary: string, examples: readonly string[]): void {
  const command = described(program.command(`${verb} <target>`), summary, examples);
  printing(connected(narrowed(noted(command)))).action(async (target, options) =>
    (await import('../commands/people.ts')).hold(verb, target, options),
  );
}

function registerFreeze(program: Command): void {
  const freeze = described(
    program.command('freeze [scope]'),
    'Hold every promotion of a scope at once: everything, project NAME or environment NAME',
    [
      'belay freeze everything --reason "incident 42"         # the red button',
      'belay freeze environment production --reason "sale" --for 6h',
      'belay freeze list',
    ],
  )
    .argument('[name]', 'the project or environment')
    .option('--reason <text>', 'why; people see it')
    .option('--for <time>', 'lift it by itself after this time')
    .option('--until <instant>', 'lift it by itself then, such as 2026-12-27T06:00:00Z');
  printing(connected(freeze)).action(async (scope, name, options) =>
    (await import('../commands/freeze.ts')).freeze(scope, name, options),
  );
  const unfreeze = described(program.command('unfreeze [id]'), 'Lift a freeze', [
    'belay unfreeze             # the one that there is',
    'belay unfreeze sale-1',
  ]);
  connected(noted(unfreeze)).action(async (id, options) =>
    (await import('../commands/freeze.ts')).unfreeze(id, options),
  );
}
