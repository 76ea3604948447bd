import type { Result } from '../../../core/model/result.ts';

/** What proves to an API server who calls it. A client certificate and a token may come together. */
export interface Credentials {
  readonly token: string | null;
  readonly certificate: { readonly cert: string; readonly key: string } | null;
}

/** How one cluster is reached: where, whom to trust, and who we are. */
export interface Connection {
  /** The API server's address without a trailing slash. */
  readonly server: string;
  /** PEM of the authorities to trust; null for those of the system. */
  readonly ca: string | null;
  /** The name to check the server's certificate against, where it is not the host of the address. */
  readonly serverName: string | null;
  /** Whether the server's certificate is not checked: only where a kubeconfig says so. */
  readonly insecure: boolean;
  /** Read anew for each request, so that a token that was rotated is used; cheap, because it remembers. */
  credentials(): Promise<Result<Credentials, string>>;
  /** Forgets what is remembered: the server has refused it. */
  refused(): void;
}
