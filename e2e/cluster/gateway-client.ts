import { Agent, request } from 'node:http';

/** Somebody who asks a service through the gateway, over connections that are kept. */
export class GatewayClient implements Disposable {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 4 });
  readonly #url: string;
  readonly #hostname: string;

  /** @param hostname as the HTTPRoute has it */
  constructor(gatewayUrl: string, hostname: string) {
    this.#url = gatewayUrl;
    this.#hostname = hostname;
  }

  /** One GET: its status and body; an error where no answer came within five seconds. */
  get(path = '/'): Promise<{ readonly status: number; readonly body: string }> {
    return new Promise((resolve, reject) => {
      const options = { agent: this.#agent, headers: { host: this.#hostname }, timeout: 5_000 };
      const sent = request(new URL(path, this.#url), options, (answer) => {
        let body = '';
        answer.setEncoding('utf8').on('data', (part: string) => (body += part));
        answer.on('error', reject);
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body }));
      });
      sent.on('timeout', () => sent.destroy(new Error(`${this.#hostname}: no answer within 5 s`)));
      sent.on('error', reject);
      sent.end();
    });
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}
