import { buildShop, type ShopArtifact, type ShopVersion } from '../../../examples/shop/build.ts';
import type { Load } from '../../../examples/shop/load.ts';
import { testShop } from '../../../examples/shop/test.ts';
import { formatDuration } from '../../core/model/time-format.ts';
import {
  type EndedView,
  PromotionRequested,
  type PromotionView,
  Recorded,
  ReleaseView,
  SlotList,
  type SlotView,
} from '../../server/schemas.ts';
import { WhyAnswer } from '../../server/schemas-why.ts';
import { HistoryAnswer } from '../../server/schemas-ledger.ts';
import { makeSigningKey, type SigningKey, signStatement } from '../../cli/signing.ts';
import type { Client } from './client.ts';
import { project, service } from './documents.ts';
import type { Narrator } from './narrator.ts';
import type { VersionReport } from './report.ts';
import type { Delivery } from './stack.ts';
import { until } from './until.ts';

/** Who acts in the story, each through the API with rights of his own. */
export interface Cast {
  readonly ci: Client;
  readonly requester: Client;
  readonly approver: Client;
}

export interface Story {
  readonly cast: Cast;
  readonly narrator: Narrator;
  readonly ciKey: SigningKey;
  readonly buildFolder: string;
  /** Brings what was built to where the environments take it from. */
  readonly deliver: (built: ShopArtifact) => Promise<Delivery>;
  /** Who sends requests to production; nobody before there is a first version. */
  production: Load | null;
  readonly signal: AbortSignal;
}

export const releaseName = (version: ShopVersion): string => `${service}-${version}`;

/** Takes one version from its source to whatever end it comes to. */
export async function tellVersion(story: Story, version: ShopVersion): Promise<VersionReport> {
  const release = releaseName(version);
  await buildAndSeal(story, version);
  const staging = await untilEnd(story, 'staging', release);
  if (staging.state !== 'promoted') return reportEnd(story, version, staging, null);
  story.narrator.note(`${release} runs in staging`);
  const promotion = await story.cast.requester.post(
    '/v1/promotions',
    { project, service, release, stage: 'production', note: `take ${release} to customers` },
    PromotionRequested,
  );
  await approve(story, promotion.promotion);
  const production = await untilEnd(story, 'production', release);
  return reportEnd(story, version, production, await zeroSeconds(story, release, production));
}

/** CI: builds twice, tests, signs, seals; with an identity that may do this and nothing else. */
async function buildAndSeal(story: Story, version: ShopVersion): Promise<void> {
  const { narrator, cast } = story;
  const release = releaseName(version);
  const [built, again, tests] = await Promise.all([
    buildShop(version, story.buildFolder),
    buildShop(version, `${story.buildFolder}-again`),
    testShop(version),
  ]);
  if (built.digest !== again.digest) throw new Error(`${release} was built twice with different digests`);
  narrator.begin(
    `${release}: built twice, same digest ${built.digest.slice(0, 19)}; unit tests ${tests.passed ? 'passed' : 'failed'}`,
  );
  const { artifact, upload, bundle } = await story.deliver(built);
  const path = `/v1/releases/${project}/${service}/${release}`;
  await cast.ci.post(
    '/v1/releases',
    {
      project,
      service,
      name: release,
      commit: commitOf(version),
      summary: `shop ${version}`,
      contributors: ['dev-ada'],
    },
    ReleaseView,
  );
  await cast.ci.putBytes(`/v1/artifacts/${upload.digest}`, upload.bytes);
  await cast.ci.post(
    `${path}/attachments`,
    { type: 'tests', name: 'unit', artifact: artifact.digest, junit: tests.xml },
    ReleaseView,
  );
  // v5 is signed by a key that nobody trusts.
  const key = version === 'v5' ? makeSigningKey() : story.ciKey;
  const envelope = signStatement(key, {
    artifact: { name: artifact.name, digest: artifact.digest },
    predicateType: 'https://slsa.dev/provenance/v1',
    predicate: {
      buildDefinition: { buildType: 'https://belay.dev/demo/build/v1', externalParameters: { version } },
      runDetails: { builder: { id: 'https://belay.dev/demo/ci' } },
    },
  });
  await cast.ci.post(`${path}/attachments`, { type: 'statement', name: 'provenance', envelope }, ReleaseView);
  await cast.ci.post(`${path}/seal`, { artifact, bundle }, ReleaseView);
}

/** A made-up commit; the demo has no repository. */
const commitOf = (version: string): string => Buffer.from(`demo-${version}`.padEnd(20, '.')).toString('hex');

