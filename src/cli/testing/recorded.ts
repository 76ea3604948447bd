import type { PromotionView, ReleaseView, SlotView } from '../../server/schemas.ts';
import type { WhyAnswer } from '../../server/schemas-why.ts';

/** 2026-11-21T09:30:00Z. */
export const at = 1_795_253_400_000;
export const digest = (letter: string): string => `sha256:${letter.repeat(64)}`;
const dana = { id: 'u-dana', kind: 'person' } as const;

export const approvalWait = {
  promotion: 'shop-v2-production',
  reason: { code: 'approvals-missing', have: 0, need: 1, plan: digest('c'), barred: ['u-dana'] },
  gate: 'second-pair',
  since: at - 200_000,
  owner: 'approver',
  how: 'belay approve shop-v2-production',
  nextCheck: null,
  ifNothing: 'no traffic is shifted',
  sentence: '0 of 1 approval given for plan cccccccccccc; u-dana may not approve it',
} as const;

/** An open promotion of shop-v2 into production that waits for approval. */
export const promotion = (change: Partial<PromotionView> = {}): PromotionView => ({
  id: 'shop-v2-production',
  release: 'shop-v2',
  stage: 'production',
  mode: 'promote',
  state: 'waiting',
  since: at - 200_000,
  requestedBy: dana,
  requestedAt: at - 200_000,
  note: '',
  plan: {
    digest: digest('c'),
    document: {
      slot: { project: 'shop', environment: 'production', service: 'shop' },
      stage: 'production',
      release: 'shop-v2',
      sealed: digest('e'),
      artifact: digest('b'),
      configuration: digest('f'),
      pipeline: digest('1'),
      environment: digest('2'),
      steps: [10, 30, 60, 100],
      baseline: { release: 'shop-v1', artifact: digest('a') },
      migrations: [],
    },
  },
  approvals: [],
  step: -1,
  weight: 0,
  steps: [10, 30, 60, 100],
  gates: [],
  waits: [{ ...approvalWait, reason: { ...approvalWait.reason, barred: ['u-dana'] } }],
  paused: null,
  asked: null,
  turnedBack: null,
  ...change,
});

export const slot = (change: Partial<SlotView> = {}): SlotView => ({
  project: 'shop',
  environment: 'production',
  service: 'shop',
  stable: {
    release: 'shop-v1',
    artifact: digest('a'),
    configuration: digest('f'),
    promotion: 'shop-v1-production',
    since: at - 3_600_000,
  },
  warm: null,
  weights: [{ release: 'shop-v1', weight: 100 }],
  observedAt: at,
  generation: 4,
  moving: null,
  frozen: [],
  promotions: [promotion()],
  ended: [
    {
      id: 'shop-v1-production',
      release: 'shop-v1',
      stage: 'production',
      state: 'promoted',
      reason: { code: 'done' },
      sentence: 'all its gates passed and all traffic was read back on it',
      at: at - 3_600_000,
    },
  ],
  quarantine: [],
  rollback: { readiness: 'ready', why: 'shop-v0 still runs', release: 'shop-v0' },
  ...change,
});

export const release = (change: Partial<ReleaseView> = {}): ReleaseView => ({
  project: 'shop',
  service: 'shop',
  name: 'shop-v2',
  commit: '9f8d111d8',
  summary: 'vouchers',
  contributors: ['u-dana'],
  openedAt: at - 600_000,
  openedBy: { id: 'ci-shop', kind: 'machine' },
  sealed: {
    digest: digest('e'),
    artifact: { name: 'shop.tar', digest: digest('b'), bytes: 1_000 },
    bundle: null,
  },
  attachments: [],
  stages: [],
  ...change,
});

export const whyAnswer = (): WhyAnswer => {
  const wait = {
    ...approvalWait,
    reason: { ...approvalWait.reason, barred: ['u-dana'] },
    release: 'shop-v2',
    stage: 'production',
    environment: 'production',
    actor: 'an approver must act: belay approve shop-v2-production',
  };
  const sentence =
    'shop-v2 has waited before production for 3 min 20 s: 0 of 1 approval given for plan cccccccccccc';
  return {
    project: 'shop',
    service: 'shop',
    at,
    sentence,
    next: 'then it gets 10 % of the traffic',
    waits: [wait],
    slots: [
      {
        environment: 'production',
        stable: { release: 'shop-v1', since: at - 3_600_000 },
        sentence,
        promotions: [
          {
            id: 'shop-v2-production',
            release: 'shop-v2',
            stage: 'production',
            environment: 'production',
            mode: 'promote',
            state: 'waiting',
            since: at - 200_000,
            weight: 0,
            sentence,
            next: 'then it gets 10 % of the traffic',
            waits: [wait],
            waivers: [],
            metrics: [],
          },
        ],
        lastEnd: null,
      },
    ],
  };
};
