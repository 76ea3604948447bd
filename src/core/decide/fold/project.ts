import { BelayDocument } from '../../model/documents.ts';
import type { ProjectEntry } from '../../model/entries.ts';
import { unreachable } from '../../model/result.ts';
import type { AppliedDocument, ProjectState } from '../../model/state.ts';

/** A project, or everything, of which nothing is known. */
export const emptyProject: ProjectState = {
  seq: 0,
  project: null,
  environments: {},
  pipelines: {},
  pinned: {},
  freezes: [],
};

/** Folds one entry of a project's stream, or of the stream of everything. */
export function foldProject(state: ProjectState, entry: ProjectEntry, seq: number): ProjectState {
  switch (entry.type) {
    case 'applied':
      return applied({ ...state, seq }, entry);
    case 'frozen':
      return {
        ...state,
        seq,
        freezes: [
          ...state.freezes.filter((f) => f.id !== entry.freeze.id),
          { ...entry.freeze, by: entry.by, at: entry.at },
        ],
      };
    case 'unfrozen':
      return { ...state, seq, freezes: state.freezes.filter((f) => f.id !== entry.id) };
    default:
      return unreachable(entry);
  }
}

function applied(state: ProjectState, entry: Extract<ProjectEntry, { type: 'applied' }>): ProjectState {
  // It was parsed before it was recorded; a record that no longer parses is a bug, not an input.
  const document = BelayDocument.parse(JSON.parse(entry.document));
  const wrap = <T>(value: T): AppliedDocument<T> => ({
    digest: entry.digest,
    by: entry.by,
    at: entry.at,
    document: value,
  });
  switch (document.kind) {
    case 'Project':
      return { ...state, project: wrap(document) };
    case 'Environment':
      return { ...state, environments: { ...state.environments, [document.metadata.name]: wrap(document) } };
    case 'Pipeline': {
      const pipeline = wrap(document);
      const first = state.pinned[entry.digest] ?? { ...pipeline, editors: [] };
      const editors = [...new Set([...first.editors, entry.by.id])];
      return {
        ...state,
        pipelines: { ...state.pipelines, [document.metadata.name]: pipeline },
        pinned: { ...state.pinned, [entry.digest]: { ...first, editors } },
      };
    }
    default:
      return unreachable(document);
  }
}
