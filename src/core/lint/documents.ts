import type { BelayDocument, Environment, Pipeline, Project } from '../model/documents.ts';
import { checkPredicateType } from '../model/release.ts';
import { unreachable } from '../model/result.ts';
import {
  type DocumentFinding,
  type DocumentSet,
  documentName,
  gatesOf,
  type StageView,
} from './documents-finding.ts';
import { lintGates } from './documents-gates.ts';
import { lintIntervals } from './documents-intervals.ts';
import { lintKubernetes } from './documents-kubernetes.ts';
import { didYouMean } from './documents-nearest.ts';
import { lintStageOrder } from './documents-stages.ts';

/**
 * Finds what is wrong with documents before they are applied. `applied` is what the server already has of the
 * same projects; null where no server was asked, and then what cannot be known is at most a warning.
 */
export function lintDocuments(
  documents: readonly BelayDocument[],
  applied: readonly BelayDocument[] | null,
): readonly DocumentFinding[] {
  const set = documentSet([...(applied ?? []), ...documents], applied !== null);
  const twice = documents.flatMap((document, index) => duplicate(documents, document, index));
  return [...twice, ...documents.flatMap((document, index) => lintDocument(document, index, set))];
}

/** Later documents replace earlier ones of the same name. */
function documentSet(documents: readonly BelayDocument[], complete: boolean): DocumentSet {
  const projects = new Map<string, Project>();
  const environments = new Map<string, Environment>();
  for (const document of documents) {
    if (document.kind === 'Project') projects.set(document.metadata.name, document);
    if (document.kind === 'Environment')
      environments.set(`${document.metadata.project}/${document.metadata.name}`, document);
  }
  return { complete, projects, environments };
}

function duplicate(
  documents: readonly BelayDocument[],
  document: BelayDocument,
  index: number,
): readonly DocumentFinding[] {
  const name = documentName(document);
  if (documents.findIndex((other) => documentName(other) === name) === index) return [];
  return [
    {
      rule: 'duplicate-document',
      severity: 'error',
      document: index,
      path: '/metadata/name',
      message: `${name} is there twice`,
      fix: 'keep one of them, or give this one another name',
    },
  ];
}

function lintDocument(document: BelayDocument, index: number, set: DocumentSet): readonly DocumentFinding[] {
  switch (document.kind) {
    case 'Project':
      return lintProject(document, index);
    case 'Environment':
      return [
        ...projectKnown(document, index, set),
        ...lintEnvironment(document, index),
        ...lintKubernetes(document, index),
      ];
    case 'Pipeline':
      return [...projectKnown(document, index, set), ...lintPipeline(document, index, set)];
    default:
      return unreachable(document);
  }
}

function projectKnown(
  document: Environment | Pipeline,
  index: number,
  set: DocumentSet,
): readonly DocumentFinding[] {
  const { project } = document.metadata;
  if (set.projects.has(project)) return [];
  const known = [...set.projects.keys()];
  return [
    {
      rule: 'unknown-project',
      severity: set.complete ? 'error' : 'warning',
      document: index,
      path: '/metadata/project',
      message: set.complete
        ? `there is no project ${project}`
        : `project ${project} is not in these files; the server must have it already`,
      fix: known.length === 0 ? `apply a Project named ${project} as well` : didYouMean(project, known),
    },
  ];
}

function lintProject(project: Project, document: number): readonly DocumentFinding[] {
  const { trust } = project.spec;
  return trust.flatMap((identity, i): readonly DocumentFinding[] => {
    const findings: DocumentFinding[] = [];
    const path = `/spec/trust/${i}`;
    if (trust.findIndex((other) => other.name === identity.name) !== i) {
      findings.push({
        rule: 'duplicate-identity',
        severity: 'error',
        document,
        path: `${path}/name`,
        message: `trusted identity ${identity.name} is there twice`,
        fix: 'give each identity its own name',
      });
    }
    if (identity.checks.length > 0 && !identity.predicateTypes.includes(checkPredicateType)) {
      findings.push({
        rule: 'check-type-missing',
        severity: 'error',
        document,
        path: `${path}/predicateTypes`,
        message: `identity ${identity.name} may report checks and may not sign the type that reports have`,
        fix: `add ${checkPredicateType} to its predicateTypes`,
      });
    }
    return findings;
  });
}

function lintEnvironment(environment: Environment, document: number): readonly DocumentFinding[] {
  const { freezes, production, warm } = environment.spec;
  const intervals = lintIntervals(
    document,
    '/spec/freezes',
    freezes,
    `environment ${environment.metadata.name}`,
  );
  const found = [...intervals, ...lintMetricsSource(environment, document)];
  if (!production || warm > 0) return found;
  return [
    ...found,
    {
      rule: 'production-cold',
      severity: 'warning',
      document,
      path: '/spec/warm',
      message: `${environment.metadata.name} is production and keeps the old version up for no time: going back has to start it again`,
      fix: 'give warm a time such as 10m',
    },
  ];
}

