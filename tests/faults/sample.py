"""A project worth interrupting: three schemas that depend on each other, data, and every repairable kind.

Nothing in it depends on a clock, a sequence or chance, so two runs leave the same dump.
"""

import datetime
import itertools
from collections.abc import Iterator

from tests.conftest import Project

SCHEMAS = ("core", "sales", "stock")

# (schema, slug, sql) of non-transactional files; {n} is a table's number.
_OUTSIDE = (
    ("core", "index_if_not_exists", "CREATE INDEX CONCURRENTLY IF NOT EXISTS t{n}_value ON core.t{n} (value);"),
    ("sales", "index_plain", "CREATE INDEX CONCURRENTLY t{n}_label ON sales.t{n} (label, id DESC);"),
    ("stock", "index_unique", "CREATE UNIQUE INDEX CONCURRENTLY t{n}_code ON stock.t{n} (code);"),
    ("core", "reindex_index", "REINDEX INDEX CONCURRENTLY core.t{n}_value;"),
    (
        "core",
        "add_values",
        "ALTER TYPE core.mood ADD VALUE 'm{n}'; ALTER TYPE core.mood ADD VALUE 'a{n}' BEFORE 'm{n}';",
    ),
    ("sales", "vacuum", "VACUUM (ANALYZE) sales.t{n};"),
    ("sales", "drop_index", "DROP INDEX CONCURRENTLY sales.t{n}_label;"),
    (
        "core",
        "mixed",
        """\
        SET maintenance_work_mem = '8MB';
        ALTER TABLE core.t{n} ADD COLUMN extra int;
        CREATE INDEX CONCURRENTLY t{n}_extra ON core.t{n} (extra);
        UPDATE core.t{n} SET extra = id % 7;
        SET lock_timeout = '3s';
        REINDEX INDEX CONCURRENTLY core.t{n}_extra;
        ALTER TYPE core.mood ADD VALUE 'x{n}';
        INSERT INTO core.moods VALUES ({n}, 'x{n}');
        CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS t{n}_once ON core.t{n} (value, id);
        DROP INDEX CONCURRENTLY IF EXISTS core.t{n}_extra;
        ALTER TABLE core.t{n} ADD CONSTRAINT t{n}_extra_known CHECK (extra < 7);
        VACUUM core.t{n};""",
    ),
    ("stock", "reindex_table", "REINDEX TABLE CONCURRENTLY stock.t{n};"),
)
_ROUNDS = 4


def write(project: Project) -> int:
    """Write the migrations into a project of SCHEMAS; return how many there are (at least 60)."""
    return len([project.write(id_, sql) for id_, sql in _migrations()])


def _migrations() -> Iterator[tuple[str, str]]:
    minutes = itertools.count()

    def named(schema: str, slug: str) -> str:
        time = datetime.datetime(2025, 1, 1) + datetime.timedelta(minutes=next(minutes))
        return f"{schema}.{time:%Y%m%d%H%M%S}.{slug}"

    yield (
        named("core", "moods"),
        "-- Moods.\nCREATE TYPE core.mood AS ENUM ('calm');\n"
        "CREATE TABLE core.moods (id int PRIMARY KEY, mood core.mood NOT NULL);\n",
    )
    for n in range(_ROUNDS):
        core, sales, stock = (named(schema, f"t{n}") for schema in SCHEMAS)
        yield (
            core,
            f"-- Core table {n}.\nCREATE TABLE core.t{n} (id int PRIMARY KEY, value int NOT NULL, note text);\n"
            f"INSERT INTO core.t{n} SELECT i, i * 7919 % 1009, repeat('n', i % 50) FROM generate_series(1, 3000) i;\n",
        )
        yield (
            sales,
            f"-- Sales table {n}.\n-- depends: {core}\n"
            f"CREATE TABLE sales.t{n} (id int PRIMARY KEY REFERENCES core.t{n}, label text NOT NULL);\n"
            f"INSERT INTO sales.t{n} SELECT i, 'label ' || i % 97 FROM generate_series(1, 2000) i;\n",
        )
        yield (
            stock,
            f"-- Stock table {n}.\n-- depends: {core} {sales}\n"
            f"CREATE TABLE stock.t{n} (id int PRIMARY KEY REFERENCES sales.t{n}, code text NOT NULL, amount int);\n"
            f"INSERT INTO stock.t{n} SELECT i, 'c' || i, i FROM generate_series(1, 2000) i;\n"
            f"CREATE VIEW stock.v{n} AS SELECT s.id, c.value FROM stock.t{n} s JOIN core.t{n} c USING (id);\n",
        )
        for schema, slug, sql in _OUTSIDE:
            lines = "\n".join(line.strip() for line in sql.format(n=n).splitlines())
            yield named(schema, f"{slug}_{n}"), f"-- {slug} {n}.\n-- transactional: false\n{lines}\n"
        for step in ("constraint", "backfill", "function"):
            yield named("sales", f"{step}_{n}"), _TRANSACTIONAL[step].format(n=n)
    yield (
        named("stock", "total"),
        "-- The last.\nCREATE MATERIALIZED VIEW stock.total AS SELECT sum(amount) AS amount FROM stock.t0;\n",
    )


_TRANSACTIONAL = {
    "constraint": "-- Constraint {n}.\nALTER TABLE sales.t{n} ADD CONSTRAINT t{n}_labelled CHECK (label <> '');\n",
    "backfill": "-- Backfill {n}.\nALTER TABLE sales.t{n} ADD COLUMN size int;\n"
    "UPDATE sales.t{n} SET size = length(label);\n"
    "ALTER TABLE sales.t{n} ALTER COLUMN size SET NOT NULL;\n",
    "function": "-- Function {n}.\nCREATE FUNCTION sales.f{n}() RETURNS bigint LANGUAGE sql\n"
    "AS $$ SELECT count(*) FROM sales.t{n} $$;\n",
}
