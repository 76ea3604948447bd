-- The same rows each time. Customers 1 to 20 have bought for years: 400 orders each; the others have up to five.
insert into products (id, name, price_cents)
select n, 'Product ' || n, 250 + (n * 7919) % 9000 from generate_series(1, 50) as n;

insert into customers (id, name)
select n, 'Customer ' || n from generate_series(1, 1000) as n;

insert into vouchers (code, percent, campaign, minimum_cents)
values ('SPRING10', 10, 'spring', 0), ('WELCOME5', 5, 'welcome', 0), ('LOYAL20', 20, 'loyalty', 0);

insert into orders (customer_id, total_cents, created_at)
select c, 500 + (c * 31 + n * 7919) % 20000, timestamptz '2024-01-01 00:00:00+00' + make_interval(days => n)
from generate_series(1, 1000) as c
cross join lateral generate_series(1, case when c <= 20 then 400 else c % 6 end) as n;

insert into order_items (order_id, product_id, quantity, price_cents)
select id, 1 + id % 50, 1 + id % 3, 500 from orders;

analyze;
