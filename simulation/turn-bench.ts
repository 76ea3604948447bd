import { decide } from '../src/core/decide/decide.ts';
import { emptyProject, foldProject } from '../src/core/decide/fold/project.ts';
import { foldRelease } from '../src/core/decide/fold/release.ts';
import { emptySlot, foldSlot } from '../src/core/decide/fold/slot.ts';
import { analysisAfter } from '../src/core/decide/sampled.ts';
import { lintDecision } from '../src/core/lint/lint.ts';
import type { Move } from '../src/core/model/decision.ts';
import { type Digest, seal } from '../src/core/model/digest.ts';
import { BelayDocument, type BelayDocumentInput } from '../src/core/model/documents.ts';
import type { ProjectEntry, ReleaseEntry, SlotEntry } from '../src/core/model/entries.ts';
import type { RunningWorkload, Sample, Weight } from '../src/core/model/observation.ts';
import type { Attachment } from '../src/core/model/release.ts';
import type { Conclusion, Promotion, ReleaseState, SlotState, TurnInput } from '../src/core/model/state.ts';
import { nodeCrypto } from '../src/engine/crypto.ts';
import { machine, person } from './operator.ts';

type StageInput = Extract<BelayDocumentInput, { kind: 'Pipeline' }>['spec']['stages'][number];
type EnvironmentInput = Extract<BelayDocumentInput, { kind: 'Environment' }>['spec'];

/**
 * One slot on a workbench: facts go in by hand, a turn is taken when asked for, and time is what it is set to. For
 * worked examples of single rules; whatever a turn decides passes the lint, or the turn throws.
 */
export class TurnBench {
  now = 1_000_000;
  slot: SlotState = emptySlot({ project: 'p', environment: 'production', service: 's' });
  project = emptyProject;
  everything = emptyProject;
  readonly releases: Record<string, ReleaseState> = {};
  #births = 0;
  readonly #seq: Record<string, number> = {};

  input(): TurnInput {
    const { now, slot, project, everything } = this;
    return { now, slot, project, everything, releases: { ...this.releases }, crypto: nodeCrypto };
  }

  /** Takes a turn, folds its decision, and returns what was concluded. */
  turn(): Conclusion {
    const input = this.input();
    const conclusion = decide(input);
    const { decision } = conclusion;
    if (decision.moves.length + decision.actions.length > 0)
      this.entry({ type: 'decided', at: decision.now, decision, stateBefore: nodeCrypto.digest('') });
    const stops = lintDecision(input, decision, this.slot).filter((finding) => finding.stops);
    if (stops.length > 0) throw new Error(`the lint stops it: ${stops.map((s) => s.message).join('; ')}`);
    return conclusion;
  }

  /** The types of the moves of one turn, without the record of what is waited for. */
  moves(): readonly Move['type'][] {
    return this.turn()
      .decision.moves.map((move) => move.type)
      .filter((type) => type !== 'waiting');
  }

  /** The codes of all that is waited for, after a turn. */
  waits(): readonly string[] {
    return this.turn().waits.map((wait) => wait.reason.code);
  }

  entry(entry: SlotEntry): void {
    this.slot = foldSlot(this.slot, entry, this.slot.seq + 1);
  }

  apply(input: BelayDocumentInput, by = 'olga'): Digest {
    const document = BelayDocument.parse(input);
    const { bytes, digest } = seal(nodeCrypto, document);
    this.projectEntry({
      type: 'applied',
      at: this.now,
      by: person(by),
      kind: document.kind,
      name: document.metadata.name,
      digest,
      document: bytes,
    });
    return digest;
  }

  /** Applies an environment `production` and a pipeline of service `s` that leads into it; returns the pipeline's digest. */
  production(stage: Partial<StageInput>, environment: Partial<EnvironmentInput> = {}): Digest {
    const apiVersion = 'belay.dev/v1alpha1';
    const metadata = { name: 'production', project: 'p' };
    this.apply({ apiVersion, kind: 'Environment', metadata, spec: { driver: 'local', ...environment } });
    const stages = [{ name: 'production', environment: 'production', ...stage }];
    return this.apply({
      apiVersion,
      kind: 'Pipeline',
      metadata: { name: 's', project: 'p' },
      spec: { service: 's', stages },
    });
  }

  /**
   * v1 is stable and v2 was just read back at its first 10 % of 10, 50, 100, before a gate `canary` that never lets errors
   * be above 5 %; `gate` is what it has other than that.
   */
  static canaryAtTen(gate: object = {}): TurnBench {
    const bench = new TurnBench();
    const pipeline = bench.production({
      rollout: { steps: [10, 50, 100], stepAtLeast: '0s', progressDeadline: '60s' },
      analysis: [
        {
          kind: 'metric',
          name: 'canary',
          errors: { marginPoints: 2, limitPercent: 5 },
          latency: null,
          ...gate,
        },
      ],
    });
    bench.bootstrap('v1', pipeline, 4);
    bench.build('v2');
    bench.request('v2', pipeline);
    bench.turn();
    bench.observe({ v1: 4, v2: 4 }, { v1: 100 });
    bench.turn();
    bench.observe({ v1: 4, v2: 4 }, { v1: 90, v2: 10 });
    bench.turn();
    return bench;
  }

  projectEntry(entry: ProjectEntry): void {
    this.project = foldProject(this.project, entry, this.project.seq + 1);
  }

