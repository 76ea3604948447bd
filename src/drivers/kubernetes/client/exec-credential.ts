import { execFile } from 'node:child_process';
import { z } from 'zod';
import { err, ok, type Result } from '../../../core/model/result.ts';
import type { Credentials } from './connection.ts';

/** A kubeconfig's `exec` section, as client.authentication.k8s.io/v1 and v1beta1 have it. */
export const ExecSection = z.object({
  apiVersion: z.enum(['client.authentication.k8s.io/v1', 'client.authentication.k8s.io/v1beta1']),
  command: z.string().min(1),
  args: z.array(z.string()).nullish(),
  env: z.array(z.object({ name: z.string(), value: z.string() })).nullish(),
});
export type ExecSection = z.infer<typeof ExecSection>;

const ExecCredential = z.object({
  kind: z.literal('ExecCredential'),
  apiVersion: z.string(),
  status: z.object({
    expirationTimestamp: z.iso.datetime({ offset: true }).optional(),
    token: z.string().min(1).optional(),
    clientCertificateData: z.string().optional(),
    clientKeyData: z.string().optional(),
  }),
});

const patienceMs = 20_000;
const mostOutputBytes = 1_000_000;
/** Asked for again this long before it ends, so that no request is on its way with a dead token. */
const earlyMs = 30_000;

/** Runs a program that gives credentials, once until they expire or are refused. It is never asked for a terminal. */
export class ExecCredentials {
  readonly #section: ExecSection;
  readonly #now: () => number;
  #running: Promise<Result<Credentials, string>> | null = null;
  #until = Infinity;

  constructor(section: ExecSection, now: () => number) {
    this.#section = section;
    this.#now = now;
  }

  async credentials(): Promise<Result<Credentials, string>> {
    if (this.#now() >= this.#until) this.forget();
    this.#running ??= this.#run();
    const got = await this.#running;
    if (!got.ok) this.forget();
    return got;
  }

  forget(): void {
    this.#running = null;
    this.#until = Infinity;
  }

  async #run(): Promise<Result<Credentials, string>> {
    const { command, args, apiVersion } = this.#section;
    const output = await this.#output();
    if (!output.ok) return output;
    const parsed = ExecCredential.safeParse(asJson(output.value));
    // Its output may hold a token and is never shown.
    if (!parsed.success) return err(`${command} ${args?.join(' ') ?? ''} printed no ExecCredential`);
    const { status } = parsed.data;
    if (parsed.data.apiVersion !== apiVersion)
      return err(`${command} printed ${parsed.data.apiVersion}, not ${apiVersion}`);
    const { clientCertificateData: cert, clientKeyData: key, token } = status;
    if (token === undefined && (cert === undefined || key === undefined))
      return err(`${command} gave neither a token nor a certificate with its key`);
    if (status.expirationTimestamp !== undefined)
      this.#until = Date.parse(status.expirationTimestamp) - earlyMs;
    return ok({
      token: token ?? null,
      certificate: cert === undefined || key === undefined ? null : { cert, key },
    });
  }

  #output(): Promise<Result<string, string>> {
    const { command, args, env, apiVersion } = this.#section;
    const info = { apiVersion, kind: 'ExecCredential', spec: { interactive: false } };
    const environment = {
      ...process.env,
      ...Object.fromEntries((env ?? []).map(({ name, value }) => [name, value])),
      KUBERNETES_EXEC_INFO: JSON.stringify(info),
    };
    const options = { env: environment, timeout: patienceMs, maxBuffer: mostOutputBytes };
    return new Promise((resolve) => {
      const child = execFile(command, args ?? [], options, (error, stdout) => {
        resolve(
          error === null ? ok(stdout) : err(`${command} failed (${String(error.code ?? error.signal)})`),
        );
      });
      child.stdin?.end();
    });
  }
}

function asJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}
