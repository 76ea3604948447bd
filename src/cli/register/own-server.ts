import { type Command, Option } from 'commander';
import type { ClusterOptions } from '../../app/demo/cluster/options.ts';
import { usage } from '../failure.ts';
import { described } from './shared.ts';

/**
 * `up` and `demo` start a server of one's own. What they do belongs to the composition root, which nobody else
 * may import: this file is the one exception, and loads it only when it is asked for.
 */
export function registerOwnServer(program: Command): void {
  described(program.command('up'), 'Start a server for your own work, with everything it needs', [
    'belay up',
    'belay up --data ./belay-data --port 0',
  ])
    .option('--data <folder>', 'where everything lies; printed at the start')
    .option('--port <number>', 'the port on loopback; 0 for a free one', Number, 7420)
    .addOption(
      new Option('--log-level <level>', 'what is logged')
        .choices(['debug', 'info', 'warn', 'error', 'silent'])
        .default('warn'),
    )
    .action(async (options) => {
      const { runUp } = await import('../../app/up.ts');
      process.exitCode = await runUp(
        options,
        (line) => void process.stdout.write(`${line}\n`),
        interrupted(),
      );
    });

  described(
    program.command('demo'),
    'Watch good and bad releases go to production, live, and check the proof',
    [
      'belay demo',
      'belay demo --only v2,v3 --report report.json',
      'belay demo --context kind-kind --gateway-url http://127.0.0.1:8080 --envoy http://127.0.0.1:9001',
    ],
  )
    .option('--report <file>', 'write what happened as JSON')
    .option('--json', 'one JSON object a line instead of words', false)
    .option('--seed <number>', 'the seed of the load', Number, 1)
    .option('--keep', 'leave the folder with all data, and the namespaces in a cluster', false)
    .option('--only <versions>', 'only these, such as v2,v3', (text: string) => text.split(','))
    .option('--context <name>', 'play it on the Kubernetes cluster of this context of your kubeconfig')
    .option(
      '--registry <host/path>',
      'where images are pushed and nodes pull them; http:// before it for one without TLS',
    )
    .option('--gateway <namespace/name>', 'which Gateway, where there are several')
    .option('--gateway-url <url>', 'where its traffic comes in, as seen from here')
    .option('--envoy <urls>', 'Envoy’s admin interface or statistics, one for each Envoy', (text: string) =>
      text.split(','),
    )
    .action(async (options) => {
      const { runDemo } = await import('../../app/demo.ts');
      process.exitCode = await runDemo({ ...options, cluster: clusterOf(options) }, interrupted());
    });
}

const onlyWithContext = ['registry', 'gateway', 'gatewayUrl', 'envoy'] as const;

/** What is said of a cluster; undefined where none is named. */
function clusterOf(
  options: { readonly context?: string } & {
    readonly [K in (typeof onlyWithContext)[number]]?: K extends 'envoy' ? string[] : string;
  },
): ClusterOptions | undefined {
  const { context, registry, gateway, gatewayUrl, envoy = [] } = options;
  if (context !== undefined) {
    for (const url of [...envoy, ...(gatewayUrl === undefined ? [] : [gatewayUrl])])
      if (!/^https?:\/\/[^/?#]+\/?$/.test(url))
        throw usage(`${url} is no address: expected one such as http://127.0.0.1:8080`);
    if (gateway !== undefined && !/^[a-z0-9-]+\/[a-z0-9.-]+$/.test(gateway))
      throw usage(`${gateway} names no Gateway: expected NAMESPACE/NAME`);
    return { context, registry, gateway, gatewayUrl, envoy };
  }
  const alone = onlyWithContext.find((name) => options[name] !== undefined);
  if (alone !== undefined) throw usage('which cluster? say --context NAME', 'kubectl config get-contexts');
  return undefined;
}

/** Aborted by the first Ctrl-C or TERM; whoever gets it stops everything and resolves. */
function interrupted(): AbortSignal {
  const stop = new AbortController();
  process.on('SIGINT', () => stop.abort());
  process.on('SIGTERM', () => stop.abort());
  return stop.signal;
}
