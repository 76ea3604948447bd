import type { Pipeline } from '../core/model/documents.ts';
import type { DocumentList } from '../server/schemas.ts';
import type { ApiClient } from './client.ts';
import { usage } from './failure.ts';

/** A pipeline as it is applied, as far as it says what it is for. */
export interface PipelineHead {
  readonly project: string;
  readonly name: string;
  readonly service: string;
  readonly document: unknown;
}

/** The pipelines of a project, or of all that the token may see. The documents are not checked. */
export async function pipelineHeads(
  client: ApiClient,
  project: string | null,
): Promise<readonly PipelineHead[]> {
  const { documents } = await client.glance<DocumentList>(
    '/v1/documents',
    { kind: 'Pipeline', project },
    'documents',
  );
  return documents.flatMap(({ project: owner, name, document }) => {
    const service = serviceOf(document);
    return service === null ? [] : [{ project: owner, name, service, document }];
  });
}

function serviceOf(document: unknown): string | null {
  const { service } = (document as { readonly spec?: { readonly service?: unknown } } | null)?.spec ?? {};
  return typeof service === 'string' ? service : null;
}

/** A stage as far as it says where it leads. */
export interface StageHead {
  readonly name: string;
  readonly environment: string;
  readonly after: readonly string[];
}

/** The stages of a pipeline, as far as they can be read. The document is not checked. */
export function stagesOf({ document }: PipelineHead): readonly StageHead[] {
  const { stages } = (document as { readonly spec?: { readonly stages?: unknown } }).spec ?? {};
  if (!Array.isArray(stages)) return [];
  return (stages as readonly Partial<StageHead>[]).map(({ name, environment, after }) => ({
    name: name ?? '',
    environment: environment ?? '',
    after: after ?? [],
  }));
}

/**
 * The applied pipeline of that name, or the one of the service of that name; null where there is neither. Several
 * of one service: they are listed, and the caller has to say which.
 */
export async function pipelineOf(client: ApiClient, project: string, name: string): Promise<Pipeline | null> {
  const heads = await pipelineHeads(client, project);
  const named = heads.filter((head) => head.name === name);
  const fitting = named.length > 0 ? named : heads.filter((head) => head.service === name);
  const [only, ...others] = fitting;
  if (only === undefined) return null;
  if (others.length > 0)
    throw usage(
      `several pipelines are for ${name}: ${fitting.map((head) => head.name).join(', ')}`,
      ...fitting.map((head) => `--pipeline ${head.name}`),
    );
  const { Pipeline: schema } = await import('../core/model/documents.ts');
  return schema.parse(only.document);
}
