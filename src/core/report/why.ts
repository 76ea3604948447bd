import type { PromotionState, Wait } from '../model/decision.ts';
import type { MetricStanding, Standings } from '../model/reason.ts';
import type { EndedPromotion, Promotion, SlotState, Waiver } from '../model/state.ts';
import { blockingFirst } from './telling-order.ts';
import { formatDuration, formatInstant } from '../model/time-format.ts';
import type { Millis } from '../model/time.ts';
import { actorOf, doingOf, headlineOf, isHeldByPerson, nextOf, weightSeen } from './headline.ts';
import { list, metricSentence, sentenceOf } from './sentences.ts';

/** A slot with what its promotions wait for, as the last turn stored it. */
export interface SlotWaits {
  readonly slot: SlotState;
  readonly waits: readonly Wait[];
  /** What each metric of the rollout that moves lacks by itself. */
  readonly standings?: Standings;
}

/** An unmet condition with its words and its place. Times in milliseconds since 1970. */
export interface WaitReport extends Wait {
  readonly release: string;
  readonly stage: string;
  readonly environment: string;
  /** What is unmet. */
  readonly sentence: string;
  /** Who or what must act, and how. */
  readonly actor: string;
}

/** One metric of a gate, with its words. */
export interface MetricReport extends MetricStanding {
  readonly gate: string;
  readonly sentence: string;
}

/** A person's decision past a gate that cannot tell. */
export interface WaiverReport {
  readonly gate: string;
  /** Who, by his stable id. */
  readonly by: string;
  /** The weight in percent that it may leave. */
  readonly weight: number;
  readonly until: Millis;
  readonly sentence: string;
}

/** One open promotion. */
export interface PromotionReport {
  readonly id: string;
  readonly release: string;
  readonly stage: string;
  readonly environment: string;
  readonly mode: Promotion['mode'];
  readonly state: PromotionState;
  readonly since: Millis;
  /** Its share of traffic in percent as last read back; null where nothing was ever seen. */
  readonly weight: number | null;
  readonly sentence: string;
  readonly next: string;
  readonly waits: readonly WaitReport[];
  /** What people have let it do without an answer of a gate, over or not. */
  readonly waivers: readonly WaiverReport[];
  /** What its metric gates compare, as counted over the rollout so far. */
  readonly metrics: readonly MetricReport[];
}

/** How the last promotion of a slot ended. */
export interface EndReport {
  readonly id: string;
  readonly release: string;
  readonly stage: string;
  readonly state: PromotionState;
  readonly at: Millis;
  readonly sentence: string;
  /** Whether its last log lines and events were kept. */
  readonly diagnostics: boolean;
}

/** One slot: what is stable, what is on its way, how the last one ended. */
export interface SlotReport {
  readonly environment: string;
  readonly stable: { readonly release: string; readonly since: Millis } | null;
  readonly sentence: string;
  readonly promotions: readonly PromotionReport[];
  readonly lastEnd: EndReport | null;
}

/** What `why` prints: one headline, what comes next, every unmet condition, and each slot. Plain JSON. */
export interface WhyReport {
  readonly project: string;
  readonly service: string;
  readonly at: Millis;
  readonly sentence: string;
  readonly next: string | null;
  /** Of all open promotions, the one that the headline is about first; the most blocking condition first. */
  readonly waits: readonly WaitReport[];
  readonly slots: readonly SlotReport[];
}

/**
 * Why a service does not move, from the stored waits of its slots: `slots` in the order in which they shall be
 * listed, `now` the same clock that the slots were decided by. Never says only that something is pending.
 */
export function whyReport(
  question: { readonly project: string; readonly service: string },
  slots: readonly SlotWaits[],
  now: Millis,
): WhyReport {
  const reports = slots.map((slot) => slotReport(slot, now));
  const open = slots.flatMap(({ slot }, index) =>
    slot.promotions.flatMap((promotion) => {
      const report = reports[index]?.promotions.find((p) => p.id === promotion.id);
      return report === undefined ? [] : [{ promotion, report }];
    }),
  );
  open.sort((a, b) => urgency(a) - urgency(b) || b.promotion.requestedAt - a.promotion.requestedAt);
  const first = open[0]?.report;
  return {
    project: question.project,
    service: question.service,
    at: now,
    sentence: first?.sentence ?? idleSentence(question.service, slots, now),
    next: first?.next ?? null,
    waits: open.flatMap(({ report }) => report.waits),
    slots: reports,
  };
}

/** What is going back first, then what a person holds on its way, then what moves, then what waits at a door. */
function urgency({ promotion, report }: { promotion: Promotion; report: PromotionReport }): number {
  if (promotion.state === 'rolling-back') return 0;
  if (promotion.state === 'waiting') return 3;
  return isHeldByPerson(report.waits) ? 1 : 2;
}

function slotReport({ slot, waits, standings }: SlotWaits, now: Millis): SlotReport {
  const promotions = slot.promotions.map((promotion) => ({
    ...promotionReport(slot, promotion, waits, now),
    metrics: metricsOf(slot, promotion, standings),
  }));
  const moving = promotions.find((p) => p.id === slot.moving) ?? promotions.at(-1);
  const last = slot.ended[0];
  return {
    environment: slot.key.environment,
    stable: slot.stable === null ? null : { release: slot.stable.release, since: slot.stable.since },
    sentence: moving?.sentence ?? idleSlot(slot, now),
    promotions,
    lastEnd: last === undefined ? null : endReport(slot, last, now),
  };
}

