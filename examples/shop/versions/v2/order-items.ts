export interface PricedLine {
  readonly productId: number;
  readonly quantity: number;
  readonly priceCents: number;
}

/** As much of a database connection as is needed here. */
export interface Queries {
  query(text: string, values: unknown[]): Promise<unknown>;
}

/** Writes the lines of a new order, all with one statement: one round trip, however large the basket is. */
export async function insertItems(
  connection: Queries,
  orderId: string,
  lines: readonly PricedLine[],
): Promise<void> {
  await connection.query(
    `insert into order_items (order_id, product_id, quantity, price_cents)
     select $1, line.* from unnest($2::integer[], $3::integer[], $4::integer[]) as line`,
    [
      orderId,
      lines.map(({ productId }) => productId),
      lines.map(({ quantity }) => quantity),
      lines.map(({ priceCents }) => priceCents),
    ],
  );
}
