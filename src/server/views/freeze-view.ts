import type { Environment } from '../../core/model/documents.ts';
import type { ProjectState } from '../../core/model/state.ts';
import type { Millis } from '../../core/model/time.ts';
import type { FreezeView } from '../schemas.ts';

/** The freezes that people set in a project, or, with null, on everything. */
export const freezeViews = (state: ProjectState, project: string | null): readonly FreezeView[] =>
  state.freezes.map(({ id, environment, reason, until, by, at }) => ({
    id,
    scope: project === null ? 'everything' : environment === null ? 'project' : 'environment',
    project,
    environment,
    reason,
    until,
    by,
    at,
  }));

/** The freezes of an environment's calendar that are on now. */
export const plannedFreezes = (environment: Environment, now: Millis): readonly FreezeView[] =>
  environment.spec.freezes
    .filter((planned) => planned.from <= now && now < planned.to)
    .map((planned) => ({
      id: planned.name,
      scope: 'environment',
      project: environment.metadata.project,
      environment: environment.metadata.name,
      reason: planned.reason,
      until: planned.to,
      by: null,
      at: null,
    }));

/** Whether a freeze holds an environment now. */
export const isOn = (view: FreezeView, environment: string, now: Millis): boolean =>
  (view.environment === null || view.environment === environment) &&
  (view.until === null || now < view.until);
