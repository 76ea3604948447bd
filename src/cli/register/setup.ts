import { type Command, Option } from 'commander';
import { verbs } from '../../core/model/verbs.ts';
import { collect, connected, described, printing } from './shared.ts';

/** Documents, tokens, contexts, and what looks after the installation itself. */
export function registerSetup(program: Command): void {
  described(program.command('init'), 'Write a commented belay.yaml to begin with', [
    'belay init --service shop',
    'belay init --service shop --file - | belay apply -f -',
  ])
    .option('--service <name>', 'the service; the folder’s name unless told')
    .option('-n, --project <name>', 'the project; the service’s name unless told')
    .option('-f, --file <path>', 'where to write it, - for stdout', 'belay.yaml')
    .action(async (options) => (await import('../commands/init.ts')).init(options));

  described(
    program.command('lint [files...]'),
    'Check Belay documents and Kubernetes manifests without a server: files, folders and all below them, - for stdin',
    [
      'belay lint                     # belay.yaml',
      'belay lint ./pipelines -o json',
      'belay lint belay.yaml deploy/  # manifests as well, and their times against the pipeline’s',
      'helm template shop ./chart | belay lint -',
      'belay lint --explain prestop',
      'belay lint deploy/ --report workload.dsse.json --artifact shop.tar.gz --key ci.pem',
    ],
  )
    .option('-o, --output <format>', 'json for a machine')
    .option('--strict', 'warnings fail too', false)
    .option('--explain <rule>', 'say what a rule over manifests asks for, why, and how it looks')
    .option('--report <file>', 'write what came out as a check’s signed report (with --artifact and --key)')
    .option('--artifact <file>', 'the artifact that the report is about')
    .option('--key <file>', 'the private key (PEM, PKCS #8, Ed25519)')
    .option('--check <name>', 'the check that is reported', 'workload')
    .action(async (files, options) => (await import('../commands/lint.ts')).lint(files, options));

  const apply = described(program.command('apply [files...]'), 'Apply documents: all of them or none', [
    'belay apply belay.yaml',
    'belay apply -f ./pipelines --dry-run',
  ])
    .option('-f, --file <path>', 'a file, a folder, or - (again for each)', collect, [])
    .option('--dry-run', 'say what would change, change nothing', false);
  printing(connected(apply)).action(async (files, options) =>
    (await import('../commands/apply.ts')).apply(files, options),
  );

  described(
    program.command('simulate [script]'),
    'Play a pipeline in a simulated world before anybody trusts it',
    ['belay simulate scenarios/worse-canary.txt', 'belay simulate scenarios/worse-canary.txt -f belay.yaml'],
  )
    .option('-f, --file <path>', 'play with these documents')
    .option('-o, --output <format>', 'json for a machine')
    .action(async (script, options) => (await import('../commands/simulate.ts')).simulate(script, options));

  const doctor = described(program.command('doctor'), 'Look for what is wrong, with what mends it', [
    'belay doctor',
    'belay doctor -o json',
    'belay doctor --pre -f belay.yaml     # the clusters that its environments name, before any server is there',
  ])
    .option(
      '--pre',
      'look at clusters instead: version, rights, gateway, routes; with this shell’s kubeconfig',
      false,
    )
    .option(
      '-f, --file <path>',
      'with --pre: the documents (belay.yaml unless told; again for each)',
      collect,
      [],
    );
  printing(connected(doctor)).action(async (options) =>
    options.pre
      ? (await import('../commands/preflight.ts')).preflight(options)
      : (await import('../commands/doctor.ts')).doctor(options),
  );

  registerTokens(program);
  registerContexts(program);
  described(program.command('completion <shell>'), 'Print the completion script of a shell', [
    'source <(belay completion bash)',
    'belay completion fish > ~/.config/fish/completions/belay.fish',
  ]).action(async (shell) => (await import('../commands/completion.ts')).completion(shell, program));
}

function registerTokens(program: Command): void {
  const token = program.command('token').description('Tokens: create, list, revoke (verb admin)');
  const create = described(token.command('create <subject>'), 'Make a token; its secret is printed once', [
    'belay token create ci-shop --kind machine --grant shop:*:view,create-release > ci.token',
    'belay token create u-1234 --grant shop:production:view,approve --expires 90d',
    'belay token create u-5678 --grant shop:*:view,promote,rollback,freeze',
  ])
    .requiredOption(
      '--grant <project:stages:verbs>',
      `what it may do (again for each): a project or *, stages with commas or *, and of the verbs ${verbs.join(', ')}`,
      collect,
      [],
    )
    .option('--kind <kind>', 'person or machine', 'person')
    .option('--expires <time>', 'how long it counts, such as 90d');
  printing(connected(create)).action(async (subject, options) =>
    (await import('../commands/token.ts')).createToken(subject, options),
  );
  printing(
    connected(described(token.command('list'), 'Tokens without their secrets', ['belay token list'])),
  ).action(async (options) => (await import('../commands/token.ts')).listTokens(options));
  connected(
    described(token.command('revoke <id>'), 'End a token at once', ['belay token revoke 7f3a…']),
  ).action(async (id, options) => (await import('../commands/token.ts')).revokeToken(id, options));
}

function registerContexts(program: Command): void {
  const context = program.command('context').description('Servers that you talk to: list, use, set');
  printing(
    described(context.command('list'), 'The contexts of the configuration file', ['belay context list']),
  ).action(async (options) => (await import('../commands/context.ts')).listContexts(options));
  described(context.command('use <name>'), 'Talk to this one from now on', ['belay context use work']).action(
    async (name) => (await import('../commands/context.ts')).useContext(name),
  );
  described(context.command('set <name>'), 'Add or change one', [
    'belay context set work --server https://belay.example --token-stdin < token',
  ])
    .option('--server <url>', 'the server’s address')
    .addOption(new Option('--url <url>', 'the same').hideHelp())
    .option('-n, --project <name>', 'the project that is meant unless told')
    .option(
      '--token-stdin',
      'read the token from stdin and keep it in the file, readable by you alone',
      false,
    )
    .option('--token-file <file>', 'read the token from this file at each use')
    .action(async (name, options) => (await import('../commands/context.ts')).setContext(name, options));
}
