import { ln } from '../analysis/elementary.ts';
import { places } from '../decide/gates/judge.ts';
import type { TrustedIdentity } from '../model/documents.ts';
import type { Gate, GateOf } from '../model/gate.ts';
import { localLatencyBoundsMs } from '../model/latency-bounds.ts';
import { checkPredicateType } from '../model/release.ts';
import { unreachable } from '../model/result.ts';
import { formatDuration } from '../model/time-format.ts';
import type { DocumentFinding, PlacedGate, StageView } from './documents-finding.ts';
import { gatePlaces } from './documents-finding.ts';
import { lintIntervals } from './documents-intervals.ts';

const day = 86_400_000;

/** Findings on one stage's gates: their names and places, and those that can never pass or guard nothing. */
export function lintGates(view: StageView): readonly DocumentFinding[] {
  return view.gates.flatMap((placed, index) => [
    ...twice(view, placed, index),
    ...misplaced(view, placed),
    ...lintGate(view, placed),
  ]);
}

const finding = (
  view: StageView,
  severity: DocumentFinding['severity'],
  rule: DocumentFinding['rule'],
  path: string,
  message: string,
  fix: string,
): DocumentFinding => ({ rule, severity, document: view.document, path, message, fix });

function twice(view: StageView, { gate, path }: PlacedGate, index: number): readonly DocumentFinding[] {
  if (view.gates.findIndex((other) => other.gate.name === gate.name) === index) return [];
  return [
    finding(
      view,
      'error',
      'duplicate-gate',
      `${path}/name`,
      `gate ${gate.name} is there twice in stage ${view.stage.name}`,
      'give each gate of a stage its own name',
    ),
  ];
}

function misplaced(view: StageView, { gate, place, path }: PlacedGate): readonly DocumentFinding[] {
  if (places[place].includes(gate.kind)) return [];
  const right = gatePlaces.filter((candidate) => places[candidate].includes(gate.kind));
  return [
    finding(
      view,
      'error',
      'misplaced-gate',
      path,
      `gate ${gate.name} is a ${gate.kind} gate and stands in ${place}, where it is never asked`,
      `move it to ${right.join(' or ')}`,
    ),
  ];
}

function lintGate(view: StageView, placed: PlacedGate): readonly DocumentFinding[] {
  const { gate, path } = placed;
  switch (gate.kind) {
    case 'signature':
      return [...nobodySigns(view, path, gate), ...verdictNotRead(view, path, gate)];
    case 'check':
      return [...nobodyChecks(view, path, gate), ...expiresAtOnce(view, path, gate)];
    case 'approval':
      return expiresAtOnce(view, path, gate);
    case 'metric':
      return lintMetric(view, path, gate);
    case 'soak':
      return lintSoak(view, path, gate);
    case 'window':
      return lintIntervals(view.document, `${path}/closed`, gate.closed, `window ${gate.name}`);
    case 'tests':
      return [];
    default:
      return unreachable(gate);
  }
}

/** With incomplete knowledge the trust may be in a project that was applied before. */
const trustOf = (view: StageView): readonly TrustedIdentity[] | null =>
  view.project?.spec.trust ?? (view.complete ? [] : null);

function nobodySigns(view: StageView, path: string, gate: GateOf<'signature'>): readonly DocumentFinding[] {
  const trust = trustOf(view);
  if (trust === null || trust.some((identity) => identity.predicateTypes.includes(gate.predicateType)))
    return [];
  return [
    finding(
      view,
      severityOf(gate),
      'nobody-may-sign',
      `${path}/predicateType`,
      `gate ${gate.name} can never pass: no trusted identity of project ${view.pipeline.metadata.project} may sign ${gate.predicateType}`,
      'add an identity with this predicate type to the project’s spec.trust',
    ),
  ];
}

/** Statements that may say no. A signature gate asks who signed, and never what. */
const verdictTypes = [
  checkPredicateType,
  'https://slsa.dev/verification_summary/',
  'https://in-toto.io/attestation/test-result/',
  'https://in-toto.io/attestation/svr/',
];

function verdictNotRead(
  view: StageView,
  path: string,
  gate: GateOf<'signature'>,
): readonly DocumentFinding[] {
  if (!verdictTypes.some((type) => gate.predicateType.startsWith(type))) return [];
  return [
    finding(
      view,
      severityOf(gate),
      'verdict-not-read',
      `${path}/predicateType`,
      `gate ${gate.name} would pass by a statement that says no: it asks who signed ${gate.predicateType}, not what it says`,
      `take a check gate, whose report (${checkPredicateType}) is read`,
    ),
  ];
}

