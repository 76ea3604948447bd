import { err, ok, type Result } from '../../../core/model/result.ts';

const patienceMs = 2_000;

/** Reads a gateway's page: no redirect is followed, and at most `most` bytes are read. The error says what went wrong. */
export async function fetchText(
  url: string,
  most: number,
  signal: AbortSignal,
): Promise<Result<string, string>> {
  try {
    const response = await fetch(url, {
      redirect: 'error',
      signal: AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]),
    });
    if (response.status !== 200 || response.body === null) {
      await response.body?.cancel();
      return err(`${new URL(url).origin} answered ${response.status}`);
    }
    const parts: Uint8Array[] = [];
    let bytes = 0;
    for await (const part of response.body) {
      bytes += part.byteLength;
      if (bytes > most) return err(`${new URL(url).origin} answered more than ${most} bytes`);
      parts.push(part);
    }
    return ok(Buffer.concat(parts).toString('utf8'));
  } catch (error) {
    const { message, cause } = error as Error;
    return err(`${new URL(url).origin}: ${cause instanceof Error ? cause.message : message}`);
  }
}
