export interface Line {
  readonly productId: number;
  readonly quantity: number;
}

export interface Basket {
  readonly customerId: number;
  readonly items: readonly Line[];
  readonly voucher: string | null;
}

/** A request that cannot be fulfilled as it is; the message is for the client. */
export class BadRequest extends Error {}

const isPositive = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value > 0 && value < 1_000_000_000;

/** Checks a basket as it came from outside; throws `BadRequest`. */
export function parseBasket(document: unknown): Basket {
  if (typeof document !== 'object' || document === null) throw new BadRequest('expected a basket');
  const { customerId, items, voucher = null } = document as Record<string, unknown>;
  if (!isPositive(customerId)) throw new BadRequest('customerId: expected a positive whole number');
  if (!Array.isArray(items) || items.length === 0 || items.length > 50) {
    throw new BadRequest('items: expected 1 to 50 items');
  }
  if (voucher !== null && typeof voucher !== 'string') throw new BadRequest('voucher: expected a code');
  const lines = items.map((item: unknown): Line => {
    const { productId, quantity } = (item ?? {}) as Record<string, unknown>;
    if (!isPositive(productId)) throw new BadRequest('productId: expected a positive whole number');
    if (!isPositive(quantity) || quantity > 100) throw new BadRequest('quantity: expected 1 to 100');
    return { productId, quantity };
  });
  if (new Set(lines.map(({ productId }) => productId)).size !== lines.length) {
    throw new BadRequest('items: a product is named twice');
  }
  return { customerId, items: lines, voucher };
}

/** The sum of a basket in cents, at the prices given by product. */
export function sumOf(items: readonly Line[], prices: ReadonlyMap<number, number>): number {
  return items.reduce((sum, { productId, quantity }) => {
    const price = prices.get(productId);
    if (price === undefined) throw new BadRequest(`there is no product ${productId}`);
    return sum + price * quantity;
  }, 0);
}
