import { type PromotionView, Recorded } from '../../server/schemas.ts';
import type { WhyAnswer } from '../../server/schemas-why.ts';
import type { ApiClient } from '../client.ts';
import { connectToChange } from '../connect.ts';
import { usage } from '../failure.ts';
import { milliseconds } from '../settings.ts';
import { findPromotion, type Target } from '../targets.ts';
import { say, sayNext } from '../terminal.ts';
import { commandPath, type PeopleOptions, printDone } from './people.ts';

interface WaiveOptions extends PeopleOptions {
  readonly gate?: string;
  readonly for: string;
}

/** Lets a promotion leave its weight without an answer of a metric gate, after it has shown what the gate has. */
export async function waive(text: string, options: WaiveOptions): Promise<void> {
  const forMs = milliseconds(options.for);
  const client = await connectToChange(options);
  const target = await findPromotion(client, text, options, {
    what: 'that a metric gate holds',
    command: 'waive',
    test: (promotion) => holding(promotion).length > 0,
  });
  const { slot, promotion } = target;
  const gate = options.gate ?? onlyGate(promotion);
  await showNumbers(client, target, gate);
  if (options.note === '')
    throw usage(
      'nothing was waived: say why with -m; it is recorded with your name and with these numbers',
      `belay waive ${promotion.id} --gate ${gate} -m WHY`,
    );
  await client.mutate('POST', commandPath(target, 'waive'), { gate, note: options.note, forMs }, Recorded);
  await printDone(target, `leaves its weight without gate ${gate}`, options);
  sayNext(`belay why ${slot.service}`);
}

const holding = ({ gates, state }: PromotionView): PromotionView['gates'] =>
  state !== 'rolling-out'
    ? []
    : gates.filter(
        ({ kind, mode, verdict }) => kind === 'metric' && mode === 'enforce' && verdict !== 'pass',
      );

function onlyGate(promotion: PromotionView): string {
  const [only, ...others] = holding(promotion);
  if (only === undefined)
    throw usage(`no metric gate holds ${promotion.id}`, `belay why ${promotion.id}   says what does`);
  if (others.length > 0)
    throw usage(
      `several metric gates hold ${promotion.id}: say which one`,
      ...[only, ...others].map(({ name }) => `belay waive ${promotion.id} --gate ${name} -m WHY`),
    );
  return only.name;
}

/** What the gate says, and each metric by itself: the decision is made with the numbers in view. */
async function showNumbers(client: ApiClient, { slot, promotion }: Target, gate: string): Promise<void> {
  const { project, service, environment } = slot;
  const answer = await client.glance<WhyAnswer>(
    '/v1/why',
    { project, service, environment },
    'sentence',
    'slots',
  );
  const report = answer.slots.flatMap(({ promotions }) => promotions).find(({ id }) => id === promotion.id);
  const said = promotion.gates.find(({ name }) => name === gate)?.sentence;
  if (said !== undefined && said !== null) say(`gate ${gate} at ${promotion.weight ?? 0} %: ${said}`);
  for (const metric of report?.metrics ?? []) if (metric.gate === gate) say(`  ${metric.sentence}`);
}
