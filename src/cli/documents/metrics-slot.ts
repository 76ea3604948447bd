import { didYouMean } from '../../core/lint/documents-nearest.ts';
import type { Environment } from '../../core/model/documents.ts';
import type { PrometheusSource } from '../../core/model/metrics-source.ts';
import type { SlotKey } from '../../core/model/name.ts';
import { findingLine } from '../commands/lint.ts';
import { CliFailure, usage } from '../failure.ts';
import { loadDocuments } from './load.ts';
import type { ReadDocument } from './read.ts';

/** What narrows down whose counters are meant, where documents tell of several. */
export interface SlotChoice {
  readonly project?: string;
  readonly environment?: string;
  readonly service?: string;
}

/** A slot whose samples come from a Prometheus, with the place of that source: `belay.yaml:9:5`. */
export interface MetricsSlot {
  readonly slot: SlotKey;
  readonly source: PrometheusSource;
  readonly place: string;
}

interface ReadEnvironment {
  readonly read: ReadDocument;
  readonly environment: Environment;
}

/** Finds the one slot that is meant in documents, without a server; refuses what `belay lint` calls wrong. */
export async function metricsSlot(files: readonly string[], choice: SlotChoice): Promise<MetricsSlot> {
  const { documents, findings } = await loadDocuments(files);
  const [wrong] = findings.filter(({ severity }) => severity === 'error');
  if (wrong !== undefined) throw new CliFailure('error', findingLine(wrong), ['belay lint']);
  const { read, environment } = environmentOf(documents, choice);
  const { name, project } = environment.metadata;
  const source = environment.spec.metrics;
  if (source === undefined)
    throw new CliFailure(
      'error',
      `${placeIn(read, ['spec'])}: environment ${name} names no metrics source, and its driver remembers nothing`,
      [`add metrics: { source: prometheus, url: … } to its spec: docs/metrics.md`],
    );
  const service = choice.service ?? serviceOf(documents, environment);
  return { slot: { project, environment: name, service }, source, place: placeIn(read, ['spec', 'metrics']) };
}

/** The named environment, or the only one with a source. */
function environmentOf(documents: readonly ReadDocument[], choice: SlotChoice): ReadEnvironment {
  const all = documents
    .flatMap((read): readonly ReadEnvironment[] =>
      read.document.kind === 'Environment' ? [{ read, environment: read.document }] : [],
    )
    .filter(({ environment: { metadata } }) => (choice.project ?? metadata.project) === metadata.project);
  const names = [...new Set(all.map(({ environment }) => environment.metadata.name))];
  if (all.length === 0)
    throw usage(
      `these documents hold no environment${choice.project === undefined ? '' : ` of project ${choice.project}`}`,
      'name the file with the environment whose metrics are meant',
    );
  const sources = all.filter(({ environment }) => environment.spec.metrics !== undefined);
  const named = all.filter(({ environment }) => environment.metadata.name === choice.environment);
  // Without any source the first one is shown, with the place where it is missing.
  const fitting = choice.environment !== undefined ? named : sources.length === 0 ? all.slice(0, 1) : sources;
  const [only, ...others] = fitting;
  if (only === undefined)
    throw usage(
      `there is no environment ${choice.environment ?? ''} in these documents; ${didYouMean(choice.environment ?? '', names)}`,
    );
  if (others.length > 0)
    throw usage(
      'several environments fit',
      ...fitting.map(
        ({ environment: { metadata } }) => `--environment ${metadata.name} -n ${metadata.project}`,
      ),
    );
  return only;
}

/** The only service that a pipeline of the same documents leads into an environment. */
function serviceOf(documents: readonly ReadDocument[], { metadata: { name, project } }: Environment): string {
  const services = [
    ...new Set(
      documents.flatMap(({ document }) =>
        document.kind === 'Pipeline' &&
        document.metadata.project === project &&
        document.spec.stages.some(({ environment }) => environment === name)
          ? [document.spec.service]
          : [],
      ),
    ),
  ];
  const [only, ...others] = services;
  if (only === undefined)
    throw usage(
      `no pipeline in these documents leads into environment ${name}: say which service`,
      '--service NAME',
    );
  if (others.length > 0)
    throw usage(
      `pipelines lead several services into environment ${name}`,
      ...services.map((service) => `--service ${service}`),
    );
  return only;
}

function placeIn(read: ReadDocument, path: readonly string[]): string {
  const { line, column } = read.placeOf(path);
  return `${read.file}:${line}:${column}`;
}
