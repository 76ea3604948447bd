import { foldProject } from '../../core/decide/fold/project.ts';
import { seal } from '../../core/model/digest.ts';
import { BelayDocument } from '../../core/model/documents.ts';
import type { ProjectEntry } from '../../core/model/entries.ts';
import { projectStream } from '../../core/model/name.ts';
import { ok } from '../../core/model/result.ts';
import type { ProjectState } from '../../core/model/state.ts';
import type { Millis } from '../../core/model/time.ts';
import { databaseNow } from '../../store/streams.ts';
import { need, needSomewhere, type Principal } from '../access.ts';
import type { ServerParts } from '../parts.ts';
import { type Answer, type Finding, refuse } from '../refusal.ts';
import type { ApplyAnswer, ApplyRequest, ApplyResult, DocumentView } from '../schemas.ts';
import { recordTogether } from './record.ts';

/** A document's canonical bytes have to fit into one entry of the ledger. */
const longestDocument = 60_000;

interface Prepared {
  /** Place in the request. */
  readonly index: number;
  readonly document: BelayDocument;
  readonly project: string;
  readonly name: string;
  readonly bytes: string;
  readonly digest: string;
}

/** Applies documents: all of them, or none and the findings that say why. A document that is the same is no new fact. */
export async function applyDocuments(
  parts: ServerParts,
  by: Principal,
  request: ApplyRequest,
  dryRun: boolean,
): Promise<Answer<ApplyAnswer>> {
  const somewhere = needSomewhere(by, 'admin');
  if (!somewhere.ok) return somewhere;
  const prepared = prepare(parts, request);
  if (!prepared.ok) return prepared;
  const projects = [...new Set(prepared.value.map((p) => p.project))];
  for (const project of projects) {
    const allowed = need(by, 'admin', project, '*');
    if (!allowed.ok) return allowed;
  }
  const checked = await checkSources(parts, prepared.value, projects);
  if (!checked.ok) return checked;
  const warnings = [...checked.value];
  const streams = projects.map(projectStream);
  let results: readonly ApplyResult[] = [];
  const check = async (
    now: Millis,
  ): Promise<Answer<readonly { stream: string; entries: ProjectEntry[] }[]>> => {
    const planned = await planAll(parts, by, prepared.value, projects, now);
    if (!planned.ok) return planned;
    results = planned.value.flatMap((p) => p.results);
    return ok(planned.value.map((p) => ({ stream: projectStream(p.project), entries: [...p.entries] })));
  };
  if (dryRun) {
    const planned = await check(await databaseNow(parts.pool));
    return planned.ok ? ok({ results: [...results], warnings }) : planned;
  }
  const recorded = await recordTogether(parts, streams, check);
  return recorded.ok ? ok({ results: [...results], warnings }) : recorded;
}

function prepare(parts: ServerParts, request: ApplyRequest): Answer<readonly Prepared[]> {
  const findings: Finding[] = [];
  const prepared: Prepared[] = [];
  for (const [index, input] of request.documents.entries()) {
    const at = `/documents/${index}`;
    const parsed = BelayDocument.safeParse(input);
    if (!parsed.success) {
      findings.push(
        ...parsed.error.issues.map((issue) => ({
          path: [at, ...issue.path.map(String)].join('/'),
          message: issue.message,
        })),
      );
      continue;
    }
    const document = parsed.data;
    const name = document.metadata.name;
    const project = document.kind === 'Project' ? name : document.metadata.project;
    const { bytes, digest } = seal(parts.crypto, document);
    if (bytes.length > longestDocument)
      findings.push({ path: at, message: `has ${bytes.length} characters; at most ${longestDocument} fit` });
    if (prepared.some((p) => p.document.kind === document.kind && p.project === project && p.name === name))
      findings.push({ path: at, message: `${document.kind} ${name} occurs twice` });
    prepared.push({ index, document, project, name, bytes, digest });
  }
  return findings.length === 0
    ? ok(prepared)
    : refuse(422, 'invalid-documents', 'nothing was applied: the documents are not valid', findings);
}

