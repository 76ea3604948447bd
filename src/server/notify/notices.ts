import type { Entry } from '../../core/model/entries.ts';
import { everythingStream, type ReleaseKey, releaseStream, type SlotKey } from '../../core/model/name.ts';
import type { Promotion, SlotState } from '../../core/model/state.ts';
import { historySentence } from '../../core/report/history.ts';
import { sentenceOf } from '../../core/report/sentences.ts';
import type { PlacedEntry } from '../../store/history.ts';
import type { NotificationUpsert } from '../../store/notifications.ts';

/** What a receiver gets told. `event` is stable for what it is about; `status` says how that stands now. */
export interface Notice {
  readonly event: string;
  readonly status:
    | 'needs-approval'
    | 'needs-check'
    | 'refused'
    | 'rolled-back'
    | 'promoted'
    | 'aborted'
    | 'superseded'
    | 'waived'
    | 'frozen'
    | 'unfrozen';
  readonly project: string | null;
  readonly service: string | null;
  readonly release: string | null;
  readonly stage: string | null;
  readonly environment: string | null;
  readonly promotion: string | null;
  /** Of what is to be approved. */
  readonly plan: string | null;
  /** What is to be checked: who runs checks takes this as the request, and attaches his signed report. */
  readonly check: { readonly name: string; readonly artifact: string } | null;
  readonly sentence: string;
  readonly at: number;
  /** Index of the entry in the log that it follows from. */
  readonly index: number;
}

/** What one entry of the log is worth telling. `slotOf` gives a slot's state as it is now. */
export async function noticesOf(
  placed: PlacedEntry,
  slotOf: (key: SlotKey) => Promise<SlotState>,
): Promise<readonly NotificationUpsert[]> {
  const { stream, entry } = placed;
  const [kind = '', ...names] = stream.split('/');
  const [first = '', second = '', third = ''] = names;
  if (kind === 'slot' && entry.type === 'decided')
    return askingNotices(
      placed,
      entry,
      await slotOf({ project: first, environment: second, service: third }),
    );
  if (kind === 'slot' && entry.type === 'waived')
    return waiverNotices(
      placed,
      entry,
      await slotOf({ project: first, environment: second, service: third }),
    );
  if (kind === 'release' && entry.type === 'stage-ended')
    return endNotices(placed, entry, { project: first, service: second, name: third });
  if (entry.type === 'frozen' || entry.type === 'unfrozen') return [freezeNotice(placed, entry)];
  return [];
}

const upsert = (notice: Notice, onlyUpdate: boolean): NotificationUpsert => ({
  event: notice.event,
  project: notice.project ?? '',
  body: JSON.stringify(notice),
  onlyUpdate,
});

/** Which promotions ask somebody for something since a decision: approval of a plan, or a check's report. */
function askingNotices(
  placed: PlacedEntry,
  entry: Extract<Entry, { type: 'decided' }>,
  slot: SlotState,
): readonly NotificationUpsert[] {
  const touched = new Set(
    entry.decision.moves.filter((m) => m.type === 'planned' || m.type === 'judged').map((m) => m.promotion),
  );
  const open = slot.promotions.filter((promotion) => touched.has(promotion.id) && promotion.plan !== null);
  return open.flatMap((promotion) =>
    Object.values(promotion.gates).flatMap(({ reason }) => {
      if (reason.code === 'approvals-missing' && promotion.state === 'waiting')
        return [upsert(approvalNotice(placed, slot.key, promotion, sentenceOf(reason)), false)];
      if (reason.code === 'check-missing' || reason.code === 'check-expired')
        return [upsert(checkNotice(placed, slot.key, promotion, reason.check, sentenceOf(reason)), false)];
      return [];
    }),
  );
}

/** That a person lets a promotion go past a gate is told at once, and stays told: others may think otherwise. */
function waiverNotices(
  placed: PlacedEntry,
  entry: Extract<Entry, { type: 'waived' }>,
  slot: SlotState,
): readonly NotificationUpsert[] {
  const promotion = slot.promotions.find(({ id }) => id === entry.promotion);
  if (promotion === undefined) return [];
  const key = { project: slot.key.project, service: slot.key.service, name: promotion.release };
  const notice: Notice = {
    ...about(placed, slot.key, promotion),
    event: `${eventOf(key, promotion.stage)}/waiver/${placed.index}`,
    status: 'waived',
    plan: null,
    check: null,
    sentence: historySentence(entry),
  };
  return [upsert(notice, false)];
}

/** What all notices about an open promotion have in common. */
const about = (placed: PlacedEntry, key: SlotKey, promotion: Promotion) => ({
  project: key.project,
  service: key.service,
  release: promotion.release,
  stage: promotion.stage,
  environment: key.environment,
  promotion: promotion.id,
  at: placed.entry.at,
  index: placed.index,
});

const approvalNotice = (
  placed: PlacedEntry,
  key: SlotKey,
  promotion: Promotion,
  sentence: string,
): Notice => ({
  ...about(placed, key, promotion),
  event: eventOf({ ...key, name: promotion.release }, promotion.stage),
  status: 'needs-approval',
  plan: promotion.plan?.digest ?? null,
  check: null,
  sentence,
});

const checkNotice = (
  placed: PlacedEntry,
  key: SlotKey,
  promotion: Promotion,
  check: string,
  sentence: string,
): Notice => ({
  ...about(placed, key, promotion),
  event: `${eventOf({ ...key, name: promotion.release }, promotion.stage)}/check/${check}`,
  status: 'needs-check',
  plan: null,
  check: { name: check, artifact: promotion.plan?.document.artifact ?? '' },
  sentence,
});

const eventOf = (key: ReleaseKey, stage: string): string => `${releaseStream(key)}/${stage}`;

const toldEnds = ['refused', 'rolled-back', 'promoted'] as const;
const quietEnds = ['aborted', 'superseded'] as const;

function endNotices(
  { index }: PlacedEntry,
  entry: Extract<Entry, { type: 'stage-ended' }>,
  key: ReleaseKey,
): readonly NotificationUpsert[] {
  const quiet = quietEnds.find((end) => end === entry.state);
  const status = quiet ?? toldEnds.find((end) => end === entry.state);
  if (status === undefined) return [];
  const notice: Notice = {
    event: eventOf(key, entry.stage),
    status,
    project: key.project,
    service: key.service,
    release: key.name,
    stage: entry.stage,
    environment: entry.environment,
    promotion: entry.promotion,
    plan: null,
    check: null,
    sentence: sentenceOf(entry.reason),
    at: entry.at,
    index,
  };
  return [upsert(notice, quiet !== undefined)];
}

function freezeNotice(
  { index, stream }: PlacedEntry,
  entry: Extract<Entry, { type: 'frozen' | 'unfrozen' }>,
): NotificationUpsert {
  const id = entry.type === 'frozen' ? entry.freeze.id : entry.id;
  const notice: Notice = {
    event: `${stream}/freeze/${id}`,
    status: entry.type,
    project: stream === everythingStream ? null : (stream.split('/')[1] ?? null),
    service: null,
    release: null,
    stage: null,
    environment: entry.type === 'frozen' ? entry.freeze.environment : null,
    promotion: null,
    plan: null,
    check: null,
    sentence: historySentence(entry),
    at: entry.at,
    index,
  };
  return upsert(notice, entry.type === 'unfrozen');
}
