import { preAuthenticationEncoding } from '../decide/gates/statement.ts';
import { encodeBase64, encodeUtf8 } from '../ledger/encoding.ts';
import type { NoteSigner } from '../ledger/note.ts';
import { canonicalJson } from '../model/canonical.ts';
import type { Decision, Move } from '../model/decision.ts';
import type { Crypto } from '../model/digest.ts';
import { releaseStream, type SlotKey, slotStream } from '../model/name.ts';
import type { Promotion, ReleaseState, SlotState } from '../model/state.ts';
import { formatInstant } from '../model/time-format.ts';

/** The end of one promotion: the decision that said so, and what it was said about. */
export interface StageEnd {
  readonly slot: SlotKey;
  /** The decision's entry in the slot's stream, and its leaf hash in hex. */
  readonly seq: number;
  readonly hash: string;
  readonly decision: Decision;
  readonly move: Extract<Move, { type: 'ended' }>;
  readonly promotion: Promotion;
  /** As the decision read it. */
  readonly release: ReleaseState;
}

/** The promotions that a decision ended, with the releases as it read them. `before` is what it was taken on. */
export function stageEnds(
  before: SlotState,
  decision: Decision,
  entry: { readonly seq: number; readonly hash: string },
  releaseOf: (name: string) => ReleaseState | null,
): readonly StageEnd[] {
  return decision.moves.flatMap((move) => {
    if (move.type !== 'ended') return [];
    const waiting = before.promotions.find((p) => p.id === move.promotion);
    const release = waiting === undefined ? null : releaseOf(waiting.release);
    if (waiting === undefined || release === null) return [];
    // The plan may have been made by the very decision that ends the promotion.
    const planned = decision.moves.findLast((m) => m.type === 'planned' && m.promotion === move.promotion);
    const promotion =
      planned?.type === 'planned'
        ? { ...waiting, plan: { digest: planned.plan, document: planned.document } }
        : waiting;
    return [{ slot: before.key, ...entry, decision, move, promotion, release }];
  });
}

export const summaryPayloadType = 'application/vnd.in-toto+json';
const decisionExtension = 'https://belay.dev/decision/v1';

/**
 * The end of a promotion as a SLSA verification summary (predicate v1) in an in-toto statement v1, in canonical JSON.
 * A promotion that ended otherwise than `promoted` is a summary too, with the result FAILED. Null where the release
 * was never sealed: there is then no artifact that it could be about.
 */
export function summaryOf(end: StageEnd, origin: string, crypto: Crypto): string | null {
  const { decision, move, promotion, release, slot } = end;
  if (release.sealed === null) return null;
  const { artifact, key } = release.sealed.release;
  const passed = move.state === 'promoted';
  const inputs = release.attachments.map(({ attachment }) => ({
    uri: `belay:${releaseStream(key)}#${attachment.name}`,
    digest: {
      sha256: hexOf(
        attachment.type === 'tests' ? attachment.content : crypto.digest(canonicalJson(attachment.envelope)),
      ),
    },
  }));
  return canonicalJson({
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name: artifact.name, digest: { sha256: hexOf(artifact.digest) } }],
    predicateType: 'https://slsa.dev/verification_summary/v1',
    predicate: {
      verifier: { id: `belay:log/${origin}`, version: { belay: decision.evaluator } },
      timeVerified: formatInstant(decision.now),
      resourceUri: `belay:${slotStream(slot)}`,
      policy: { uri: `belay:pipeline/${slot.project}`, digest: { sha256: hexOf(promotion.pipeline) } },
      // The specification asks for all of them where there are any.
      inputAttestations: inputs,
      verificationResult: passed ? 'PASSED' : 'FAILED',
      verifiedLevels: [passed ? 'BELAY_PROMOTED' : 'FAILED'],
      [decisionExtension]: {
        stream: slotStream(slot),
        seq: end.seq,
        leaf: end.hash,
        promotion: promotion.id,
        stage: promotion.stage,
        release: promotion.release,
        plan: promotion.plan?.digest ?? null,
        state: move.state,
        reason: move.reason,
        proof: move.proof,
        waivers: (promotion.waivers ?? []).map(({ gate, weight, by, at, until, note }) => ({
          gate,
          weight,
          by: by.id,
          at: formatInstant(at),
          until: formatInstant(until),
          note,
        })),
        reads: decision.reads,
      },
    },
  });
}

/** Signs a statement as DSSE v1.0.2, in canonical JSON. */
export function signSummary(payload: string, signer: NoteSigner): string {
  const signature = signer.sign(bytesOf(preAuthenticationEncoding(summaryPayloadType, payload)));
  return canonicalJson({
    payload: encodeBase64(bytesOf(payload)),
    payloadType: summaryPayloadType,
    signatures: [{ keyid: `${signer.key.name}+${signer.key.keyId}`, sig: encodeBase64(signature) }],
  });
}

function bytesOf(text: string): Uint8Array {
  const bytes = encodeUtf8(text);
  if (bytes === null) throw new RangeError('a statement holds a lone surrogate');
  return bytes;
}

const hexOf = (digest: string): string => digest.replace(/^sha256:/, '');
