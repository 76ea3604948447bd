import { blockingFirst } from '../../core/report/telling-order.ts';
import type { PromotionView, SlotView, WaitView } from '../../server/schemas.ts';
import { changesOf } from '../changes.ts';
import { connect } from '../connect.ts';
import type { OutputFormat } from '../output-formats.ts';
import { age, type Column, printAnswer } from '../output.ts';
import type { ConnectionOptions } from '../settings.ts';
import { requireService, slotsOf, splitTarget } from '../targets.ts';
import { printData } from '../terminal.ts';

interface StatusOptions extends ConnectionOptions {
  readonly environment?: string;
  readonly output?: OutputFormat;
  readonly watch: boolean;
}

interface Row {
  readonly slot: SlotView;
  readonly promotion: PromotionView | undefined;
}

/** Prints what is stable in each environment, what moves there, and what it waits for. */
export async function status(target: string | undefined, options: StatusOptions): Promise<void> {
  const client = await connect(options);
  const { project, name } = target === undefined ? { project: null, name: null } : splitTarget(target);
  const ask = async (): Promise<readonly SlotView[]> =>
    slotsOf(client, {
      project,
      ...(name === null ? {} : { service: name }),
      ...(options.environment === undefined ? {} : { environment: options.environment }),
    });
  if (!options.watch) {
    const slots = await ask();
    if (slots.length === 0 && name !== null) await requireService(client, project, name);
    return print(slots, options.output);
  }
  let told = '';
  const query = { project: project ?? client.settings.project, service: name };
  for await (const _ of changesOf(client, query, new AbortController().signal)) {
    const slots = await ask();
    const state = JSON.stringify(slots.map((slot) => ({ ...slot, observedAt: null })));
    if (state === told) continue;
    told = state;
    if (options.output === 'json') printData(JSON.stringify({ slots }));
    else {
      if (process.stdout.isTTY) process.stdout.write('\u001b[2J\u001b[H');
      await print(slots, options.output);
    }
  }
}

async function print(slots: readonly SlotView[], format: OutputFormat | undefined): Promise<void> {
  const now = Date.now();
  const rows = slots.flatMap((slot): readonly Row[] =>
    slot.promotions.length === 0
      ? [{ slot, promotion: undefined }]
      : slot.promotions.map((promotion) => ({ slot, promotion })),
  );
  const columns: readonly Column<Row>[] = [
    { heading: 'SERVICE', cell: ({ slot }) => slot.service },
    { heading: 'PROJECT', cell: ({ slot }) => slot.project, wide: true },
    { heading: 'ENVIRONMENT', cell: ({ slot }) => slot.environment },
    { heading: 'STABLE', cell: ({ slot }) => slot.stable?.release ?? '' },
    { heading: 'MOVING', cell: ({ promotion }) => promotion?.release ?? '' },
    { heading: 'WEIGHT', cell: ({ promotion }) => weightText(promotion) },
    { heading: 'STATE', cell: ({ slot, promotion }) => stateText(slot, promotion) },
    { heading: 'WAITS-FOR', cell: ({ promotion }) => firstWait(promotion)?.reason.code ?? '' },
    { heading: 'ROLLBACK', cell: ({ slot }) => slot.rollback.readiness, wide: true },
    { heading: 'WHY', cell: ({ promotion }) => firstWait(promotion)?.sentence ?? '', wide: true },
    {
      heading: 'AGE',
      cell: ({ slot, promotion }) => {
        const since = promotion?.since ?? slot.stable?.since;
        return since === undefined ? '' : age(since, now);
      },
    },
  ];
  await printAnswer(
    format,
    { slots },
    {
      rows,
      columns,
      name: ({ slot }) => `slot/${slot.project}/${slot.environment}/${slot.service}`,
      empty: 'Nothing has been promoted yet.',
    },
  );
}

/** The condition that tells most, as `why` has it. */
const firstWait = (promotion: PromotionView | undefined): WaitView | undefined =>
  [...(promotion?.waits ?? [])].sort(blockingFirst)[0];

const weightText = (promotion: PromotionView | undefined): string =>
  promotion === undefined || promotion.weight === null ? '' : `${promotion.weight}%`;

/** Something is stable and was last seen without all traffic, though nothing moves. */
const isUnserved = ({ stable, observedAt, weights }: SlotView): boolean =>
  stable !== null &&
  observedAt !== null &&
  !weights.some(({ release, weight }) => release === stable.release && weight === 100);

function stateText(slot: SlotView, promotion: PromotionView | undefined): string {
  if (promotion === undefined && isUnserved(slot)) return 'no-traffic';
  if (promotion === undefined) return slot.frozen.length > 0 ? 'frozen' : 'idle';
  if (promotion.paused !== null) return `${promotion.state}, paused`;
  if (promotion.asked !== null) return `${promotion.state}, asks`;
  return promotion.state;
}
