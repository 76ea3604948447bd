import { preAuthenticationEncoding } from '../core/decide/gates/statement.ts';
import { packPaths } from '../core/evidence/layout.ts';
import { type StageEnd, summaryOf, summaryPayloadType } from '../core/evidence/summary.ts';
import { decodeBase64 } from '../core/ledger/encoding.ts';
import type { VerifierKey } from '../core/ledger/verifier-key.ts';
import type { Crypto } from '../core/model/digest.ts';
import { DsseEnvelope } from '../core/model/release.ts';
import { decodeText, parseCanonical } from './manifest.ts';
import { verifyEd25519 } from './node-crypto.ts';
import type { PackFiles } from './read-pack.ts';
import type { Findings } from './report.ts';

/** Every end of the release's promotions is there as a signed summary that says exactly what the decision says. */
export function checkSummaries(
  files: PackFiles,
  release: string,
  ends: readonly StageEnd[],
  key: VerifierKey,
  crypto: Crypto,
  findings: Findings,
): void {
  const named = new Set<string>();
  for (const end of ends) {
    if (end.promotion.release !== release) continue;
    const payload = summaryOf(end, key.name, crypto);
    if (payload === null) continue;
    const path = packPaths.summary(end.slot, end.seq, end.promotion.id);
    named.add(path);
    const fault = summaryFault(files.get(path), payload, key);
    if (fault !== null) findings.fail('summaries', path, fault);
  }
  for (const path of files.keys())
    if (path.startsWith('decisions/') && !named.has(path))
      findings.fail('summaries', path, 'is no end of a promotion of this release');
  findings.done('summaries', `${named.size} ends as signed summaries`);
}

function summaryFault(bytes: Uint8Array | undefined, payload: string, key: VerifierKey): string | null {
  if (bytes === undefined) return 'is missing';
  const envelope = DsseEnvelope.safeParse(parseCanonical(decodeText(bytes) ?? '')?.value);
  if (!envelope.success) return 'is not a DSSE envelope';
  const { payloadType, signatures } = envelope.data;
  const body = decodeBase64(envelope.data.payload);
  if (payloadType !== summaryPayloadType || body === null || decodeText(body) !== payload)
    return 'says something else than the decision';
  const message = Buffer.from(preAuthenticationEncoding(payloadType, payload));
  const isSigned = signatures.some(({ sig }) =>
    verifyEd25519(key.publicKey, message, decodeBase64(sig) ?? new Uint8Array()),
  );
  return isSigned ? null : 'is not signed by the log';
}
