import type { Subject } from '../core/model/name.ts';
import { ok } from '../core/model/result.ts';
import { type Answer, refuse } from './refusal.ts';
import type { Grant, Verb } from './schemas.ts';

/** Who asks, as the token says. */
export interface Principal {
  readonly token: string;
  readonly subject: Subject;
  readonly grants: readonly Grant[];
}

const inProject = (grant: Grant, project: string): boolean =>
  grant.project === '*' || grant.project === project;

/**
 * Whether a verb is granted in a project. `stage` for the verbs that are given stage by stage (promote, approve,
 * rollback, waive); `'*'` asks for all stages; undefined for the verbs that know no stage (view, create-release) and
 * to ask whether it is granted on any.
 */
export const may = (principal: Principal, verb: Verb, project: string, stage?: string): boolean =>
  principal.grants.some(
    (grant) =>
      inProject(grant, project) &&
      grant.verbs.includes(verb) &&
      (stage === undefined || grant.stages === '*' || (stage !== '*' && grant.stages.includes(stage))),
  );

/** Whether a verb is granted in all projects and on all stages. */
export const mayEverywhere = (principal: Principal, verb: Verb): boolean =>
  principal.grants.some(
    (grant) => grant.project === '*' && grant.stages === '*' && grant.verbs.includes(verb),
  );

/** Whether a verb is granted anywhere at all. */
export const maySomewhere = (principal: Principal, verb: Verb): boolean =>
  principal.grants.some((grant) => grant.verbs.includes(verb));

/** The projects in which a verb is granted; null stands for all. */
export const projectsWith = (principal: Principal, verb: Verb): readonly string[] | null => {
  const grants = principal.grants.filter((grant) => grant.verbs.includes(verb));
  return grants.some((grant) => grant.project === '*') ? null : [...new Set(grants.map((g) => g.project))];
};

/** Refuses unless a verb is granted; see `may`. */
export function need(principal: Principal, verb: Verb, project: string, stage?: string): Answer<null> {
  if (may(principal, verb, project, stage)) return ok(null);
  const where = stage === undefined ? '' : stage === '*' ? ' on all stages' : ` on stage ${stage}`;
  return notAllowed(principal, verb, `project ${project}${where}`);
}

/** Refuses unless a verb is granted everywhere. */
export const needEverywhere = (principal: Principal, verb: Verb): Answer<null> =>
  mayEverywhere(principal, verb) ? ok(null) : notAllowed(principal, verb, 'all projects and stages');

/** Refuses unless a verb is granted somewhere. */
export const needSomewhere = (principal: Principal, verb: Verb): Answer<null> =>
  maySomewhere(principal, verb) ? ok(null) : notAllowed(principal, verb, 'any project');

const notAllowed = (principal: Principal, verb: Verb, where: string) =>
  refuse(403, 'not-allowed', `${principal.subject.id} may not ${verb} in ${where}`);

/** The projects that a listing covers: the one asked for, or all that may be seen. */
export function visibleProjects(
  principal: Principal,
  asked: string | undefined,
): Answer<readonly string[] | null> {
  if (asked !== undefined) {
    const needed = need(principal, 'view', asked);
    return needed.ok ? ok([asked]) : needed;
  }
  const needed = needSomewhere(principal, 'view');
  return needed.ok ? ok(projectsWith(principal, 'view')) : needed;
}
