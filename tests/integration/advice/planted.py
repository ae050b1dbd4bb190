"""A shop in which indexes are missing, doubled and unused, and the queries that show which."""

from typing import Any

#: The migration that makes the tables, with four indexes that others cover and three that nothing reads.
STRUCTURE = """\
-- Create the shop.

CREATE TABLE app.customers (id bigint PRIMARY KEY, email text NOT NULL, phone text NOT NULL, city text NOT NULL,
    joined date NOT NULL, visits int NOT NULL, profile jsonb NOT NULL);
CREATE TABLE app.products (id bigint PRIMARY KEY, sku text NOT NULL, category text NOT NULL, price int NOT NULL);
CREATE TABLE app.orders (id bigint PRIMARY KEY, customer_id bigint NOT NULL, code text NOT NULL,
    reference text NOT NULL, status text NOT NULL, total int NOT NULL,
    created_at timestamptz NOT NULL, note text NOT NULL);
CREATE TABLE app.items (id bigint PRIMARY KEY, order_id bigint NOT NULL, product_id bigint NOT NULL,
    quantity int NOT NULL);
CREATE TABLE app.events (id bigint PRIMARY KEY, user_id bigint NOT NULL, session text NOT NULL, kind text NOT NULL,
    happened_at timestamptz NOT NULL);
CREATE TABLE app.archive (id bigint, sku text);
CREATE UNIQUE INDEX idx_orders_reference ON app.orders (reference);
CREATE INDEX idx_events_happened_at ON app.events (happened_at, id);
CREATE INDEX idx_products_price ON app.products (price, id);
-- Covered by others: two are the same, two have the first columns.
CREATE INDEX idx_orders_reference_again ON app.orders (reference);
CREATE INDEX idx_events_happened_at_id ON app.events (happened_at, id);
CREATE INDEX idx_events_happened ON app.events (happened_at);
CREATE INDEX idx_products_price_only ON app.products (price DESC);
-- Read by nothing.
CREATE INDEX idx_customers_city ON app.customers (city);
CREATE INDEX idx_orders_status ON app.orders (status);
CREATE INDEX idx_items_quantity ON app.items (quantity);
"""
ROLLBACK = "DROP TABLE app.customers, app.products, app.orders, app.items, app.events, app.archive;\n"
ROWS = """
    INSERT INTO app.customers SELECT n, 'Name' || n || '@Example.com', 'p' || n, 'city ' || n % 100,
        date '2020-01-01' + n % 2000, 0, jsonb_build_object('n', n, 'text', repeat('x', 400))
        FROM generate_series(1, 20000) n;
    INSERT INTO app.products SELECT n, 'sku' || n, 'c' || n % 2000, n % 5000 FROM generate_series(1, 20000) n;
    INSERT INTO app.orders SELECT n, 1 + n * 7919 % 20000, 'code' || n, 'ref' || n,
        (ARRAY['open', 'paid', 'sent'])[1 + n % 3], n % 977,
        timestamptz '2026-01-01' + n * interval '1 minute', repeat('x', 40) FROM generate_series(1, 60000) n;
    INSERT INTO app.items SELECT n, 1 + n * 31 % 60000, 1 + n * 17 % 20000, n % 7 FROM generate_series(1, 120000) n;
    INSERT INTO app.events SELECT n, 1 + n * 13 % 3000, 's' || n % 9000, 'k' || n % 5,
        timestamptz '2026-01-01' + n * interval '1 second' FROM generate_series(1, 60000) n;
    VACUUM ANALYZE;
"""
COVERED = {
    "app.idx_orders_reference_again": "app.idx_orders_reference",
    "app.idx_events_happened_at_id": "app.idx_events_happened_at",
    "app.idx_events_happened": "app.idx_events_happened_at",
    "app.idx_products_price_only": "app.idx_products_price",
}
UNUSED = {"app.idx_customers_city", "app.idx_orders_status", "app.idx_items_quantity"}
#: What each missing index begins with, at least, and the query that lacks it.
MISSING: dict[tuple[str, str], tuple[str, tuple[Any, ...]]] = {
    ("app.orders", "customer_id"): (
        "SELECT id, total FROM app.orders WHERE customer_id = %s ORDER BY created_at DESC LIMIT 20",
        (77,),
    ),
    ("app.orders", "code"): ("SELECT * FROM app.orders WHERE code = %s", ("code77",)),
    ("app.orders", "created_at"): (
        "SELECT sum(total) FROM orders o WHERE o.created_at >= %s AND o.created_at < %s",
        ("2026-01-20", "2026-01-20 02:00"),
    ),
    ("app.items", "order_id"): (
        "SELECT o.id, i.quantity FROM app.orders o JOIN app.items i ON i.order_id = o.id WHERE o.reference = %s",
        ("ref100",),
    ),
    ("app.items", "product_id"): ("SELECT sum(quantity) FROM app.items WHERE product_id = %s", (500,)),
    ("app.customers", "lower(email)"): (
        "SELECT id FROM app.customers WHERE lower(email) = %s",
        ("name500@example.com",),
    ),
    ("app.customers", "phone"): ("UPDATE app.customers SET visits = visits + 1 WHERE phone = %s", ("p300",)),
    ("app.customers", "profile"): ("SELECT id FROM app.customers WHERE profile @> %s::jsonb", ('{"n": 300}',)),
    ("app.events", "user_id"): (
        "SELECT * FROM app.events WHERE user_id = %s AND (happened_at, id) < (%s, %s)"
        " ORDER BY happened_at DESC, id DESC LIMIT 20",
        (7, "2026-01-01 12:00", 10**9),
    ),
    ("app.events", "session"): ("DELETE FROM app.events WHERE session = %s AND kind = 'none'", ("s7",)),
    ("app.products", "sku"): ("SELECT * FROM app.products WHERE sku IN (%s, %s)", ("sku7", "sku9")),
    ("app.products", "category"): (
        "INSERT INTO app.archive SELECT id, sku FROM app.products WHERE category = %s",
        ("c7",),
    ),
}
#: Queries that have what they need, or that no index helps.
SERVED: tuple[tuple[str, tuple[Any, ...]], ...] = (
    ("SELECT * FROM app.customers WHERE id = %s", (5,)),
    ("SELECT * FROM app.orders WHERE id = %s", (5,)),
    ("SELECT * FROM app.items WHERE id = ANY (%s)", ([5, 6, 7],)),
    ("SELECT * FROM app.orders WHERE reference = %s", ("ref5",)),
    ("SELECT * FROM app.events ORDER BY happened_at DESC, id DESC LIMIT 20", ()),
    (
        "SELECT * FROM app.events WHERE (happened_at, id) > (%s, %s) ORDER BY happened_at, id LIMIT 20",
        ("2026-01-01 12:00", 1),
    ),
    ("SELECT * FROM app.products WHERE price > %s ORDER BY price, id LIMIT 10", (100,)),
    ("SELECT count(*) FROM app.products WHERE price >= %s AND price < %s", (10, 12)),
    ("SELECT avg(total) FROM app.orders WHERE note <> %s", ("y",)),
    ("UPDATE app.orders SET note = %s WHERE id = %s", ("y", 9)),
)
