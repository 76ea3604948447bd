import type { Move } from '../src/core/model/decision.ts';
import type { Digest } from '../src/core/model/digest.ts';
import type { BelayDocumentInput } from '../src/core/model/documents.ts';
import type { Entry } from '../src/core/model/entries.ts';
import type { SlotState } from '../src/core/model/state.ts';
import { standingsOf } from '../src/core/decide/standings.ts';
import { moveSentence } from '../src/core/report/history.ts';
import { whyReport } from '../src/core/report/why.ts';
import { noFaults } from './faults.ts';
import { provenance } from './generate.ts';
import { Invariants } from './invariants.ts';
import { machine, Operator, person } from './operator.ts';
import { Random } from './random.ts';
import {
  after,
  readScript,
  ScriptError,
  type ScriptLine,
  shareOf,
  spanOf,
  wordAt,
} from './script-language.ts';
import { signerNamed, statementBy } from './signing.ts';
import { goodBehaviour } from './simulated-slot.ts';
import { scenarioProject, standardDocuments } from './standard-documents.ts';
import { World } from './world.ts';

/** What a scenario came to: its narrated text, and what it expected and did not find. */
export interface Transcript {
  readonly text: string;
  readonly failures: readonly string[];
}

/** A pipeline of one's own to play a scenario against, with its environments. */
export interface ScriptOptions {
  readonly project?: string;
  readonly service?: string;
  readonly documents?: readonly BelayDocumentInput[];
}

/**
 * Plays a scenario: plain text, one command a line, `#` before narration. Throws `ScriptError` at a line that it does
 * not understand. The same text gives the same transcript.
 */
export async function playScript(text: string, options: ScriptOptions = {}): Promise<Transcript> {
  const scene = new Scene(options);
  for (const line of readScript(text)) await scene.play(line);
  return scene.transcript();
}

const told: ReadonlySet<Move['type']> = new Set<Move['type']>([
  'judged',
  'started',
  'shifting',
  'reached',
  'observing',
  'asked',
  'turned-back',
  'at-zero',
  'quarantined',
  'ended',
  'retired',
]);

class Scene {
  readonly #out: string[] = [];
  readonly #failures: string[] = [];
  readonly #invariants = new Invariants();
  readonly #world: World;
  readonly #operator: Operator;
  readonly #pipelines = new Map<string, Digest>();
  #stages: readonly { readonly name: string; readonly environment: string }[] = [];
  readonly #ids = new Map<string, string>();
  readonly #asked = new Map<string, number>();
  readonly #trusted = new Set(['ci']);
  readonly #freezes = new Map<string, boolean>();

