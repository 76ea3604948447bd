import type { SlotKey } from '../../core/model/name.ts';
import { workloadName } from '../kubernetes/labels.ts';
import type { PrometheusSource } from '../../core/model/metrics-source.ts';

/** The releases that share the traffic of a slot. */
export interface Arms {
  readonly canary: string;
  readonly stable: string | null;
}

export type Arm = 'canary' | 'stable';

/** Values of the release label by arm. */
export type ArmValues = Readonly<Partial<Record<Arm, string>>>;

/** Puts the slot's names, and the release's where given, in the places of `${…}`. Names hold nothing that needs quoting. */
function fill(template: string, names: Readonly<Record<string, string>>): string {
  return template.replaceAll(/\$\{([a-z]+)\}/g, (whole, name: string) => names[name] ?? whole);
}

export const fillSelector = (selector: string, slot: SlotKey): string => fill(selector, { ...slot });

/** What the release label holds for an arm. */
export const releaseValue = (source: PrometheusSource, slot: SlotKey, arm: Arm, release: string): string =>
  fill(source.release.value, { ...slot, arm, release, workload: workloadName(slot, release) });

/** A selector with one matcher more. */
export function withMatcher(selector: string, matcher: string): string {
  const open = selector.indexOf('{');
  if (open < 0) return `${selector}{${matcher}}`;
  const inside = selector.slice(open + 1, -1).trim();
  return `${selector.slice(0, open)}{${inside}${inside === '' ? '' : ','}${matcher}}`;
}

/** Series of any of the arms. */
export function ofArms(source: PrometheusSource, selector: string, values: ArmValues): string {
  const any = Object.values(values).map(escapeRegex).join('|');
  return withMatcher(selector, `${source.release.label}=~${JSON.stringify(any)}`);
}

/** RE2 has the usual signs; the label's value is matched as a whole. */
const escapeRegex = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&');

const eachMatcher = /([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*("(?:[^"\\\n]|\\.)*")/g;

/**
 * What series there must be for the silence of `selector` to mean none: the same metric with the same labels, whatever
 * their values, where those are not asked for by `common` too. Of `http_requests_total{job="a",code=~"5.."}` beside
 * `http_requests_total{job="a"}` it is `http_requests_total{job="a",code!=""}`.
 */
export function whateverValues(selector: string, common: string): string {
  const shared = new Set([...common.matchAll(eachMatcher)].map(([, ...parts]) => parts.join('')));
  return selector.replaceAll(eachMatcher, (whole, label: string, operator: string, value: string) =>
    shared.has(`${label}${operator}${value}`) || operator.startsWith('!') ? whole : `${label}!=""`,
  );
}

/** The range selector: raw samples of the last so many milliseconds. */
export const over = (selector: string, windowMs: number): string => `${selector}[${Math.ceil(windowMs)}ms]`;
