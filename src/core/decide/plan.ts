import { type Crypto, type Digest, seal } from '../model/digest.ts';
import type { Environment } from '../model/documents.ts';
import type { PromotionPlan } from '../model/plan.ts';
import { stepsOf } from './capacity.ts';
import type { View } from './view.ts';

/** What a release is run with in an environment. Its canonical bytes are the rendered configuration. */
export function renderConfiguration(
  environment: Environment,
  bundle: Digest | null,
): {
  readonly parameters: Readonly<Record<string, string>>;
  readonly secrets: Environment['spec']['secrets'];
  readonly bundle: Digest | null;
} {
  return { parameters: environment.spec.parameters, secrets: environment.spec.secrets, bundle };
}

/**
 * The plan of a promotion as things stand now: null while the release is open. Whatever it names is what is
 * approved; when any of it changes, this returns another plan, and the approvals of the old one do not count.
 */
export function planFor(view: View): { readonly digest: Digest; readonly document: PromotionPlan } | null {
  const sealed = view.release.sealed;
  if (sealed === null) return null;
  const { stable } = view.slot;
  const crypto: Crypto = view.input.crypto;
  const document: PromotionPlan = {
    slot: view.slot.key,
    stage: view.promotion.stage,
    release: view.promotion.release,
    sealed: sealed.digest,
    artifact: sealed.release.artifact.digest,
    configuration: seal(crypto, renderConfiguration(view.environment.document, sealed.release.bundle)).digest,
    pipeline: view.promotion.pipeline,
    environment: view.environment.digest,
    steps: [...stepsOf(view)],
    baseline: stable === null ? null : { release: stable.release, artifact: stable.artifact },
    migrations: [],
  };
  return { digest: seal(crypto, document).digest, document };
}

/** Whether a plan still says how things stand; compared field by field, so that no bytes are made again. */
export function isCurrentPlan(view: View): boolean {
  const plan = view.promotion.plan?.document;
  if (plan === undefined) return false;
  const { stable } = view.slot;
  return (
    plan.environment === view.environment.digest &&
    plan.baseline?.release === stable?.release &&
    plan.baseline?.artifact === stable?.artifact &&
    plan.sealed === view.release.sealed?.digest
  );
}