  everythingEntry(entry: ProjectEntry): void {
    this.everything = foldProject(this.everything, entry, this.everything.seq + 1);
  }

  releaseEntry(name: string, entry: ReleaseEntry): void {
    const seq = (this.#seq[name] ?? 0) + 1;
    const state = foldRelease(this.releases[name] ?? null, entry, seq);
    if (state === null) throw new Error(`${name} is not open`);
    this.#seq[name] = seq;
    this.releases[name] = state;
  }

  artifactOf(release: string): Digest {
    return nodeCrypto.digest(`artifact of ${release}`);
  }

  open(release: string): void {
    this.releaseEntry(release, {
      type: 'opened',
      at: this.now,
      by: machine('ci'),
      commit: 'abcdef0',
      summary: '',
      contributors: [],
    });
  }

  attach(release: string, attachment: Attachment): void {
    this.releaseEntry(release, { type: 'attached', at: this.now, by: machine('ci'), attachment });
  }

  sealRelease(
    name: string,
    contributors: readonly string[] = ['anna'],
    artifact = this.artifactOf(name),
  ): void {
    const release = {
      key: { project: 'p', service: 's', name },
      commit: 'abcdef0',
      artifact: { name, digest: artifact, bytes: 1 },
      bundle: null,
      contributors: [...contributors],
      summary: '',
      openedBy: machine('ci'),
    };
    const { digest } = seal(nodeCrypto, release);
    this.releaseEntry(name, { type: 'sealed', at: this.now, by: machine('ci'), sealed: digest, release });
  }

  /** Opens and seals a release. */
  build(name: string): void {
    this.open(name);
    this.sealRelease(name);
  }

  request(
    release: string,
    pipeline: Digest,
    more: Partial<Extract<SlotEntry, { type: 'requested' }>> = {},
  ): void {
    this.entry({
      type: 'requested',
      at: this.now,
      by: person('dana'),
      promotion: `${release}-production`,
      release,
      stage: 'production',
      pipeline,
      mode: 'promote',
      note: '',
      liftQuarantine: false,
      ...more,
    });
  }

  promotion(id: string): Promotion {
    const found = this.slot.promotions.find((p) => p.id === id);
    if (found === undefined) throw new Error(`${id} is not open`);
    return found;
  }

  approve(promotion: string, by: string): void {
    const plan = this.promotion(promotion).plan;
    if (plan === null) throw new Error(`${promotion} has no plan`);
    this.entry({ type: 'approved', at: this.now, by: person(by), promotion, plan: plan.digest, note: '' });
  }

  /** A look at the outside; unless told otherwise it has accepted the newest generation. */
  observe(
    workloads: Readonly<Record<string, number>>,
    weights: Readonly<Record<string, number>>,
    generation = this.slot.generation,
    artifacts: Readonly<Record<string, Digest>> = {},
  ): void {
    const running: RunningWorkload[] = Object.entries(workloads).map(([release, ready]) => ({
      release,
      artifact: artifacts[release] ?? this.artifactOf(release),
      desired: Math.max(1, ready),
      ready,
      open: null,
    }));
    const shares: Weight[] = Object.entries(weights).map(([release, weight]) => ({ release, weight }));
    this.entry({
      type: 'observed',
      at: this.now,
      observation: {
        at: this.now,
        generation,
        workloads: running,
        weights: shares,
        level: 'confirmed',
      },
    });
  }

  /** Both arms of the moving promotion have counted so much more, evenly in the last twenty scrapes, two a second. */
  counted(canary: number, canaryErrors: number, stable: number, stableErrors: number): void {
    const scrapes = 20;
    const release = this.promotionThatMoves?.release ?? '';
    const weight = (this.slot.weights.find((w) => w.release === release)?.weight ?? 0) / 100;
    this.#births += 1;
    const at = (scrape: number, arm: Sample['arm'], requests: number, errors: number): Sample => ({
      t: this.now / 1_000 - (scrapes - scrape) * 0.5,
      arm,
      pod: `${arm}-${this.#births}`,
      weight,
      requests: Math.floor((requests * scrape) / scrapes),
      bad: { errors: Math.floor((errors * scrape) / scrapes) },
      latencyMs: {
        '250': Math.floor((requests * scrape) / scrapes),
        '+Inf': Math.floor((requests * scrape) / scrapes),
      },
    });
    const samples = Array.from({ length: scrapes + 1 }, (_, scrape) => [
      at(scrape, 'canary', canary, canaryErrors),
      at(scrape, 'stable', stable, stableErrors),
    ]).flat();
    const analysis = analysisAfter(this.slot, this.project, samples);
    if (analysis === null) return; // nothing moves that samples could be of
    const batch = nodeCrypto.digest('batch');
    this.entry({ type: 'sampled', at: this.now, batch, count: samples.length, analysis });
  }

  private get promotionThatMoves(): SlotState['promotions'][number] | undefined {
    return this.slot.promotions.find((p) => p.id === this.slot.moving);
  }

  /** Carries a first release through, so that there is something stable. */
  bootstrap(release: string, pipeline: Digest, replicas: number): void {
    this.build(release);
    this.request(release, pipeline);
    this.turn();
    this.observe({ [release]: replicas }, {});
    this.turn();
    this.observe({ [release]: replicas }, { [release]: 100 });
    this.turn();
    if (this.slot.stable?.release !== release) throw new Error(`${release} is not stable`);
  }
}