function lintMetricsSource({ spec }: Environment, document: number): readonly DocumentFinding[] {
  const { metrics } = spec;
  const findings: DocumentFinding[] = [];
  if (metrics === undefined) return findings;
  const plain = metrics.url.startsWith('http:') && !/^http:\/\/(localhost|127\.|\[::1\])/.test(metrics.url);
  if (plain && metrics.authentication !== undefined) {
    findings.push({
      rule: 'credentials-in-clear',
      severity: 'warning',
      document,
      path: '/spec/metrics/url',
      message: 'credentials are sent without TLS',
      fix: 'take an https address, unless the network encrypts',
    });
  }
  if (metrics.window < 2 * metrics.every) {
    findings.push({
      rule: 'metrics-window',
      severity: 'error',
      document,
      path: '/spec/metrics/window',
      message:
        'each query looks back less than two times as far as the time between two: samples would be missed',
      fix: 'take a window of several times `every`',
    });
  }
  return findings;
}

function lintPipeline(pipeline: Pipeline, document: number, set: DocumentSet): readonly DocumentFinding[] {
  const project = pipeline.metadata.project;
  const stages = pipeline.spec.stages.map((stage, i): StageView => {
    const path = `/spec/stages/${i}`;
    return {
      document,
      pipeline,
      stage,
      path,
      complete: set.complete,
      environment: set.environments.get(`${project}/${stage.environment}`),
      project: set.projects.get(project),
      gates: gatesOf(stage, path),
    };
  });
  return [...lintStageOrder(document, pipeline), ...stages.flatMap((view) => lintStage(view, set))];
}

function lintStage(view: StageView, set: DocumentSet): readonly DocumentFinding[] {
  return [...environmentKnown(view, set), ...lintGates(view), ...lintRollout(view), ...lintProduction(view)];
}

function environmentKnown(view: StageView, set: DocumentSet): readonly DocumentFinding[] {
  if (view.environment !== undefined) return [];
  const name = view.stage.environment;
  const project = view.pipeline.metadata.project;
  const known = [...set.environments.values()]
    .filter((environment) => environment.metadata.project === project)
    .map((environment) => environment.metadata.name);
  return [
    {
      rule: 'unknown-environment',
      severity: set.complete ? 'error' : 'warning',
      document: view.document,
      path: `${view.path}/environment`,
      message: set.complete
        ? `stage ${view.stage.name} goes to environment ${name}, which project ${project} does not have`
        : `environment ${name} is not in these files; the server must have it already`,
      fix: known.length === 0 ? `apply an Environment named ${name} as well` : didYouMean(name, known),
    },
  ];
}

function lintRollout(view: StageView): readonly DocumentFinding[] {
  if (view.stage.rollout.progressDeadline > 0) return [];
  return [
    {
      rule: 'deadline-zero',
      severity: 'error',
      document: view.document,
      path: `${view.path}/rollout/progressDeadline`,
      message: `stage ${view.stage.name} can never be passed: its progress deadline is over when it begins`,
      fix: 'give the new version time to start, such as 5m',
    },
  ];
}

/** What production asks for on top. */
function lintProduction(view: StageView): readonly DocumentFinding[] {
  const { stage, document, path, environment } = view;
  if (environment?.spec.production !== true) return [];
  const findings: DocumentFinding[] = [];
  const name = environment.metadata.name;
  if (!stage.gates.some((gate) => gate.kind === 'signature' && gate.mode === 'enforce')) {
    findings.push({
      rule: 'production-unsigned',
      severity: 'error',
      document,
      path: `${path}/gates`,
      message: `stage ${stage.name} goes to ${name}, which is production, and has no signature gate that enforces`,
      fix: 'add a gate {kind: signature, name: provenance}',
    });
  }
  if (stage.rollout.steps.length === 1) {
    findings.push({
      rule: 'production-one-step',
      severity: 'warning',
      document,
      path: `${path}/rollout/steps`,
      message: `stage ${stage.name} gives ${name} 100 % of a new version at once`,
      fix: 'take steps such as [10, 30, 60, 100]',
    });
  } else if (!stage.analysis.some((gate) => gate.mode === 'enforce')) {
    findings.push({
      rule: 'production-unwatched',
      severity: 'warning',
      document,
      path: `${path}/analysis`,
      message: `stage ${stage.name} shifts the traffic of ${name} by time alone: nothing compares canary and stable`,
      fix: 'add a metric gate to analysis',
    });
  }
  return findings;
}
