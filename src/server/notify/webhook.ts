import { createHmac } from 'node:crypto';
import { err, ok, type Result } from '../../core/model/result.ts';
import type { Send } from './deliver.ts';

/** Where notifications go, as the server is configured: never by a request, so nobody else chooses whom we call. */
export interface WebhookConfig {
  readonly url: string;
  readonly secret: string;
  readonly timeoutMs?: number;
}

const shortestSecret = 16;

/**
 * The value of `belay-signature`: `t=<seconds>,v1=<hex>`, where v1 is the HMAC-SHA256 of `<seconds>.<body>`. The
 * receiver computes it over the bytes as they came, compares in constant time, and refuses old times.
 */
export const signWebhook = (secret: string, seconds: number, body: string): string =>
  `t=${seconds},v1=${createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex')}`;

/**
 * Makes a sender of signed webhooks. Plain HTTP is for loopback only; redirects are not followed. Any 2xx is taken
 * as delivered. `clock` gives milliseconds since 1970.
 */
export function createWebhookSender(config: WebhookConfig, clock: () => number): Result<Send, string> {
  const url = URL.canParse(config.url) ? new URL(config.url) : null;
  if (url === null) return err('the webhook’s URL is malformed');
  const loopback = ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && loopback))
    return err('a webhook goes to an https URL, or to http on loopback');
  if (config.secret.length < shortestSecret)
    return err(`the webhook’s secret has fewer than ${shortestSecret} characters`);
  return ok(async (notification) => {
    const seconds = Math.floor(clock() / 1000);
    try {
      const response = await fetch(url, {
        method: 'POST',
        redirect: 'manual',
        signal: AbortSignal.timeout(config.timeoutMs ?? 10_000),
        headers: {
          'content-type': 'application/json',
          'user-agent': 'belay',
          'belay-event': notification.event,
          'belay-signature': signWebhook(config.secret, seconds, notification.body),
        },
        body: notification.body,
      });
      await response.body?.cancel();
      return response.ok ? ok(null) : err(`answered ${response.status}`);
    } catch (error) {
      return err(error instanceof Error ? error.name : 'not reachable');
    }
  });
}
