create table products (
  id integer primary key,
  name text not null,
  price_cents integer not null check (price_cents > 0)
);

create table customers (
  id integer primary key,
  name text not null
);

create table vouchers (
  code text primary key,
  percent integer not null check (percent between 1 and 90),
  campaign text not null,
  minimum_cents integer not null default 0
);

create table orders (
  id bigint generated always as identity primary key,
  customer_id integer not null references customers (id),
  voucher_code text references vouchers (code),
  total_cents integer not null check (total_cents >= 0),
  created_at timestamptz not null default now()
);
create index orders_by_customer on orders (customer_id, id desc);

create table order_items (
  order_id bigint not null references orders (id),
  product_id integer not null references products (id),
  quantity integer not null check (quantity > 0),
  price_cents integer not null,
  primary key (order_id, product_id)
);
