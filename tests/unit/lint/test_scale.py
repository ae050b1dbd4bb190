"""The scale file decides what lasts as long as a table's rows take: short on a small one, an error on a large one."""

import pytest

from schemata.lint import sizes
from tests.unit.lint import judged

EARLIER = (judged.EXAMPLES / "earlier.sql").read_text(encoding="utf-8")
ALONE = "-- transactional: false\n"
SOURCE = "migrations/scale.toml"
ORDERS, CUSTOMERS = ("app", "orders"), ("app", "customers")
SMALL = sizes.Sizes({ORDERS: 900, CUSTOMERS: 40, ("app", "events_2026"): 9_999}, source=SOURCE)
LARGE = sizes.Sizes({ORDERS: 48_000_000, CUSTOMERS: 10_000, ("app", "events_2026"): 10_000}, source=SOURCE)
SILENT = sizes.Sizes({("app", "logs"): 5}, source=SOURCE)
BOUNDS = "FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')"

#: The migration, the rule, and its verdict without a scale, with one where the tables are small, and large.
BY_SIZE: list[tuple[str, str, str, str, str]] = [
    ("CREATE INDEX idx_orders_total ON app.orders (total);", "index-not-concurrent", "error", "warning", "error"),
    ("REINDEX TABLE app.orders;", "reindex-not-concurrent", "error", "warning", "error"),
    ("REINDEX INDEX app.idx_orders_placed_at;", "reindex-not-concurrent", "error", "warning", "error"),
    ("CLUSTER app.orders USING idx_orders_placed_at;", "vacuum-full", "error", "warning", "error"),
    (f"{ALONE}VACUUM FULL app.orders;", "vacuum-full", "error", "warning", "error"),
    ("ALTER TABLE app.customers ALTER COLUMN email SET NOT NULL;", "set-not-null-scans", "error", "warning", "error"),
    ("ALTER TABLE app.orders ADD CHECK (total < 9);", "check-validates", "error", "warning", "error"),
    ("ALTER TABLE app.events_2026 ADD FOREIGN KEY (id) REFERENCES app.orders (id);",
     "foreign-key-validates", "error", "warning", "error"),
    ("ALTER TABLE app.customers ADD UNIQUE (email);", "constraint-builds-index", "error", "warning", "error"),
    ("ALTER TABLE app.orders ALTER COLUMN total TYPE numeric;", "change-column-type", "", "", ""),
    ("ALTER TABLE app.orders ALTER COLUMN id TYPE numeric;", "change-column-type", "error", "warning", "error"),
    ("ALTER TABLE app.orders ADD COLUMN r float8 DEFAULT random();",
     "add-column-rewrites", "error", "warning", "error"),
    ("ALTER TABLE app.orders SET TABLESPACE fast;", "rewrites-table", "error", "warning", "error"),
    (f"ALTER TABLE app.events ATTACH PARTITION app.events_2026 {BOUNDS};",
     "attach-partition-scans", "error", "warning", "error"),
    ("UPDATE app.orders SET note = 'x';", "update-without-where", "error", "warning", "error"),
    ("UPDATE app.orders SET note = 'x' WHERE note IS NULL;", "rows-changed", "note", "note", "error"),
    ("UPDATE app.orders SET note = 'x' WHERE note IS NULL AND id BETWEEN 1 AND 9;",
     "rows-changed", "note", "note", "note"),
    ("ALTER TABLE app.orders ADD COLUMN w numeric;\nUPDATE app.orders SET w = total WHERE w IS NULL;",
     "lock-held-across-rows", "error", "warning", "error"),
    ("ALTER TABLE app.orders ADD CONSTRAINT c CHECK (total < 9) NOT VALID;\n"
     "ALTER TABLE app.orders VALIDATE CONSTRAINT c;", "validate-under-lock", "error", "warning", "error"),
    ("REFRESH MATERIALIZED VIEW app.totals;", "refresh-not-concurrent", "error", "warning", "error"),
    # Dangerous whatever the size.
    ("ALTER TABLE app.orders ALTER COLUMN total TYPE integer;", "change-column-type", "error", "error", "error"),
    ("ALTER TABLE app.customers ALTER COLUMN name TYPE varchar(9);", "change-column-type", "error", "error", "error"),
    ("ALTER TABLE app.orders SET UNLOGGED;", "rewrites-table", "error", "error", "error"),
    ("DROP TABLE app.customers;", "drop-table", "error", "error", "error"),
    ("DELETE FROM app.orders;", "delete-without-where", "error", "error", "error"),
    ("DROP INDEX app.idx_orders_placed_at;", "drop-index-not-concurrent", "error", "error", "error"),
    ("ALTER TABLE app.orders RENAME TO purchases;", "rename-table", "error", "error", "error"),
    ("CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_orders_total ON app.orders (total);",
     "concurrently-in-transaction", "error", "error", "error"),
    ("ALTER TABLE app.orders ADD COLUMN w numeric NOT NULL;", "add-required-column", "error", "error", "error"),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "rule", "unknown", "small", "large"), BY_SIZE, ids=[row[0][:60] for row in BY_SIZE])
def test_the_scale_decides(sql: str, rule: str, unknown: str, small: str, large: str) -> None:
    """Without a scale, and with one that says nothing of the table, it is as bad as on a large one."""
    for known, wanted in ((None, unknown), (SILENT, unknown), (SMALL, small), (LARGE, large)):
        found = judged.severities(judged.judge(sql, EARLIER, known=known))
        assert found.get(rule, "") == wanted, (known, found)


def test_the_rows_are_named() -> None:
    """The text says how many rows the scale has, and that nothing is said where it has none."""
    sql = "ALTER TABLE app.orders ADD CHECK (total < 9);"
    unknown, small, large, silent = (
        judged.judge(sql, EARLIER, known=known)[0].text for known in (None, SMALL, LARGE, SILENT)
    )
    assert "scale.toml" not in unknown
    assert small.endswith("By migrations/scale.toml app.orders has 900 rows. That is short.")
    assert large.endswith("By migrations/scale.toml app.orders has 48,000,000 rows.")
    assert silent.endswith("By migrations/scale.toml nothing is said of app.orders.")


def test_all_tables_that_are_worked_on_count() -> None:
    """A lock on a small table that is held over the rows of a large one is long."""
    known = sizes.Sizes({CUSTOMERS: 40, ORDERS: 48_000_000}, source=SOURCE)
    sql = "ALTER TABLE app.customers ADD COLUMN w numeric;\nUPDATE app.orders SET note = note WHERE total > 5;"
    assert judged.severities(judged.judge(sql, EARLIER, known=known))["lock-held-across-rows"] == "error"


def test_a_setting_does_not_make_a_short_lock_an_error() -> None:
    """As with all that is less in its place; `off` still turns it off."""
    sql = "ALTER TABLE app.orders ADD CHECK (total < 9);"
    error = judged.judge(sql, EARLIER, known=SMALL, levels={"check-validates": "error"})
    assert judged.severities(error)["check-validates"] == "warning"
    assert not judged.judge(sql, EARLIER, known=SMALL, levels={"check-validates": "off"})
