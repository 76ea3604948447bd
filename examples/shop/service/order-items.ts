export interface PricedLine {
  readonly productId: number;
  readonly quantity: number;
  readonly priceCents: number;
}

/** As much of a database connection as is needed here. */
export interface Queries {
  query(text: string, values: unknown[]): Promise<unknown>;
}

/** Writes the lines of a new order. */
export async function insertItems(
  connection: Queries,
  orderId: string,
  lines: readonly PricedLine[],
): Promise<void> {
  for (const { productId, quantity, priceCents } of lines) {
    await connection.query(
      'insert into order_items (order_id, product_id, quantity, price_cents) values ($1, $2, $3, $4)',
      [orderId, productId, quantity, priceCents],
    );
  }
}
