import { createPublicKey, verify } from 'node:crypto';
import type { Gate } from '../src/core/model/gate.ts';
import type { ProjectState, Promotion, ReleaseState } from '../src/core/model/state.ts';

/**
 * A second reading of the evidence, written without the core's gates: what a patient person with the raw facts
 * would say. Used to check the core, never by it.
 */
export interface Case {
  readonly promotion: Promotion;
  readonly release: ReleaseState;
  readonly project: ProjectState;
  readonly now: number;
}

interface Statement {
  readonly body: string;
  readonly predicateType: string;
  readonly predicate: { readonly check?: string; readonly passed?: boolean };
  readonly signer: string;
  readonly checks: readonly string[];
  readonly at: number;
}

const remembered = new Map<string, boolean>();

function holds(publicKey: string, payload: string, type: string, signature: string): boolean {
  const key = `${publicKey}${payload}${signature}`;
  const known = remembered.get(key);
  if (known !== undefined) return known;
  const body = Buffer.from(payload, 'base64');
  const head = Buffer.from(`DSSEv1 ${Buffer.byteLength(type)} ${type} ${body.length} `);
  const x = Buffer.from(publicKey, 'base64').toString('base64url');
  const spki = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  const answer = verify(null, Buffer.concat([head, body]), spki, Buffer.from(signature, 'base64'));
  if (remembered.size > 5_000) remembered.clear();
  remembered.set(key, answer);
  return answer;
}

/** The statements over a release's own artifact by whom the project trusts now. */
function statements({ release, project }: Case): readonly Statement[] {
  const artifact = release.sealed?.release.artifact.digest.slice('sha256:'.length);
  const trust = project.project?.document.spec.trust ?? [];
  return release.attachments.flatMap(({ attachment, at }) => {
    if (attachment.type !== 'statement') return [];
    const { payload, payloadType, signatures } = attachment.envelope;
    const body = JSON.parse(Buffer.from(payload, 'base64').toString()) as {
      readonly subject: readonly { readonly digest: Readonly<Record<string, string>> }[];
      readonly predicateType: string;
      readonly predicate: Statement['predicate'];
    };
    if (!body.subject.some((s) => s.digest['sha256'] === artifact)) return [];
    return trust
      .filter((who) => who.predicateTypes.includes(body.predicateType))
      .filter((who) => signatures.some((s) => holds(who.publicKey, payload, payloadType, s.sig)))
      .map((who) => ({
        body: payload,
        predicateType: body.predicateType,
        predicate: body.predicate,
        signer: who.name,
        checks: who.checks,
        at,
      }));
  });
}

/** Whether a gate at the door is open, as the raw facts have it. */
export function isOpen(gate: Gate, on: Case): boolean {
  const { promotion, release, now } = on;
  switch (gate.kind) {
    case 'signature':
      return statements(on).some((s) => s.predicateType === gate.predicateType);
    case 'tests': {
      const artifact = release.sealed?.release.artifact.digest;
      const last = release.attachments.findLast(
        ({ attachment: a }) => a.type === 'tests' && a.name === gate.report && a.artifact === artifact,
      )?.attachment;
      if (last?.type !== 'tests') return false;
      return last.counts.failed === 0 && last.counts.total - last.counts.skipped >= gate.minTests;
    }
    case 'check': {
      const reports = statements(on).filter(
        (s) => s.predicate.check === gate.check && s.checks.includes(gate.check),
      );
      // The same report again is no new one.
      const last = reports.findLast((s, i) => reports.findIndex((t) => t.body === s.body) === i);
      return last?.predicate.passed === true && now - last.at < gate.expires;
    }
    case 'approval': {
      const people = promotion.approvals
        .filter((a) => a.plan === promotion.plan?.digest && a.by.kind === 'person')
        .filter((a) => now - a.at < gate.expires && !isBarred(a.by.id, on))
        .map((a) => a.by.id);
      return new Set(people).size >= gate.quorum;
    }
    case 'window':
      return !gate.closed.some((interval) => now >= interval.from && now < interval.to);
    case 'metric':
    case 'soak':
      return true;
    default:
      throw new Error('a gate of unknown kind');
  }
}

/** Whether somebody may not approve: whoever made it, opened it, sealed it, asked for it, or edited its gates. */
export function isBarred(person: string, { promotion, release, project }: Case): boolean {
  return (
    release.sealed?.release.contributors.includes(person) === true ||
    release.openedBy.id === person ||
    release.sealed?.by.id === person ||
    promotion.by.id === person ||
    project.pinned[promotion.pipeline]?.editors.includes(person) === true
  );
}
