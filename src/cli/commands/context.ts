import { resolve } from 'node:path';
import { didYouMean } from '../../core/lint/documents-nearest.ts';
import { usage } from '../failure.ts';
import type { OutputFormat } from '../output-formats.ts';
import { printAnswer } from '../output.ts';
import type { Context } from '../configuration.ts';
import { configPath, readConfig, readToken, writeConfig } from '../settings.ts';
import { printData, say, sayNext } from '../terminal.ts';

/** Prints the contexts; never a token. */
export async function listContexts(options: { readonly output?: OutputFormat }): Promise<void> {
  const config = await readConfig();
  const contexts = Object.entries(config.contexts).map(([name, { token, ...context }]) => ({
    name,
    ...context,
    hasToken: token !== undefined || context.tokenFile !== undefined,
    current: name === config.current,
  }));
  await printAnswer(
    options.output,
    { contexts },
    {
      rows: contexts,
      columns: [
        { heading: 'NAME', cell: (c) => c.name },
        { heading: 'CURRENT', cell: (c) => (c.current ? '*' : '') },
        { heading: 'URL', cell: (c) => c.url },
        { heading: 'PROJECT', cell: (c) => c.project ?? '' },
        { heading: 'TOKEN', cell: (c) => (c.hasToken ? 'yes' : 'no') },
      ],
      name: (c) => `context/${c.name}`,
      empty: `There is no context in ${configPath()}.`,
    },
  );
}

/** Makes a context the current one. */
export async function useContext(name: string): Promise<void> {
  const config = await readConfig();
  if (config.contexts[name] === undefined)
    throw usage(
      `there is no context ${name}; ${didYouMean(name, Object.keys(config.contexts))}`,
      'belay context list',
    );
  await writeConfig({ ...config, current: name });
  printData(`context/${name} used`);
}

/** Adds or changes a context; the first becomes the current one. */
export async function setContext(
  name: string,
  options: {
    readonly server?: string;
    /** What `--server` was called before. */
    readonly url?: string;
    readonly project?: string;
    readonly tokenStdin: boolean;
    readonly tokenFile?: string;
  },
): Promise<void> {
  if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(name))
    throw usage(`${name} is no name of a context: lower-case letters, digits, hyphens`);
  if (options.tokenStdin && options.tokenFile !== undefined)
    throw usage('either --token-stdin or --token-file');
  const config = await readConfig();
  const before = config.contexts[name];
  const url = options.server ?? options.url ?? before?.url;
  if (url === undefined || !/^https?:\/\//.test(url))
    throw usage('say where the server is: --server http(s)://…');
  const moved = before !== undefined && before.url !== url;
  // A token is for the server that it was given for.
  const kept: Partial<Context> =
    before === undefined || moved || options.tokenStdin || options.tokenFile !== undefined ? {} : before;
  const context: Context = {
    ...kept,
    url,
    ...(options.project === undefined ? {} : { project: options.project }),
    ...(options.tokenStdin ? { token: await readToken('-') } : {}),
    ...(options.tokenFile === undefined ? {} : { tokenFile: resolve(options.tokenFile) }),
  };
  if (before?.project !== undefined && context.project === undefined) context.project = before.project;
  await writeConfig({ current: config.current ?? name, contexts: { ...config.contexts, [name]: context } });
  printData(`context/${name} set`);
  say(`written to ${configPath()}`);
  if (config.current !== undefined && config.current !== name) sayNext(`belay context use ${name}`);
}
