import type { BelayDocument, Environment } from '../core/model/documents.ts';
import type { SlotKey } from '../core/model/name.ts';
import type { ProjectState } from '../core/model/state.ts';
import { checkSource } from '../drivers/prometheus/check.ts';
import { createQueryClient } from '../drivers/prometheus/query-client.ts';
import type { SourceCheck } from '../server/parts.ts';

/** Whoever applies waits no longer than this for another system; what was not tried by then is a warning. */
const limitMs = 5_000;
const mostServices = 5;
/** Stands in for the services of an environment that no pipeline leads into yet. */
const anyService = 'service';

/** Tries the queries of the environments that are being applied, as this server will ask them. */
export const metricsCheck =
  (secretsFolder: string | null): SourceCheck =>
  async (documents, project) => {
    const signal = AbortSignal.timeout(limitMs);
    const found = await Promise.all(
      documents.map(async (document, index) => {
        if (document.kind !== 'Environment' || document.spec.metrics === undefined) return [];
        const source = document.spec.metrics;
        const client = createQueryClient(source, secretsFolder);
        const findings = await checkSource(client, source, slotsOf(document, documents, project), signal);
        return findings.map(({ path, ...rest }) => ({
          ...rest,
          path: `/documents/${index}/spec/metrics${path}`,
        }));
      }),
    );
    return found.flat();
  };

/** The services that pipelines lead into an environment, as they will be applied. */
function slotsOf(
  { metadata: { name, project } }: Environment,
  documents: readonly BelayDocument[],
  state: ProjectState,
): readonly SlotKey[] {
  const pipelines = [...Object.values(state.pipelines).map(({ document }) => document), ...documents];
  const services = new Set(
    pipelines.flatMap((document) =>
      document.kind === 'Pipeline' &&
      document.metadata.project === project &&
      document.spec.stages.some(({ environment }) => environment === name)
        ? [document.spec.service]
        : [],
    ),
  );
  return (services.size === 0 ? [anyService] : [...services].slice(0, mostServices)).map((service) => ({
    project,
    environment: name,
    service,
  }));
}
