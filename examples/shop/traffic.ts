/** What a customer asks for. */
export interface ShopRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: string;
  readonly expected: 200 | 201;
}

/**
 * Who comes. `production`: 12 % of checkouts carry a voucher, and 8 % of the customers are the twenty that have
 * bought for years. `smoke`: neither, which is why a smoke test does not meet every bug.
 */
export type Profile = 'production' | 'smoke';

const VOUCHER_SHARE = { production: 0.12, smoke: 0 } as const;
const LONG_HISTORY_SHARE = { production: 0.08, smoke: 0 } as const;
const VOUCHERS = ['SPRING10', 'WELCOME5', 'LOYAL20'] as const;
const CUSTOMERS = 1000;
const LONG_HISTORY_CUSTOMERS = 20;
const PRODUCTS = 50;

/** Numbers in [0, 1) that depend on the seed only: mulberry32, by Tommy Ettinger (public domain). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Draws the next request: half are checkouts, a quarter the catalogue, the rest customers and orders. */
export function nextRequest(random: () => number, profile: Profile): ShopRequest {
  const kind = random();
  if (kind < 0.5) return checkout(random, profile);
  if (kind < 0.75) return { method: 'GET', path: '/products', expected: 200 };
  if (kind < 0.9)
    return { method: 'GET', path: `/customers/${customer(random, profile)}/orders`, expected: 200 };
  return { method: 'GET', path: `/orders/${1 + Math.floor(random() * 1000)}`, expected: 200 };
}

function checkout(random: () => number, profile: Profile): ShopRequest {
  const customerId = customer(random, profile);
  const first = Math.floor(random() * PRODUCTS);
  const count = 1 + Math.floor(random() * 4);
  const items = Array.from({ length: count }, (_, index) => ({
    productId: 1 + ((first + index * 7) % PRODUCTS),
    quantity: 1 + Math.floor(random() * 3),
  }));
  const withVoucher = random() < VOUCHER_SHARE[profile];
  const voucher = VOUCHERS[Math.floor(random() * VOUCHERS.length)];
  const basket = { customerId, items, ...(withVoucher ? { voucher } : {}) };
  return { method: 'POST', path: '/checkout', body: JSON.stringify(basket), expected: 201 };
}

function customer(random: () => number, profile: Profile): number {
  const isLong = random() < LONG_HISTORY_SHARE[profile];
  const draw = random();
  if (isLong) return 1 + Math.floor(draw * LONG_HISTORY_CUSTOMERS);
  return 1 + LONG_HISTORY_CUSTOMERS + Math.floor(draw * (CUSTOMERS - LONG_HISTORY_CUSTOMERS));
}
