import { z } from '@hono/zod-openapi';
import { ok } from '../../core/model/result.ts';
import { createToken, endToken, showTokens } from '../commands/tokens.ts';
import { type App, operation } from '../operation.ts';
import type { ServerParts } from '../parts.ts';
import { CreatedToken, CreateTokenRequest, TokenId, TokenList, TokenView, WhoAmI } from '../schemas.ts';

/** Who may come in. */
export function tokenRoutes(app: App, parts: ServerParts): void {
  operation(
    app,
    { method: 'get', path: '/v1/whoami', summary: 'Who this token stands for', answer: WhoAmI },
    async ({ by }) => ok({ subject: by.subject, grants: [...by.grants] }),
  );
  operation(
    app,
    {
      method: 'post',
      path: '/v1/tokens',
      summary: 'Make a token; its secret is shown once (admin)',
      body: CreateTokenRequest,
      answer: CreatedToken,
    },
    ({ by, body }) => createToken(parts, by, body),
  );
  operation(
    app,
    {
      method: 'get',
      path: '/v1/tokens',
      summary: 'Tokens, without their secrets (admin)',
      answer: TokenList,
    },
    async ({ by }) => {
      const tokens = await showTokens(parts, by);
      return tokens.ok ? ok({ tokens: [...tokens.value] }) : tokens;
    },
  );
  operation(
    app,
    {
      method: 'delete',
      path: '/v1/tokens/{id}',
      summary: 'Revoke a token at once (admin)',
      params: z.object({ id: TokenId }),
      answer: TokenView,
    },
    ({ by, params }) => endToken(parts, by, params.id),
  );
}
