import type { Pipeline } from '../model/documents.ts';
import type { DocumentFinding } from './documents-finding.ts';
import { didYouMean } from './documents-nearest.ts';

/** Findings on the order of a pipeline's stages: names that are twice there or not there, cycles, what lies behind them. */
export function lintStageOrder(document: number, pipeline: Pipeline): readonly DocumentFinding[] {
  const { stages } = pipeline.spec;
  const names = stages.map((stage) => stage.name);
  const findings: DocumentFinding[] = [];
  const error = (rule: DocumentFinding['rule'], path: string, message: string, fix: string): void => {
    findings.push({ rule, severity: 'error', document, path, message, fix });
  };
  stages.forEach((stage, i) => {
    if (names.indexOf(stage.name) !== i) {
      error(
        'duplicate-stage',
        `/spec/stages/${i}/name`,
        `stage ${stage.name} is there twice`,
        'give each stage its own name',
      );
    }
    stage.after.forEach((before, j) => {
      if (names.includes(before)) return;
      const others = names.filter((name) => name !== stage.name);
      error(
        'unknown-stage',
        `/spec/stages/${i}/after/${j}`,
        `stage ${stage.name} comes after ${before}, which is no stage of this pipeline`,
        didYouMean(before, others),
      );
    });
  });
  const cyclic = cyclicStages(pipeline);
  stages.forEach((stage, i) => {
    const path = `/spec/stages/${i}/after`;
    const cycle = cyclic.get(stage.name);
    if (cycle !== undefined) {
      error(
        'stage-cycle',
        path,
        `stages wait for each other: ${cycle.join(' after ')}`,
        'take one of these `after` away',
      );
    } else if (stage.after.some((before) => leadsToCycle(pipeline, before, cyclic))) {
      error(
        'unreachable-stage',
        path,
        `stage ${stage.name} can never be reached: what comes before it waits for itself`,
        'mend the cycle before it',
      );
    }
  });
  return findings;
}

/** Each stage that waits for itself, with the way round: `a after b after a`. */
function cyclicStages(pipeline: Pipeline): ReadonlyMap<string, readonly string[]> {
  const cycles = new Map<string, readonly string[]>();
  for (const { name } of pipeline.spec.stages) {
    const way = wayBackTo(pipeline, name);
    if (way !== null) cycles.set(name, way);
  }
  return cycles;
}

/** The shortest way along `after` from a stage back to itself. */
function wayBackTo(pipeline: Pipeline, target: string): readonly string[] | null {
  const ways: (readonly string[])[] = [[target]];
  const seen = new Set<string>();
  for (let way = ways.shift(); way !== undefined; way = ways.shift()) {
    for (const before of afterOf(pipeline, way.at(-1) ?? '')) {
      if (before === target) return [...way, before];
      if (!seen.has(before)) ways.push([...way, before]);
      seen.add(before);
    }
  }
  return null;
}

function leadsToCycle(pipeline: Pipeline, start: string, cyclic: ReadonlyMap<string, unknown>): boolean {
  const open = [start];
  const seen = new Set<string>(open);
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (cyclic.has(name)) return true;
    for (const before of afterOf(pipeline, name)) {
      if (!seen.has(before)) open.push(before);
      seen.add(before);
    }
  }
  return false;
}

const afterOf = (pipeline: Pipeline, name: string): readonly string[] =>
  pipeline.spec.stages.find((stage) => stage.name === name)?.after ?? [];
