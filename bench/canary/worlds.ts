/** What traffic and errors are like, for both arms alike. Rates are fractions, times seconds unless named. */
export interface Kind {
  readonly name: string;
  /** What it stands for, in one sentence, for the reader of the tables. */
  readonly about: string;
  readonly perSecond: number;
  readonly errors: number;
  /** Seconds between scrapes. */
  readonly scrape: number;
  /** Errors come in clusters of this mean size (geometric), each wholly in one pod and one scrape. */
  readonly cluster: number;
  /** Standard deviation of pods' log error rates: lasting, and drifting (correlation 0.9 a minute). */
  readonly lasting: number;
  readonly drifting: number;
  /** Load and errors follow the hour: traffic 0.3 to 1.7 times, errors by a factor of 9. */
  readonly diurnal: boolean;
  /** Minutes in which both arms have 20 points more errors and three times the latency. */
  readonly incident: readonly [number, number] | null;
  /** One client, held to one pod, fails 100 times in 5 minutes: so often an hour on a tenth of the traffic. */
  readonly sticky: number;
  /** The canary restarts every ten minutes or so and loses what was not scraped; a tenth of scrapes is missing. */
  readonly restarts: boolean;
  /** Every pod is scraped at a phase of its own. */
  readonly unsynchronised: boolean;
  /** Counters exist per arm only, as at a gateway. */
  readonly armOnly: boolean;
  readonly history: boolean;
}

/** What the canary adds. */
export interface Harm {
  readonly name: string;
  /** To the share of errors, and as a factor to every latency. */
  readonly added: number;
  readonly slower: number;
  /** The minute from which it does, and the minutes over which it grows to that. */
  readonly from: number;
  readonly grows: number;
  /** The canary gets no requests at all. */
  readonly silent: boolean;
  /** Errors of both arms grow with the canary's weight: by this at a weight of 1. */
  readonly interference: number;
}

const plain: Kind = {
  name: 'plain',
  about: '100 requests/s, 0.5 % errors, nine stable pods and one canary pod, independent errors',
  perSecond: 100,
  errors: 0.005,
  scrape: 15,
  cluster: 1,
  lasting: 0,
  drifting: 0,
  diurnal: false,
  incident: null,
  sticky: 0,
  restarts: false,
  unsynchronised: false,
  armOnly: false,
  history: true,
};

/** The worlds that the rule was built on. */
export const kinds = {
  plain,
  clean: { ...plain, name: 'clean', about: 'errors 0.1 %', errors: 0.001 },
  low: { ...plain, name: 'low traffic', about: '1 request/s in all', perSecond: 1 },
  diurnal: {
    ...plain,
    name: 'diurnal',
    about: 'load ×0.3 to ×1.7, errors 0.17 % to 1.5 %',
    diurnal: true,
  },
  incident: {
    ...plain,
    name: 'incident',
    about: 'minutes 5 to 10: +20 points of errors and ×3 latency in both arms',
    incident: [5, 10],
  },
  clusters: {
    ...plain,
    name: 'over-dispersed',
    about: 'errors in clusters of 10 on average, each in one pod',
    cluster: 10,
  },
  pods: {
    ...plain,
    name: 'pods differ',
    about: 'lasting differences between pods, sd 0.15 of the log rate',
    lasting: 0.15,
  },
  drift: {
    ...plain,
    name: 'pods drift',
    about: 'autocorrelated differences between pods, sd 0.15',
    drifting: 0.15,
  },
  sticky: {
    ...plain,
    name: 'sticky client',
    about: 'one client fails for 5 minutes on one pod',
    sticky: 0.9,
  },
  restarts: {
    ...plain,
    name: 'resets and gaps',
    about: 'the canary restarts every 10 minutes, 10 % of scrapes are missing',
    restarts: true,
  },
  unsynchronised: {
    ...plain,
    name: 'unsynchronised scrapes',
    about: 'each pod scraped at its own phase, with the incident',
    unsynchronised: true,
    incident: [5, 10],
  },
  armOnly: { ...plain, name: 'arm-only counters', about: 'one counter an arm', armOnly: true },
  armOnlyClusters: {
    ...plain,
    name: 'arm-only, over-dispersed',
    about: 'one counter an arm, clusters of 10',
    armOnly: true,
    cluster: 10,
  },
  armOnlyPods: {
    ...plain,
    name: 'arm-only, pods differ',
    about: 'one counter an arm, sd 0.15 of the log rate: what no such counter can show',
    armOnly: true,
    lasting: 0.15,
  },
  noHistory: { ...plain, name: 'no history', about: 'nothing known before the canary', history: false },
  noHistoryClusters: {
    ...plain,
    name: 'no history, over-dispersed',
    about: 'nothing known before the canary, clusters of 10',
    history: false,
    cluster: 10,
  },
} as const satisfies Record<string, Kind>;

/** Worlds that nobody looked at while the rule was made. */
export const heldOut: readonly Kind[] = [
  { ...plain, name: 'clusters of 30', about: '300 requests/s, clusters of 30', perSecond: 300, cluster: 30 },
  {
    ...plain,
    name: 'diurnal clusters',
    about: '30 requests/s, diurnal, clusters of 10',
    perSecond: 30,
    diurnal: true,
    cluster: 10,
  },
  { ...plain, name: 'pods differ twice as much', about: 'sd 0.3 of the log rate', lasting: 0.3 },
  { ...plain, name: 'incident in clusters', about: 'incident and clusters', incident: [5, 10], cluster: 10 },
  { ...plain, name: 'busy and clean', about: '1000 requests/s, 0.05 %', perSecond: 1000, errors: 0.0005 },
  {
    ...plain,
    name: 'clusters and differing pods',
    about: 'clusters of 10 and sd 0.15',
    cluster: 10,
    lasting: 0.15,
  },
];

const none: Harm = {
  name: 'identical',
  added: 0,
  slower: 1,
  from: 0,
  grows: 0,
  silent: false,
  interference: 0,
};
const points = (added: number): Harm => ({ ...none, name: `+${added * 100} points`, added });

export const harms = {
  none,
  half: points(0.005),
  one: points(0.01),
  five: points(0.05),
  fifty: points(0.5),
  slower10: { ...none, name: 'latency +10 %', slower: 1.1 },
  slower50: { ...none, name: 'latency +50 %', slower: 1.5 },
  slower2x: { ...none, name: 'latency ×2', slower: 2 },
  leak: { ...none, name: 'leak, 0 to +5 points in 30 min', added: 0.05, grows: 30 },
  late: { ...none, name: '+1 point from minute 20', added: 0.01, from: 20 },
  silent: { ...none, name: 'no canary traffic', silent: true },
  shared: { ...none, name: 'shared database slowed', interference: 0.2 },
} as const satisfies Record<string, Harm>;

/** What the canary adds to the share of errors at `t`, seconds since its start. */
export function addedAt({ added, from, grows }: Harm, t: number): number {
  const minutes = t / 60 - from;
  if (minutes <= 0) return 0;
  return grows > 0 ? added * Math.min(1, minutes / grows) : added;
}