/** A second person reads the plan and approves exactly that. */
async function approve(story: Story, promotion: string): Promise<void> {
  const plan = await until({
    what: `the plan of ${promotion}`,
    look: async () => (await promotionOf(story, 'production', promotion))?.plan ?? null,
    why: whyOf(story),
    signal: story.signal,
  });
  await story.cast.approver.post(
    `/v1/promotions/${project}/production/${service}/${promotion}/approve`,
    { plan: plan.digest, note: 'looks right' },
    Recorded,
  );
  story.narrator.note(`asked for by one person, approved by another: plan ${plan.digest.slice(0, 19)}`);
}

async function slotOf(story: Story, environment: string): Promise<SlotView | undefined> {
  const path = `/v1/slots?project=${project}&service=${service}&environment=${environment}`;
  return (await story.cast.requester.get(path, SlotList)).slots[0];
}

async function promotionOf(
  story: Story,
  environment: string,
  id: string,
): Promise<PromotionView | undefined> {
  return (await slotOf(story, environment))?.promotions.find((p) => p.id === id);
}

/** Follows a release in an environment to its end, telling each step and each new reason to wait. */
async function untilEnd(story: Story, environment: string, release: string): Promise<EndedView> {
  let told = '';
  const look = async (): Promise<EndedView | null> => {
    const slot = await slotOf(story, environment);
    const end = slot?.ended.find((e) => e.release === release);
    if (end !== undefined) return end;
    const promotion = slot?.promotions.find((p) => p.release === release);
    const line = promotion === undefined ? '' : lineFor(promotion, environment);
    if (line !== '' && line !== told) story.narrator.note(line);
    told = line === '' ? told : line;
    return null;
  };
  const what = `${release} to come to an end in ${environment}`;
  return until({ what, look, why: whyOf(story), signal: story.signal });
}

function lineFor(promotion: PromotionView, environment: string): string {
  if (promotion.state === 'rolling-back')
    return `${environment}: going back: ${promotion.turnedBack?.sentence ?? ''}`;
  if (promotion.state !== 'rolling-out' && promotion.state !== 'observing') return '';
  const weight = promotion.weight ?? 0;
  return `${environment}: ${promotion.release} at ${weight} %`;
}

const whyOf = (story: Story) => (): Promise<WhyAnswer> =>
  story.cast.requester.get(`/v1/why?project=${project}&service=${service}`, WhyAnswer);

/** From the first request that a client saw the canary answer to the moment weight 0 was read back. */
async function zeroSeconds(story: Story, release: string, end: EndedView): Promise<number | null> {
  if (end.state !== 'rolled-back') return null;
  const first = story.production?.report().releases[release]?.firstSeen;
  const atZero = await atZeroTime(story, end.id);
  return first === undefined || atZero === null ? null : Math.round((atZero - first) / 100) / 10;
}

async function atZeroTime(story: Story, promotion: string): Promise<number | null> {
  const history = await story.cast.requester.get(
    `/v1/history?project=${project}&service=${service}&environment=production&limit=200`,
    HistoryAnswer,
  );
  for (const { entry } of history.entries) {
    const decided = entry as {
      type?: string;
      decision?: { now: number; moves: { type: string; promotion: string }[] };
    };
    if (decided.type !== 'decided') continue;
    if (decided.decision?.moves.some((m) => m.type === 'at-zero' && m.promotion === promotion) === true)
      return decided.decision.now;
  }
  return null;
}

function reportEnd(
  story: Story,
  version: ShopVersion,
  end: EndedView,
  secondsToZero: number | null,
): VersionReport {
  const release = releaseName(version);
  const seen = story.production?.report().releases[release];
  const outcome = outcomeOf(end);
  const report: VersionReport = {
    release,
    version,
    outcome,
    reason: end.sentence,
    requests: seen?.requests ?? 0,
    failed: seen?.failures ?? 0,
    secondsToZero,
  };
  tell(story.narrator, report);
  return report;
}

function outcomeOf(end: EndedView): VersionReport['outcome'] {
  switch (end.state) {
    case 'promoted':
    case 'rolled-back':
      return end.state;
    case 'refused':
      return end.reason.code === 'progress-deadline' ? 'not-ready' : 'refused';
    case 'aborted':
    case 'superseded':
    case 'waiting':
    case 'rolling-out':
    case 'observing':
    case 'rolling-back':
      throw new Error(`${end.release} ended as ${end.state}: ${end.sentence}`);
    default:
      throw new Error(`${end.release} ended in an unknown state`);
  }
}

function tell(narrator: Narrator, report: VersionReport): void {
  const cost = `${report.requests} production requests, ${report.failed} failed`;
  if (report.outcome === 'promoted') {
    narrator.done(`${report.release} PROMOTED  ${cost}`);
    return;
  }
  const back =
    report.secondsToZero === null
      ? ''
      : `; weight 0 read back ${formatDuration(report.secondsToZero * 1000)} after its first request`;
  narrator.turned(`${report.release} ${report.outcome.toUpperCase()}  ${report.reason}`);
  narrator.note(`cost: ${cost}${back}`);
}
