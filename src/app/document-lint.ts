import { lintDocuments } from '../core/lint/documents.ts';
import type { BelayDocument } from '../core/model/documents.ts';
import type { ProjectState } from '../core/model/state.ts';
import type { DocumentLint } from '../server/parts.ts';

/** All documents of a project as they are applied now. */
const appliedDocuments = (project: ProjectState): readonly BelayDocument[] => [
  ...(project.project === null ? [] : [project.project.document]),
  ...Object.values(project.environments).map((applied) => applied.document),
  ...Object.values(project.pipelines).map((applied) => applied.document),
];

/** The server's door refuses what the lint calls an error, in the same words as `belay lint`. */
export const documentLint: DocumentLint = (documents, project) =>
  lintDocuments(documents, appliedDocuments(project))
    .filter((finding) => finding.severity === 'error')
    .map(({ document, path, message, fix }) => ({ path: `/documents/${document}${path}`, message, fix }));
