import { describePipeline } from '../../core/report/describe.ts';
import { describePage } from '../../core/report/describe-page.ts';
import { Environment, type Pipeline, Project } from '../../core/model/documents.ts';
import { DocumentView } from '../../server/schemas.ts';
import { type ApiClient, apiPath, ApiRefusal } from '../client.ts';
import { connect } from '../connect.ts';
import { loadDocuments } from '../documents/load.ts';
import { CliFailure, usage } from '../failure.ts';
import { printObject } from '../output.ts';
import type { ConnectionOptions } from '../settings.ts';
import { pipelineHeads, pipelineOf } from '../pipelines.ts';
import { findService, splitTarget } from '../targets.ts';
import { printData, say } from '../terminal.ts';
import { findingLine } from './lint.ts';

interface Described {
  readonly pipeline: Pipeline;
  readonly environments: readonly Environment[];
  readonly project: Project | null;
}

/** Prints the page of a pipeline, from the server or from files. */
export async function describe(
  kind: string,
  name: string,
  options: ConnectionOptions & { readonly file?: string; readonly output: string },
): Promise<void> {
  if (kind !== 'pipeline')
    throw usage(`only a pipeline has a page, and ${kind} is not one`, `belay describe pipeline ${name}`);
  const { output } = options;
  if (output !== 'md' && output !== 'json' && output !== 'yaml')
    throw usage(`there is no output format ${output}; there is md, json, yaml`);
  const found =
    options.file === undefined ? await fromServer(name, options) : await fromFile(name, options.file);
  const description = describePipeline(found.pipeline, found.environments, found.project);
  if (output === 'md') printData(describePage(description).trimEnd());
  else await printObject(output, description);
}

async function fromFile(name: string, file: string): Promise<Described> {
  const { documents, findings } = await loadDocuments([file]);
  const errors = findings.filter((finding) => finding.rule === 'schema');
  for (const finding of errors) say(findingLine(finding));
  if (errors.length > 0) throw new CliFailure('error', `${file} cannot be read as it stands`);
  const all = documents.map((read) => read.document);
  const pipeline = all.find((document) => document.kind === 'Pipeline' && document.metadata.name === name);
  if (pipeline?.kind !== 'Pipeline') throw usage(`${file} has no pipeline ${name}`);
  const project = all.find(
    (document) => document.kind === 'Project' && document.metadata.name === pipeline.metadata.project,
  );
  return {
    pipeline,
    environments: all.filter((document) => document.kind === 'Environment'),
    project: project?.kind === 'Project' ? project : null,
  };
}

async function fromServer(text: string, options: ConnectionOptions): Promise<Described> {
  const client = await connect(options);
  const { project, name } = splitTarget(text);
  const chosen = project ?? client.settings.project ?? (await projectOf(client, name));
  const pipeline = await pipelineOf(client, chosen, name);
  if (pipeline === null) throw usage(`project ${chosen} has no pipeline ${name}`);
  const names = [...new Set(pipeline.spec.stages.map((stage) => stage.environment))];
  const [environments, owner] = await Promise.all([
    Promise.all(names.map(async (environment) => document(client, chosen, 'Environment', environment))),
    document(client, chosen, 'Project', chosen),
  ]);
  return {
    pipeline,
    environments: environments.flatMap((found) => (found === null ? [] : [Environment.parse(found)])),
    project: owner === null ? null : Project.parse(owner),
  };
}

/** The project of the only pipeline of that name; else that of the service of that name. */
async function projectOf(client: ApiClient, name: string): Promise<string> {
  const named = (await pipelineHeads(client, null)).filter((pipeline) => pipeline.name === name);
  const [only, ...others] = named;
  return only !== undefined && others.length === 0 ? only.project : (await findService(client, name)).project;
}

async function document(client: ApiClient, project: string, kind: string, name: string): Promise<unknown> {
  try {
    return (await client.get(apiPath`/v1/projects/${project}/documents/${kind}/${name}`, {}, DocumentView))
      .document;
  } catch (error) {
    if (error instanceof ApiRefusal && error.status === 404) return null;
    throw error;
  }
}
