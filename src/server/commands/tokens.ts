import { ok } from '../../core/model/result.ts';
import { insertToken, listTokens, readToken, revokeToken, type TokenRow } from '../../store/tokens.ts';
import { may, mayEverywhere, need, needEverywhere, needSomewhere, type Principal } from '../access.ts';
import type { ServerParts } from '../parts.ts';
import { type Answer, refuse } from '../refusal.ts';
import type { CreatedToken, CreateTokenRequest, Grant, TokenView } from '../schemas.ts';
import { makeToken } from '../tokens.ts';

/** Who asks where a pipeline promotes by itself; see `requestBySystem`. */
const systemSubject = 'belay';

/** Makes a token for somebody. Whoever may administer a project may give out its verbs, and no other's. */
export async function createToken(
  parts: ServerParts,
  by: Principal,
  request: CreateTokenRequest,
): Promise<Answer<CreatedToken>> {
  if (request.subject === systemSubject)
    return refuse(422, 'invalid-request', `${systemSubject} is how requests of a pipeline itself are signed`);
  for (const grant of request.grants) {
    const allowed = mayGive(by, grant);
    if (!allowed.ok) return allowed;
  }
  const { secret, token } = makeToken(
    { id: request.subject, kind: request.kind },
    request.grants,
    request.expiresAt ?? null,
  );
  await insertToken(parts.pool, token);
  return ok({ id: token.id, token: secret });
}

const mayGive = (by: Principal, grant: Grant): Answer<null> =>
  grant.project === '*' ? needEverywhere(by, 'admin') : need(by, 'admin', grant.project, '*');

/** All tokens whose every grant the asker could have given. */
export async function showTokens(parts: ServerParts, by: Principal): Promise<Answer<readonly TokenView[]>> {
  const allowed = needSomewhere(by, 'admin');
  if (!allowed.ok) return allowed;
  const rows = await listTokens(parts.pool);
  return ok(rows.map(tokenView).filter((token) => mayManage(by, token)));
}

const mayManage = (by: Principal, token: TokenView): boolean =>
  mayEverywhere(by, 'admin') ||
  token.grants.every((grant) => grant.project !== '*' && may(by, 'admin', grant.project, '*'));

/** Ends a token at once. */
export async function endToken(parts: ServerParts, by: Principal, id: string): Promise<Answer<TokenView>> {
  const allowed = needSomewhere(by, 'admin');
  if (!allowed.ok) return allowed;
  const known = await readToken(parts.pool, id);
  if (known === null || !mayManage(by, tokenView(known)))
    return refuse(404, 'unknown-token', `there is no token ${id} that you may administer`);
  await revokeToken(parts.pool, id);
  const ended = await readToken(parts.pool, id);
  return ok(tokenView(ended ?? known));
}

const tokenView = ({ grants, ...row }: TokenRow): TokenView => ({
  ...row,
  grants: JSON.parse(grants) as Grant[],
});
