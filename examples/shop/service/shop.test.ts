import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BadRequest, parseBasket, sumOf } from './basket.ts';
import { presentCatalogue } from './catalogue.ts';
import { discountCents } from './discount.ts';
import { loyaltyPoints } from './loyalty.ts';
import { insertItems } from './order-items.ts';

test('a basket is checked', () => {
  const basket = { customerId: 7, items: [{ productId: 1, quantity: 2 }] };
  assert.deepEqual(parseBasket(basket), { ...basket, voucher: null });
  for (const wrong of [null, {}, { customerId: 7, items: [] }, { customerId: -1, items: basket.items }]) {
    assert.throws(() => parseBasket(wrong), BadRequest);
  }
  assert.throws(() => parseBasket({ customerId: 7, items: [basket.items[0], basket.items[0]] }), /twice/);
});

test('a basket is summed at current prices', () => {
  const prices = new Map([
    [1, 250],
    [2, 999],
  ]);
  const items = [
    { productId: 1, quantity: 2 },
    { productId: 2, quantity: 1 },
  ];
  assert.equal(sumOf(items, prices), 1499);
  assert.throws(() => sumOf([{ productId: 3, quantity: 1 }], prices), /no product 3/);
});

test('a voucher takes its percentage off', () => {
  assert.equal(discountCents(1499, null), 0);
  // Given as a variable: versions may know more of a voucher than others do.
  const voucher = { code: 'SPRING10', percent: 10, campaign: { name: 'spring', minimumCents: 0 } };
  assert.equal(discountCents(1499, voucher), 149);
});

test('points are counted over the whole history', async () => {
  const order = (day: number, totalCents: number) => ({
    totalCents,
    createdAt: new Date(Date.UTC(2024, 0, day)),
  });
  assert.equal(await loyaltyPoints([]), 0);
  assert.equal(await loyaltyPoints([order(100, 2500), order(10, 1999), order(1, 1000)]), 2 + 2 + 1);
});

test('every line of an order is written', async () => {
  const written: unknown[] = [];
  const connection = {
    query: (_text: string, values: unknown[]) => Promise.resolve(written.push(...values)),
  };
  const lines = [
    { productId: 1, quantity: 2, priceCents: 250 },
    { productId: 2, quantity: 1, priceCents: 999 },
  ];
  await insertItems(connection, '77', lines);
  for (const value of [1, 2, 250, 999]) assert.ok(written.flat().includes(value));
});

test('the catalogue shows every product once', () => {
  const product = (id: number) => ({ id, name: `Product ${id}`, priceCents: id });
  const { products } = presentCatalogue([product(2), product(1)]);
  assert.deepEqual(
    products.map(({ id }) => id),
    [1, 2],
  );
});
