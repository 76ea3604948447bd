import { type Crypto, seal, shortDigest } from '../model/digest.ts';
import type { Stage } from '../model/documents.ts';
import type { Deployed, ProjectState, ReleaseState, SlotState } from '../model/state.ts';
import type { Millis } from '../model/time.ts';
import { readyOf } from './capacity.ts';
import { readStatements } from './gates/statement.ts';
import { renderConfiguration } from './plan.ts';

/** Whether a slot's stable could be taken back now, and why. `release` is what a rollback would bring back. */
export type Readiness =
  | { readonly readiness: 'ready'; readonly release: string; readonly why: string }
  | { readonly readiness: 'unsafe' | 'unproven'; readonly release: string; readonly why: string }
  | { readonly readiness: 'impossible'; readonly why: string };

/** What readiness reads. `releases` by name; it needs those of `rollbackCandidates`. */
export interface ReadinessInput {
  readonly slot: SlotState;
  readonly releases: Readonly<Record<string, ReleaseState>>;
  readonly project: ProjectState;
  readonly now: Millis;
  readonly crypto: Crypto;
}

/** What a rollback could bring back: the version kept warm, then what was stable before, newest first. */
export function rollbackCandidates(slot: SlotState): readonly Deployed[] {
  const earlier = [...(slot.warm === null ? [] : [slot.warm.deployed]), ...slot.history];
  const seen = new Set(slot.stable === null ? [] : [slot.stable.release]);
  return earlier.filter((deployed) => {
    if (seen.has(deployed.release)) return false;
    seen.add(deployed.release);
    return true;
  });
}

/**
 * Answers for the newest earlier version that was not itself rolled back here. `impossible` where there is none to
 * go back to, `unsafe` where going back is known to be wrong, `unproven` where something that would show it is missing.
 */
export function rollbackReadiness(input: ReadinessInput): Readiness {
  const { slot } = input;
  if (slot.stable === null)
    return {
      readiness: 'impossible',
      why: 'nothing has been promoted here, so there is nothing to go back from',
    };
  const candidates = rollbackCandidates(slot);
  const newest = candidates[0];
  if (newest === undefined)
    return {
      readiness: 'impossible',
      why: `${slot.stable.release} is the first version here; there is no earlier one`,
    };
  const usable = candidates.find((candidate) => slot.quarantine[candidate.artifact] === undefined);
  if (usable === undefined) {
    return {
      readiness: 'unsafe',
      release: newest.release,
      why: `${newest.release} was rolled back here and is quarantined, and so is everything before it`,
    };
  }
  return judgeCandidate(input, usable);
}

function judgeCandidate(input: ReadinessInput, candidate: Deployed): Readiness {
  const { release: name } = candidate;
  // A release may be called like something that every object has.
  const release = Object.hasOwn(input.releases, name) ? input.releases[name] : undefined;
  const sealed = release?.sealed ?? null;
  if (release === undefined || sealed === null)
    return { readiness: 'unproven', release: name, why: `the sealed release ${name} could not be read` };
  if (sealed.release.artifact.digest !== candidate.artifact) {
    return {
      readiness: 'unsafe',
      release: name,
      why: `${name} ran here with artifact ${shortDigest(candidate.artifact)} but is sealed with ${shortDigest(sealed.release.artifact.digest)}`,
    };
  }
  return (
    judgeTrust(input, release, candidate) ??
    judgeConfiguration(input, candidate, sealed.release.bundle) ??
    judgePresence(input.slot, candidate)
  );
}

/** A rollback still asks whether the artifact is trusted: by the trust of today, as the signature gate does. */
function judgeTrust(input: ReadinessInput, release: ReleaseState, candidate: Deployed): Readiness | null {
  const trust = input.project.project?.document.spec.trust ?? [];
  const statements = readStatements(release, candidate.artifact, trust, input.crypto);
  for (const gate of stagesInto(input).flatMap((stage) => stage.gates)) {
    if (gate.kind !== 'signature' || gate.mode !== 'enforce') continue;
    const relevant = statements.filter(
      (s) => (s.trusted || s.fault !== 'malformed') && s.predicateType === gate.predicateType,
    );
    if (relevant.some((s) => s.trusted)) continue;
    const name = candidate.release;
    return relevant.length > 0
      ? { readiness: 'unsafe', release: name, why: `${name} is signed by nobody whom the project trusts now` }
      : {
          readiness: 'unproven',
          release: name,
          why: `the signature that gate ${gate.name} asks for is missing on ${name}`,
        };
  }
  return null;
}

/** Every stage, of the pipelines as they are applied now, that leads this service into this environment. */
const stagesInto = ({ slot, project }: ReadinessInput): readonly Stage[] =>
  Object.values(project.pipelines)
    .filter((pipeline) => pipeline.document.spec.service === slot.key.service)
    .flatMap((pipeline) => pipeline.document.spec.stages)
    .filter((stage) => stage.environment === slot.key.environment);

/** It would be run with today's configuration; only the one that it ran with is proven. */
function judgeConfiguration(
  input: ReadinessInput,
  candidate: Deployed,
  bundle: Parameters<typeof renderConfiguration>[1],
): Readiness | null {
  const { environments } = input.project;
  const name = input.slot.key.environment;
  const environment = Object.hasOwn(environments, name) ? environments[name] : undefined;
  const { release } = candidate;
  if (environment === undefined)
    return {
      readiness: 'unproven',
      release,
      why: `environment ${name} is not applied`,
    };
  const now = seal(input.crypto, renderConfiguration(environment.document, bundle)).digest;
  return now === candidate.configuration
    ? null
    : {
        readiness: 'unproven',
        release,
        why: `the environment's configuration has changed since ${release} ran here`,
      };
}

function judgePresence(slot: SlotState, candidate: Deployed): Readiness {
  const { release } = candidate;
  if (slot.warm?.deployed.release !== release) {
    return {
      readiness: 'ready',
      release,
      why: `${release} is no longer up; its artifact is known and can be deployed again`,
    };
  }
  const ready = readyOf(slot, release);
  return ready > 0
    ? {
        readiness: 'ready',
        release,
        why: `${release} is still up (${ready} ready): going back is one change of weights`,
      }
    : { readiness: 'unproven', release, why: `${release} is kept warm but was not seen to be ready` };
}
