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
    | 'refused'
    | 'rolled-back'
    | 'promoted'
    | 'aborted'
    | 'superseded'
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
    return approvalNotices(
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

/** Which promotions ask for approval since a decision: a new plan asks anew. */
function approvalNotices(
  placed: PlacedEntry,
  entry: Extract<Entry, { type: 'decided' }>,
  slot: SlotState,
): readonly NotificationUpsert[] {
  const touched = new Set(
    entry.decision.moves.filter((m) => m.type === 'planned' || m.type === 'judged').map((m) => m.promotion),
  );
  return slot.promotions
    .filter((promotion) => touched.has(promotion.id) && promotion.state === 'waiting')
    .flatMap((promotion) => {
      const missing = Object.values(promotion.gates).find((gate) => gate.reason.code === 'approvals-missing');
      if (missing === undefined || promotion.plan === null) return [];
      return [upsert(approvalNotice(placed, slot.key, promotion, sentenceOf(missing.reason)), false)];
    });
}

function approvalNotice(placed: PlacedEntry, key: SlotKey, promotion: Promotion, sentence: string): Notice {
  const { project, service, environment } = key;
  return {
    event: eventOf({ project, service, name: promotion.release }, promotion.stage),
    status: 'needs-approval',
    project,
    service,
    release: promotion.release,
    stage: promotion.stage,
    environment,
    promotion: promotion.id,
    plan: promotion.plan?.digest ?? null,
    sentence,
    at: placed.entry.at,
    index: placed.index,
  };
}

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
    sentence: historySentence(entry),
    at: entry.at,
    index,
  };
  return upsert(notice, entry.type === 'unfrozen');
}