function promotionReport(
  slot: SlotState,
  promotion: Promotion,
  waits: readonly Wait[],
  now: Millis,
): Omit<PromotionReport, 'metrics'> {
  const { environment } = slot.key;
  const own = waits
    .filter((wait) => wait.promotion === promotion.id)
    .sort(blockingFirst)
    .map((wait): WaitReport => ({
      ...wait,
      release: promotion.release,
      stage: promotion.stage,
      environment,
      sentence: sentenceOf(wait.reason),
      actor: actorOf(wait),
    }));
  const next = nextOf(promotion, own, now);
  return {
    id: promotion.id,
    release: promotion.release,
    stage: promotion.stage,
    environment,
    mode: promotion.mode,
    state: promotion.state,
    since: promotion.since,
    weight: weightSeen(slot, promotion.release),
    sentence: headlineOf(doingOf(slot, promotion, own), promotion, own[0], next, now),
    next,
    waits: own,
    waivers: (promotion.waivers ?? []).map(waiverReport),
  };
}

const waiverReport = ({ gate, by, weight, until, note }: Waiver): WaiverReport => ({
  gate,
  by: by.id,
  weight,
  until,
  sentence: `${by.id} lets it leave ${weight} % without an answer of gate ${gate} until ${formatInstant(until)}: “${note}”`,
});

function metricsOf(
  { analysis }: SlotState,
  { id }: Promotion,
  standings: Standings = {},
): readonly MetricReport[] {
  if (analysis?.promotion !== id) return [];
  return Object.entries(analysis.gates).flatMap(([gate, { comparisons }]) =>
    comparisons.map((comparison) => {
      const one = { ...comparison, standing: standings[gate]?.[comparison.series] ?? null };
      return { ...one, gate, sentence: metricSentence(one) };
    }),
  );
}

const endWords: Readonly<Record<PromotionState, string>> = {
  waiting: 'waits',
  'rolling-out': 'is rolling out',
  observing: 'is observed',
  'rolling-back': 'is going back',
  promoted: 'was promoted',
  'rolled-back': 'was rolled back',
  refused: 'was refused',
  aborted: 'was aborted',
  superseded: 'was overtaken',
};

function endReport(slot: SlotState, end: EndedPromotion, now: Millis): EndReport {
  const { id, release, stage, state, at } = end;
  const ago = `${formatDuration(now - at)} ago`;
  const sentence = `${release} ${endWords[state]} in ${slot.key.environment} ${ago}: ${sentenceOf(end.reason)}`;
  return { id, release, stage, state, at, sentence, diagnostics: end.diagnostics !== undefined };
}

/** Nothing is on its way here: what is stable, and how the last one ended where that was not by promotion. */
function idleSlot(slot: SlotState, now: Millis): string {
  const { environment } = slot.key;
  const stable =
    slot.stable === null
      ? `nothing has been promoted in ${environment} yet and nothing waits`
      : `${slot.stable.release} is stable in ${environment}, for ${formatDuration(now - slot.stable.since)}${unserved(slot) ?? '; nothing waits'}`;
  const last = slot.ended[0];
  if (last === undefined || last.state === 'promoted') return stable;
  return `${stable}; ${endReport(slot, last, now).sentence}`;
}

/**
 * What is stable and cannot be looked at, or was last seen without all traffic, though nothing moves: the outside has changed by itself.
 * Null where all is as it should be, or nothing was ever seen.
 */
function unserved(slot: SlotState): string | null {
  if (slot.stable === null || slot.moving !== null) return null;
  if (slot.unreadable !== undefined)
    return `, but since ${formatInstant(slot.unreadable.since)} nobody can look at it: ${slot.unreadable.message}`;
  if (slot.observed === null) return null;
  const { release } = slot.stable;
  const weight = weightSeen(slot, release) ?? 0;
  if (weight === 100) return null;
  const ready = slot.observed.workloads.find((workload) => workload.release === release)?.ready ?? 0;
  return `, but it was last seen with ${ready} ${ready === 1 ? 'process' : 'processes'} ready and ${weight} % of the traffic; look whether its environment runs`;
}

function idleSentence(service: string, slots: readonly SlotWaits[], now: Millis): string {
  const running = slots.flatMap(({ slot }) =>
    slot.stable === null
      ? []
      : [`${slot.stable.release} is stable in ${slot.key.environment}${unserved(slot) ?? ''}`],
  );
  if (slots.every(({ slot }) => slot.stable === null && slot.ended.length === 0)) {
    return `nothing of ${service} was ever asked to be promoted; belay promote RELEASE --stage STAGE starts it`;
  }
  const latest = slots
    .flatMap(({ slot }) => slot.ended.slice(0, 1).map((end) => ({ slot, end })))
    .sort((a, b) => b.end.at - a.end.at)[0];
  const runs = running.length === 0 ? `nothing of ${service} is stable anywhere` : list(running);
  const ended = latest === undefined ? '' : `; last, ${endReport(latest.slot, latest.end, now).sentence}`;
  return `nothing of ${service} waits: ${runs}${ended}`;
}
