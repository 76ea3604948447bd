import { z } from 'zod';
import { formatInstant } from '../../core/model/time-format.ts';
import { CreatedToken, Grant, TokenList, type TokenView } from '../../server/schemas.ts';
import { apiPath } from '../client.ts';
import { connect, connectToChange } from '../connect.ts';
import { usage } from '../failure.ts';
import type { OutputFormat } from '../output-formats.ts';
import { printAnswer, printObject } from '../output.ts';
import { type ConnectionOptions, milliseconds } from '../settings.ts';
import { printData, say } from '../terminal.ts';

interface TokenOptions extends ConnectionOptions {
  readonly output?: OutputFormat;
}

/** Makes a token. Its secret goes to stdout alone, so that it can be sent into a file. */
export async function createToken(
  subject: string,
  options: TokenOptions & {
    readonly grant: readonly string[];
    readonly kind: string;
    readonly expires?: string;
  },
): Promise<void> {
  if (options.kind !== 'person' && options.kind !== 'machine')
    throw usage(`there is no kind ${options.kind}; there is person, machine`);
  if (options.grant.length === 0) throw usage('say what it may do: --grant PROJECT:STAGES:VERBS');
  const request = {
    subject,
    kind: options.kind,
    grants: options.grant.map(parseGrant),
    ...(options.expires === undefined ? {} : { expiresAt: Date.now() + milliseconds(options.expires) }),
  };
  const client = await connectToChange(options);
  const created = await client.mutate('POST', '/v1/tokens', request, CreatedToken);
  if (options.output === 'json' || options.output === 'yaml') return printObject(options.output, created);
  say(`token/${created.id} created for ${subject}; its secret is printed once, here:`);
  printData(created.token);
}

/** `shop:staging,production:view,promote`; `*` for all projects or stages. */
export function parseGrant(text: string): Grant {
  const [project, stages, verbs, ...rest] = text.split(':');
  const parsed = Grant.safeParse({
    project,
    stages: stages === '*' ? '*' : stages?.split(','),
    verbs: verbs?.split(','),
  });
  if (parsed.success && rest.length === 0) return parsed.data;
  throw usage(
    `${text} is no grant; write PROJECT:STAGES:VERBS, such as shop:*:view,create-release${parsed.success ? '' : ` (${z.prettifyError(parsed.error).split('\n')[0]?.replace('✖ ', '') ?? ''})`}`,
  );
}

/** Prints tokens without their secrets. */
export async function listTokens(options: TokenOptions): Promise<void> {
  const client = await connect(options);
  const answer = await client.get('/v1/tokens', {}, TokenList);
  await printAnswer<TokenView>(options.output, answer, {
    rows: answer.tokens,
    columns: [
      { heading: 'ID', cell: (t) => t.id },
      { heading: 'SUBJECT', cell: (t) => t.subject.id },
      { heading: 'KIND', cell: (t) => t.subject.kind },
      { heading: 'GRANTS', cell: (t) => t.grants.map(grantText).join(' ') },
      { heading: 'EXPIRES', cell: (t) => (t.expiresAt === null ? 'never' : formatInstant(t.expiresAt)) },
      { heading: 'STATE', cell: (t) => (t.revokedAt === null ? 'valid' : 'revoked') },
      { heading: 'CREATED', cell: (t) => formatInstant(t.createdAt), wide: true },
    ],
    name: (t) => `token/${t.id}`,
    empty: 'There is no token.',
  });
}

const grantText = (grant: Grant): string =>
  `${grant.project}:${grant.stages === '*' ? '*' : grant.stages.join(',')}:${grant.verbs.join(',')}`;

/** Ends a token at once. */
export async function revokeToken(id: string, options: ConnectionOptions): Promise<void> {
  const client = await connectToChange(options);
  await client.mutate('DELETE', apiPath`/v1/tokens/${id}`, undefined, z.unknown());
  printData(`token/${id} revoked`);
}