  constructor(options: ScriptOptions) {
    const project = options.project ?? 'demo';
    const service = options.service ?? 'shop';
    this.#world = new World({
      random: new Random('scenario'),
      workers: 1,
      pace: { effect: 250, moving: 1_000, idle: 10_000 },
      fates: noFaults,
      crashes: { before: () => false, after: () => false },
      stalls: 0,
      races: 0,
      listener: {
        appended: (stream, entry, states) => {
          this.#invariants.appended(stream, entry, states);
          if (states !== null) this.#tell(states.after, entry);
        },
        conflicted: () => this.#invariants.conflicted(),
      },
      breach: (invariant, message) => this.#invariants.violated(invariant, message),
      changed: (key, change) => this.#invariants.changed(key, change),
      effectLoaded: (process, slot) => this.#invariants.effectLoaded(process, slot),
      shiftCalled: (process, slot, weights) => this.#invariants.shiftCalled(process, slot, weights),
      reported: (event) => {
        // A scenario that takes the metrics away means it.
        if (event.event !== 'no-samples') this.#failures.push(JSON.stringify(event));
      },
    });
    this.#invariants.watch(this.#world);
    this.#operator = new Operator(this.#world, project, service);
    this.#operator.apply(scenarioProject(project, [...this.#trusted]), person('olga'));
    for (const document of options.documents ?? standardDocuments(project, service)) {
      const digest = this.#operator.apply(document, person('olga'));
      if (document.kind !== 'Pipeline') continue;
      this.#pipelines.set(document.spec.service, digest);
      if (document.spec.service === service) this.#stages = document.spec.stages;
    }
  }

  transcript(): Transcript {
    const failures = [...this.#failures, ...this.#invariants.violations];
    return { text: this.#out.join('\n') + '\n', failures };
  }

  async play(line: ScriptLine): Promise<void> {
    const [command] = line.words;
    if (command === undefined || command.startsWith('#')) {
      this.#out.push(line.text);
      return;
    }
    this.#out.push(`> ${line.text}`);
    const play = commands[command];
    if (play === undefined)
      throw new ScriptError(
        line.number,
        `unknown command ${command}; there are ${Object.keys(commands).join(', ')}`,
      );
    await play(this, line);
    // What a command sets off by itself happens before the next one.
    await this.#world.run(0);
  }

  #tell(slot: SlotState, entry: Entry): void {
    if (entry.type !== 'decided') return;
    const at = (this.#world.clock.elapsed / 1_000).toFixed(1).padStart(7);
    for (const move of entry.decision.moves)
      if (told.has(move.type)) this.#out.push(`${at} s  ${slot.key.environment}: ${moveSentence(move)}`);
  }

  #expect(line: ScriptLine, holds: boolean, found: string): void {
    if (holds) return;
    this.#out.push(`  NOT SO: ${found}`);
    this.#failures.push(`line ${line.number}: ${line.text}: ${found}`);
  }

  #environmentOf(line: ScriptLine, stage: string): string {
    const found = this.#stages.find((s) => s.name === stage);
    if (found === undefined)
      throw new ScriptError(
        line.number,
        `no stage ${stage}; there are ${this.#stages.map((s) => s.name).join(', ')}`,
      );
    return found.environment;
  }

  release(line: ScriptLine): string {
    const name = wordAt(line, 1, 'a release');
    const ready = after(line, 'ready');
    const dies = after(line, 'dies');
    const errors = after(line, 'errors');
    const slow = after(line, 'slow');
    this.#world.behaviours.set(name, {
      readyAfterMs:
        ready === 'never' ? null : ready === null ? goodBehaviour.readyAfterMs : spanOf(line, ready),
      errorRate: errors === null ? goodBehaviour.errorRate : shareOf(line, errors),
      slowRate: slow === null ? goodBehaviour.slowRate : shareOf(line, slow),
      diesAfterMs: dies === null ? null : spanOf(line, dies),
    });
    this.#operator.open(name, machine('ci'));
    return name;
  }

  tests(name: string, total: number, failed: number): void {
    this.#operator.attachTests(name, this.#operator.artifactOf(name), total, failed, machine('ci'));
  }

  sign(name: string, signer: string): void {
    const artifact = this.#operator.artifactOf(name);
    this.#operator.attach(name, statementBy(signerNamed(signer), artifact, provenance, {}), machine('ci'));
  }

  seal(name: string, contributor: string): void {
    this.#operator.seal(name, [contributor], machine('ci'));
  }

  request(line: ScriptLine, mode: 'promote' | 'rollback'): void {
    const release = wordAt(line, 1, 'a release');
    const stage = wordAt(line, 2, 'a stage');
    const environment = this.#environmentOf(line, stage);
    const before = this.#asked.get(`${release} ${stage}`) ?? 0;
    this.#asked.set(`${release} ${stage}`, before + 1);
    const promotion = before === 0 ? `${release}-${stage}` : `${release}-${stage}-${before + 1}`;
    this.#ids.set(`${release} ${stage}`, promotion);
    this.#operator.request({
      slot: this.#operator.slot(environment),
      promotion,
      by: person(after(line, 'by') ?? 'dana'),
      release,
      stage,
      pipeline: this.#pipelines.get(this.#operator.service) ?? 'sha256:',
      mode,
      liftQuarantine: line.words.includes('lift-quarantine'),
    });
  }

  target(line: ScriptLine): Parameters<Operator['reject']>[0] {
    const release = wordAt(line, 1, 'a release');
    const stage = wordAt(line, 2, 'a stage');
    const environment = this.#environmentOf(line, stage);
    return {
      slot: this.#operator.slot(environment),
      promotion: this.#ids.get(`${release} ${stage}`) ?? `${release}-${stage}`,
      by: person(after(line, 'by') ?? 'dana'),
    };
  }

  approve(line: ScriptLine): void {
    if (!this.#operator.approve(this.target(line)))
      this.#expect(line, false, 'it has no plan to approve yet');
  }

  reject(line: ScriptLine): void {
    this.#operator.reject(this.target(line));
  }

  tell(line: ScriptLine, what: Parameters<Operator['tell']>[1]): void {
    this.#operator.tell(this.target(line), what);
  }

  waive(line: ScriptLine): void {
    const gate = wordAt(line, 3, 'a gate');
    const span = spanOf(line, after(line, 'for') ?? '1h');
    if (!this.#operator.waive(this.target(line), gate, span, line.words.at(-1)))
      this.#expect(line, false, 'it has no canary');
  }

  freeze(line: ScriptLine): void {
    const scope = wordAt(line, 1, 'everything, project or an environment');
    const name = wordAt(line, 2, 'a name for the freeze');
    const span = after(line, 'for');
    const everything = scope === 'everything';
    this.#freezes.set(name, everything);
    this.#operator.freeze(name, person('olga'), {
      everything,
      environment: everything || scope === 'project' ? null : scope,
      until: span === null ? null : this.#world.clock.wall + spanOf(line, span),
    });
  }

  unfreeze(line: ScriptLine): void {
    const name = wordAt(line, 1, 'the name of a freeze');
    this.#operator.unfreeze(name, person('olga'), this.#freezes.get(name) ?? false);
  }

  trust(line: ScriptLine, trusted: boolean): void {
    const name = wordAt(line, 1, 'a signer');
    if (trusted) this.#trusted.add(name);
    else this.#trusted.delete(name);
    this.#operator.apply(scenarioProject(this.#operator.project, [...this.#trusted]), person('olga'));
  }

  traffic(line: ScriptLine): void {
    const rate = /^(\d+)\/s$/.exec(wordAt(line, 2, 'a rate such as 200/s'))?.[1];
    if (rate === undefined) throw new ScriptError(line.number, 'expected a rate such as 200/s');
    this.#world.requestsPerSecond.set(wordAt(line, 1, 'an environment'), Number(rate));
  }

  metrics(line: ScriptLine): void {
    const outside = this.#world.outside(this.#operator.slot(wordAt(line, 1, 'an environment')));
    const say = after(line, 'away');
    if (say === null && line.words[2] !== 'back')
      throw new ScriptError(line.number, 'expected away and what the source says, or back');
    outside.metricsSay = say;
  }

  async advance(ms: number): Promise<void> {
    await this.#world.run(ms);
  }

  stateOf(line: ScriptLine): string {
    const { slot, promotion } = this.target(line);
    const state = this.#world.store.slot(slot);
    return (
      state.promotions.find((p) => p.id === promotion)?.state ??
      state.ended.find((end) => end.id === promotion)?.state ??
      'unknown'
    );
  }

  async until(line: ScriptLine): Promise<void> {
    const wanted = wordAt(line, 3, 'a state');
    const limit = this.#world.clock.elapsed + spanOf(line, after(line, 'within') ?? '10m');
    while (this.stateOf(line) !== wanted && this.#world.clock.elapsed < limit) await this.#world.run(100);
    this.#expect(line, this.stateOf(line) === wanted, `it is ${this.stateOf(line)}`);
  }

  expect(line: ScriptLine): void {
    const what = wordAt(line, 1, 'stable, weight or a release');
    if (what === 'stable') {
      const slot = this.#operator.slot(wordAt(line, 2, 'an environment'));
      const stable = this.#world.store.slot(slot).stable?.release ?? 'nothing';
      return this.#expect(line, stable === wordAt(line, 3, 'a release'), `${stable} is stable`);
    }
    if (what === 'weight') {
      const slot = this.#operator.slot(wordAt(line, 2, 'an environment'));
      const weight = this.#world.outside(slot).weightOf(wordAt(line, 3, 'a release'));
      return this.#expect(line, weight === shareOf(line, line.words[4]) * 100, `it has ${weight} %`);
    }
    const state = this.stateOf(line);
    return this.#expect(line, state === wordAt(line, 3, 'a state'), `it is ${state}`);
  }

  why(): void {
    const { project, service } = this.#operator;
    const environments = [...new Set(this.#stages.map((stage) => stage.environment))];
    const slots = environments.map((name) => {
      const key = this.#operator.slot(name);
      const slot = this.#world.store.slot(key);
      const standings = standingsOf(slot, this.#world.store.project(project));
      return { slot, waits: this.#world.store.waits(key), standings };
    });
    const report = whyReport({ project, service }, slots, this.#world.clock.wall);
    this.#out.push(`  ${report.sentence}`);
    for (const wait of report.waits)
      this.#out.push(`  - ${wait.environment}, ${wait.release}: ${wait.sentence}; ${wait.actor}`);
    for (const { environment, metrics } of report.slots.flatMap(({ promotions }) => promotions))
      for (const { gate, sentence } of metrics) this.#out.push(`  - ${environment} [${gate}]: ${sentence}`);
  }
}

const commands: Readonly<Record<string, (scene: Scene, line: ScriptLine) => void | Promise<void>>> = {
  release: (scene, line) => {
    scene.release(line);
  },
  build: (scene, line) => {
    const name = scene.release(line);
    scene.tests(name, 120, 0);
    scene.sign(name, 'ci');
    scene.seal(name, 'anna');
  },
  tests: (scene, line) =>
    scene.tests(
      wordAt(line, 1, 'a release'),
      Number(wordAt(line, 2, 'how many')),
      Number(after(line, 'failed') ?? 0),
    ),
  sign: (scene, line) => scene.sign(wordAt(line, 1, 'a release'), after(line, 'by') ?? 'ci'),
  seal: (scene, line) => scene.seal(wordAt(line, 1, 'a release'), after(line, 'with') ?? 'anna'),
  promote: (scene, line) => scene.request(line, 'promote'),
  rollback: (scene, line) => scene.request(line, 'rollback'),
  approve: (scene, line) => scene.approve(line),
  reject: (scene, line) => scene.reject(line),
  waive: (scene, line) => scene.waive(line),
  pause: (scene, line) => scene.tell(line, 'paused'),
  resume: (scene, line) => scene.tell(line, 'resumed'),
  abort: (scene, line) => scene.tell(line, 'abort-asked'),
  freeze: (scene, line) => scene.freeze(line),
  unfreeze: (scene, line) => scene.unfreeze(line),
  trust: (scene, line) => scene.trust(line, true),
  distrust: (scene, line) => scene.trust(line, false),
  traffic: (scene, line) => scene.traffic(line),
  metrics: (scene, line) => scene.metrics(line),
  advance: (scene, line) => scene.advance(spanOf(line, line.words[1])),
  until: (scene, line) => scene.until(line),
  expect: (scene, line) => scene.expect(line),
  why: (scene) => scene.why(),
};
