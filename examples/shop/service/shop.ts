import type { Pool, PoolClient } from 'pg';
import { BadRequest, sumOf } from './basket.ts';
import type { Basket } from './basket.ts';
import { presentCatalogue } from './catalogue.ts';
import { discountCents, VOUCHER_COLUMNS } from './discount.ts';
import type { Voucher } from './discount.ts';
import { loyaltyPoints } from './loyalty.ts';
import { insertItems } from './order-items.ts';

const HISTORY = 400;

/** What the service does, on its database. Amounts in cents; ids of orders are decimal texts. */
export class Shop {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async products(): Promise<unknown> {
    const { rows } = await this.#pool.query<{ id: number; name: string; priceCents: number }>(
      'select id, name, price_cents as "priceCents" from products',
    );
    return presentCatalogue(rows);
  }

  async order(id: string): Promise<unknown> {
    const { rows } = await this.#pool.query(
      `select o.id, o.customer_id as "customerId", o.total_cents as "totalCents", o.created_at as "createdAt",
              coalesce(json_agg(json_build_object('productId', i.product_id, 'quantity', i.quantity)
                order by i.product_id) filter (where i.order_id is not null), '[]') as items
         from orders o left join order_items i on i.order_id = o.id
        where o.id = $1 group by o.id`,
      [id],
    );
    return rows[0];
  }

  async customerOrders(customerId: number): Promise<unknown> {
    const history = await this.#history(customerId);
    return { customerId, points: await loyaltyPoints(history), orders: history.slice(0, 20) };
  }

  /** Places an order; answers its number, what it costs and the customer's points with it. */
  async checkout(basket: Basket): Promise<unknown> {
    const ids = basket.items.map(({ productId }) => productId);
    const { rows } = await this.#pool.query<{ id: number; price_cents: number }>(
      'select id, price_cents from products where id = any($1)',
      [ids],
    );
    const prices = new Map(rows.map(({ id, price_cents }) => [id, price_cents]));
    const sum = sumOf(basket.items, prices);
    const total = sum - discountCents(sum, await this.#voucher(basket.voucher));
    const orderId = await this.#transaction((client) => place(client, basket, prices, total));
    const points = await loyaltyPoints(await this.#history(basket.customerId));
    return { orderId, totalCents: total, points };
  }

  async #voucher(code: string | null): Promise<Voucher | null> {
    if (code === null) return null;
    const { rows } = await this.#pool.query<Voucher>(
      `select ${VOUCHER_COLUMNS} from vouchers where code = $1`,
      [code],
    );
    if (rows[0] === undefined) throw new BadRequest('there is no such voucher');
    return rows[0];
  }

  async #history(customerId: number): Promise<{ id: string; totalCents: number; createdAt: Date }[]> {
    const { rows } = await this.#pool.query<{ id: string; totalCents: number; createdAt: Date }>(
      `select id, total_cents as "totalCents", created_at as "createdAt"
         from orders where customer_id = $1 order by id desc limit ${HISTORY}`,
      [customerId],
    );
    return rows;
  }

  async #transaction<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect();
    let broken = false;
    try {
      await client.query('begin');
      const result = await work(client);
      await client.query('commit');
      return result;
    } catch (problem) {
      await client.query('rollback').catch(() => {
        broken = true;
      });
      throw problem;
    } finally {
      client.release(broken);
    }
  }
}

async function place(
  client: PoolClient,
  { customerId, items, voucher }: Basket,
  prices: ReadonlyMap<number, number>,
  totalCents: number,
): Promise<string> {
  const { rows } = await client.query<{ id: string }>(
    `insert into orders (customer_id, voucher_code, total_cents)
     select id, $2, $3 from customers where id = $1 returning id`,
    [customerId, voucher, totalCents],
  );
  const orderId = rows[0]?.id;
  if (orderId === undefined) throw new BadRequest(`there is no customer ${customerId}`);
  await insertItems(
    client,
    orderId,
    items.map((item) => ({ ...item, priceCents: prices.get(item.productId) ?? 0 })),
  );
  return orderId;
}
