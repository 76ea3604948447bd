import type { Environment } from '../model/documents.ts';
import type { SlotKey } from '../model/name.ts';
import type { ProjectState } from '../model/state.ts';
import type { Millis } from '../model/time.ts';
import { type Unmet, unmet } from './view.ts';

/**
 * Freezes that hold a slot now: on everything, on its project, on its environment, and planned ones of the
 * environment's calendar. They are read afresh in every turn and never pinned.
 */
export function freezesOn(
  key: SlotKey,
  environment: Environment,
  project: ProjectState,
  everything: ProjectState,
  now: Millis,
): readonly Unmet[] {
  const held = (state: ProjectState, scopeName: string): readonly Unmet[] =>
    state.freezes
      .filter(
        (f) =>
          (f.environment === null || f.environment === key.environment) &&
          (f.until === null || now < f.until),
      )
      .map((f) =>
        unmet(
          {
            code: 'frozen',
            scope: f.environment === null ? scopeName : `environment ${f.environment}`,
            freeze: f.id,
            until: f.until,
            note: f.reason,
          },
          f.until,
        ),
      );
  const planned = environment.spec.freezes
    .filter((f) => f.from <= now && now < f.to)
    .map((f) =>
      unmet(
        {
          code: 'frozen',
          scope: `environment ${key.environment}`,
          freeze: f.name,
          until: f.to,
          note: f.reason,
        },
        f.to,
      ),
    );
  return [...held(everything, 'everything'), ...held(project, `project ${key.project}`), ...planned];
}