function nobodyChecks(view: StageView, path: string, gate: GateOf<'check'>): readonly DocumentFinding[] {
  const trust = trustOf(view);
  if (trust === null) return [];
  const may = trust.filter((identity) => identity.checks.includes(gate.check));
  if (may.some((identity) => identity.predicateTypes.includes(checkPredicateType))) return [];
  return [
    finding(
      view,
      severityOf(gate),
      'nobody-may-sign',
      `${path}/check`,
      `gate ${gate.name} can never pass: no trusted identity of project ${view.pipeline.metadata.project} may sign check ${gate.check}`,
      `add ${gate.check} to an identity’s checks, and ${checkPredicateType} to its predicateTypes`,
    ),
  ];
}

/** What never passes refuses the document where it blocks; where it only observes, it is worth a word. */
const severityOf = (gate: Gate): DocumentFinding['severity'] =>
  gate.mode === 'enforce' ? 'error' : 'warning';

function expiresAtOnce(
  view: StageView,
  path: string,
  gate: GateOf<'approval'> | GateOf<'check'>,
): readonly DocumentFinding[] {
  if (gate.expires > 0) return [];
  return [
    finding(
      view,
      severityOf(gate),
      'expires-at-once',
      `${path}/expires`,
      `gate ${gate.name} can never pass: what it asks for expires the moment it is given`,
      'give it a time such as 24h',
    ),
  ];
}

/** Beyond this many requests a margin is worth a second thought. */
const muchData = 5_000;

function lintMetric(view: StageView, path: string, gate: GateOf<'metric'>): readonly DocumentFinding[] {
  const findings: DocumentFinding[] = [];
  const warn = (rule: DocumentFinding['rule'], at: string, message: string, fix: string): void => {
    findings.push(finding(view, 'warning', rule, at, message, fix));
  };
  if (view.stage.rollout.steps.length === 1) {
    warn(
      'metric-without-canary',
      path,
      `gate ${gate.name} guards nothing: the rollout of stage ${view.stage.name} goes to 100 % at once, and then there is no stable beside it to compare with`,
      'give the rollout steps below 100, such as [10, 30, 60, 100]',
    );
  }
  const { errors, latency } = gate;
  // Without a single bad request, harm below b is shown with 1-β by ln(1/β)/b requests.
  const least = Math.ceil((100 * ln(1 / gate.beta)) / errors.marginPoints);
  if (least > muchData) {
    warn(
      'metric-needs-data',
      `${path}/errors/marginPoints`,
      `gate ${gate.name} needs at least ${least} canary requests before full traffic, even if none is bad`,
      'take a wider margin if the service has less traffic than that within maxHold',
    );
  }
  const { metrics, driver } = view.environment?.spec ?? {};
  const local = driver === 'local' && metrics === undefined;
  if (metrics?.latency === null && latency !== null) {
    findings.push(
      finding(
        view,
        severityOf(gate),
        'latency-unmeasured',
        `${path}/latency`,
        `gate ${gate.name} would see no slow request: environment ${view.stage.environment} measures no latency`,
        'name the buckets in spec.metrics.latency of the environment, or set latency to null',
      ),
    );
  }
  if (local && latency !== null && !localLatencyBoundsMs.includes(latency.aboveMs)) {
    findings.push(
      finding(
        view,
        severityOf(gate),
        'latency-bound',
        `${path}/latency/aboveMs`,
        `gate ${gate.name} would see no slow request: ${latency.aboveMs} ms is no bound of driver local’s histogram`,
        `take one of ${localLatencyBoundsMs.join(', ')}`,
      ),
    );
  }
  return findings;
}

function lintSoak(view: StageView, path: string, gate: GateOf<'soak'>): readonly DocumentFinding[] {
  const at = `${path}/healthyFor`;
  if (gate.healthyFor === 0)
    return [
      finding(
        view,
        'warning',
        'soak-empty',
        at,
        `gate ${gate.name} asks for no time at all`,
        'give it a time',
      ),
    ];
  if (gate.healthyFor <= 7 * day) return [];
  return [
    finding(
      view,
      'warning',
      'soak-long',
      at,
      `gate ${gate.name} soaks for ${formatDuration(gate.healthyFor)}, and nothing else moves in this slot meanwhile`,
      'shorten it, or watch longer outside the pipeline',
    ),
  ];
}