/** Asks the other systems that the documents name, outside of any transaction. Returns the warnings. */
async function checkSources(
  parts: ServerParts,
  prepared: readonly Prepared[],
  projects: readonly string[],
): Promise<Answer<readonly Finding[]>> {
  const found = await Promise.all(
    projects.map(async (project) => {
      const own = prepared.filter((p) => p.project === project);
      const state = await parts.folds.project(projectStream(project));
      const findings = await parts.checkSources(
        own.map((p) => p.document),
        state,
      );
      return findings.map(({ severity, ...finding }) => ({ severity, finding: placed(finding, own) }));
    }),
  );
  const of = (wanted: 'error' | 'warning'): readonly Finding[] =>
    found.flat().flatMap(({ severity, finding }) => (severity === wanted ? [finding] : []));
  const errors = of('error');
  return errors.length === 0
    ? ok(of('warning'))
    : refuse(422, 'invalid-documents', 'nothing was applied: what the documents name does not work', errors);
}

interface Planned {
  readonly project: string;
  readonly entries: readonly ProjectEntry[];
  readonly results: readonly ApplyResult[];
}

async function planAll(
  parts: ServerParts,
  by: Principal,
  prepared: readonly Prepared[],
  projects: readonly string[],
  now: Millis,
): Promise<Answer<readonly Planned[]>> {
  const planned: Planned[] = [];
  const findings: Finding[] = [];
  for (const project of projects) {
    const own = prepared.filter((p) => p.project === project);
    const before = await parts.folds.project(projectStream(project));
    const plan = planProject(by, project, own, before, now);
    const after = plan.entries.reduce((state, entry) => foldProject(state, entry, state.seq + 1), before);
    const linted = parts.lintDocuments(
      own.map((p) => p.document),
      after,
    );
    findings.push(
      ...linted.map((finding) => placed(finding, own)),
      ...unknownEnvironments(own, after, linted),
    );
    planned.push(plan);
  }
  return findings.length === 0
    ? ok(planned)
    : refuse(422, 'invalid-documents', 'nothing was applied: the documents do not hold together', findings);
}

function planProject(
  by: Principal,
  project: string,
  prepared: readonly Prepared[],
  before: ProjectState,
  now: Millis,
): Planned {
  const entries: ProjectEntry[] = [];
  const results = prepared.map(({ document: { kind }, name, digest, bytes }): ApplyResult => {
    const known = appliedDocument(before, kind, name)?.digest;
    if (known !== digest)
      entries.push({ type: 'applied', at: now, by: by.subject, kind, name, digest, document: bytes });
    const change = known === undefined ? 'created' : known === digest ? 'unchanged' : 'changed';
    return { kind, name, project, digest, change };
  });
  return { project, entries, results };
}

/** The document of a kind and name as it is applied now. */
export function appliedDocument(state: ProjectState, kind: BelayDocument['kind'], name: string) {
  switch (kind) {
    case 'Project':
      return state.project?.document.metadata.name === name ? state.project : undefined;
    case 'Environment':
      return Object.hasOwn(state.environments, name) ? state.environments[name] : undefined;
    case 'Pipeline':
      return Object.hasOwn(state.pipelines, name) ? state.pipelines[name] : undefined;
    default:
      return kind satisfies never;
  }
}

/** Every document of a project as it is applied now, as it is answered. */
export const appliedDocuments = (state: ProjectState): readonly DocumentView[] =>
  [
    ...(state.project === null ? [] : [state.project]),
    ...Object.values(state.environments),
    ...Object.values(state.pipelines),
  ].map((applied) => ({
    ...applied,
    kind: applied.document.kind,
    name: applied.document.metadata.name,
    project:
      applied.document.kind === 'Project'
        ? applied.document.metadata.name
        : applied.document.metadata.project,
  }));

/** The lint counts the documents that it was given; the asker counts those that he sent. */
const placed = (finding: Finding, own: readonly Prepared[]): Finding => ({
  ...finding,
  path: finding.path.replace(/^\/documents\/(\d+)/, (whole, index: string) => {
    const document = own[Number(index)];
    return document === undefined ? whole : `/documents/${document.index}`;
  }),
});

/** A promotion into nowhere would wait for ever: refused even where the lint that was given says nothing. */
function unknownEnvironments(
  prepared: readonly Prepared[],
  after: ProjectState,
  linted: readonly Finding[],
): readonly Finding[] {
  if (linted.length > 0) return [];
  return prepared.flatMap(({ index, document }) =>
    document.kind !== 'Pipeline'
      ? []
      : document.spec.stages.flatMap((stage, i) =>
          Object.hasOwn(after.environments, stage.environment)
            ? []
            : [
                {
                  path: `/documents/${index}/spec/stages/${i}/environment`,
                  message: `there is no environment ${stage.environment} in project ${document.metadata.project}`,
                  fix: 'apply the environment together with the pipeline, or before it',
                },
              ],
        ),
  );
}
