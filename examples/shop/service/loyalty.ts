export interface PastOrder {
  readonly totalCents: number;
  readonly createdAt: Date;
}

const DAY_MS = 86_400_000;

/** One point for each ten euros of an order; twice as many if the order before it is at most 30 days older. */
export async function loyaltyPoints(newestFirst: readonly PastOrder[]): Promise<number> {
  let points = 0;
  for (const [index, order] of newestFirst.entries()) {
    const before = newestFirst[index + 1];
    const quick =
      before !== undefined && order.createdAt.getTime() - before.createdAt.getTime() <= 30 * DAY_MS;
    points += Math.floor(order.totalCents / 1000) * (quick ? 2 : 1);
  }
  return points;
}
