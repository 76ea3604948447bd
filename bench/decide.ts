import { cpus } from 'node:os';
import { writeFileSync } from 'node:fs';
import { decide } from '../src/core/decide/decide.ts';
import { evaluator } from '../src/core/decide/evaluator.ts';
import { apiVersion, type BelayDocumentInput } from '../src/core/model/documents.ts';
import { checkPredicateType } from '../src/core/model/release.ts';
import type { TurnInput } from '../src/core/model/state.ts';
import { provenance } from '../simulation/generate.ts';
import { signerNamed, statementBy } from '../simulation/signing.ts';
import { TurnBench } from '../simulation/turn-bench.ts';

/** Decisions a second of the core alone, on one core: a turn that holds, for a pipeline of six stages. */
const goal = 50_000;

const stageNames = ['build', 'test', 'staging', 'load', 'canary', 'production'];

function pipelineOfSix(): BelayDocumentInput {
  return {
    apiVersion,
    kind: 'Pipeline',
    metadata: { name: 's', project: 'p' },
    spec: {
      service: 's',
      stages: stageNames.map((name, i) => ({
        name,
        environment: name,
        after: i === 0 ? [] : [stageNames[i - 1] ?? ''],
        gates: [
          { kind: 'signature', name: 'signed' },
          { kind: 'tests', name: 'unit-tests' },
          { kind: 'approval', name: 'approved', quorum: 2 },
          { kind: 'check', name: 'load', check: 'load' },
          {
            kind: 'window',
            name: 'holidays',
            closed: [{ from: 2_000_000_000_000, to: 2_000_000_100_000, reason: 'holidays' }],
          },
        ],
        rollout: { steps: [1, 10, 50, 100], stepAtLeast: '5m' },
        analysis: [{ kind: 'metric', name: 'canary' }],
        verification: [{ kind: 'soak', name: 'soak', healthyFor: '30m' }],
      })),
    },
  };
}

/** A slot in production: v1 stable, v2 on its way, evidence attached, and everything before it promoted. */
function slotBefore(): { readonly bench: TurnBench; readonly pipeline: string } {
  const bench = new TurnBench();
  const trust = [
    { name: 'ci', publicKey: signerNamed('ci').publicKey, predicateTypes: [provenance] },
    {
      name: 'load-tester',
      publicKey: signerNamed('load-tester').publicKey,
      predicateTypes: [checkPredicateType],
      checks: ['load'],
    },
  ];
  bench.apply({ apiVersion, kind: 'Project', metadata: { name: 'p' }, spec: { trust } });
  for (const name of stageNames)
    bench.apply({
      apiVersion,
      kind: 'Environment',
      metadata: { name, project: 'p' },
      spec: { driver: 'local', replicas: 10 },
    });
  const pipeline = bench.apply(pipelineOfSix());
  for (const release of ['v1', 'v2', 'v3']) {
    bench.build(release);
    const artifact = bench.artifactOf(release);
    bench.attach(release, statementBy(signerNamed('ci'), artifact, provenance, { builder: 'ci' }));
    bench.attach(
      release,
      statementBy(signerNamed('load-tester'), artifact, checkPredicateType, { check: 'load', passed: true }),
    );
    const counts = { total: 900, failed: 0, skipped: 3 };
    bench.attach(release, { type: 'tests', name: 'unit', artifact, content: artifact, counts });
    for (const stage of stageNames.slice(0, 5))
      bench.releaseEntry(release, {
        type: 'stage-ended',
        at: bench.now,
        stage,
        environment: stage,
        promotion: `${release}-${stage}`,
        state: 'promoted',
        reason: { code: 'done' },
      });
  }
  bench.request('v1', pipeline);
  approved(bench, 'v1');
  bench.observe({ v1: 10 }, {});
  bench.turn();
  bench.observe({ v1: 10 }, { v1: 100 });
  bench.turn();
  // The soak: an hour in which it is looked at all the time.
  bench.now += 3_600_000;
  bench.entry({ type: 'seen', at: bench.now, until: bench.now });
  bench.turn();
  if (bench.slot.stable === null) throw new Error('v1 is not stable');
  return { bench, pipeline };
}

function approved(bench: TurnBench, release: string): void {
  bench.turn();
  for (const person of ['erin', 'frank']) bench.approve(`${release}-production`, person);
  bench.turn();
}

/** The turns that are measured: each holds, and says why. */
function cases(): Readonly<Record<string, TurnInput>> {
  const waiting = slotBefore();
  waiting.bench.request('v2', waiting.pipeline);
  waiting.bench.turn();
  waiting.bench.turn();
  const rolling = slotBefore();
  const { bench } = rolling;
  bench.request('v2', rolling.pipeline);
  approved(bench, 'v2');
  bench.observe({ v1: 10, v2: 1 }, { v1: 100 });
  bench.turn();
  bench.observe({ v1: 10, v2: 1 }, { v1: 99, v2: 1 });
  bench.turn();
  bench.counted(180, 1, 18_000, 40);
  bench.turn();
  const both = { ...rolling };
  const single = bench.input();
  both.bench.request('v3', rolling.pipeline);
  both.bench.turn();
  return {
    'at the door, waits for approval': waiting.bench.input(),
    'at 1 %, not enough data': single,
    'at 1 %, and one more behind it': both.bench.input(),
  };
}

/** The same input as a process reads it for the first time: nothing about its evidence is remembered. */
const afresh = (input: TurnInput): TurnInput => ({
  ...input,
  releases: Object.fromEntries(
    Object.entries(input.releases).map(([name, release]) => [
      name,
      { ...release, attachments: [...release.attachments] },
    ]),
  ),
});

function measure(
  input: TurnInput,
  prepare: (input: TurnInput) => TurnInput = (same) => same,
): { readonly perSecond: number; readonly waits: readonly string[] } {
  const conclusion = decide(input);
  if (conclusion.decision.moves.length > 0) throw new Error('the turn does not hold');
  const until = performance.now() + 500;
  while (performance.now() < until) for (let i = 0; i < 100; i++) decide(prepare(input));
  const started = performance.now();
  let count = 0;
  while (performance.now() - started < 1_500) {
    for (let i = 0; i < 100; i++) decide(prepare(input));
    count += 100;
  }
  const perSecond = Math.round((count / (performance.now() - started)) * 1_000);
  return { perSecond, waits: conclusion.waits.map((wait) => wait.reason.code) };
}

const inputs = cases();
const results = [
  ...Object.entries(inputs).map(([name, input]) => ({ name, ...measure(input) })),
  ...Object.entries(inputs)
    .slice(1, 2)
    .map(([name, input]) => ({ name: `${name}, first read`, ...measure(input, afresh) })),
];
for (const { name, perSecond, waits } of results) {
  const share = `${((perSecond / goal) * 100).toFixed(0)} % of the goal`;
  console.log(
    `${name.padEnd(36)} ${String(perSecond).padStart(8)} /s  ${share.padEnd(20)} ${waits.join(', ')}`,
  );
}
const report = {
  benchmark: 'decide',
  goal,
  unit: 'decisions per second, one core',
  results,
  evaluator,
  node: process.version,
  machine: { cpu: cpus()[0]?.model ?? 'unknown', cores: cpus().length },
};
const at = process.argv.indexOf('--json');
if (at >= 0) writeFileSync(process.argv[at + 1] ?? '', `${JSON.stringify(report, null, 2)}\n`);
else console.log(JSON.stringify(report));
