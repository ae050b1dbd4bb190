"""What a series of migrations promises to leave behind."""

import pytest

from schemata import errors
from schemata.sql import expected_objects

TABLE = "CREATE TABLE app.t (a int, b int);"
INDEX = "CREATE INDEX i ON app.t (a);"

#: Name, the files' SQL (ids m1, m2, … in schema app), tables left, indexes left.
CASES = [
    ("nothing", ["-- only words"], {}, {}),
    ("a table and its index", [TABLE + INDEX], {"app.t": "m1"}, {"app.i": ("t", "m1")}),
    ("index by another migration", [TABLE, INDEX], {"app.t": "m1"}, {"app.i": ("t", "m2")}),
    ("unqualified names", ["CREATE TABLE t (a int); CREATE INDEX i ON t (a)"], {"app.t": "m1"}, {"app.i": ("t", "m1")}),
    ("index in its table's schema", ["CREATE INDEX i ON other.t (a)"], {}, {"other.i": ("t", "m1")}),
    ("concurrently", ["CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a)"], {}, {"app.i": ("t", "m1")}),
    ("if not exists keeps the first", [TABLE, "CREATE TABLE IF NOT EXISTS t (a int)"], {"app.t": "m1"}, {}),
    (
        "index if not exists keeps the first",
        [TABLE + INDEX, "CREATE INDEX IF NOT EXISTS i ON t (b)"],
        {"app.t": "m1"},
        {"app.i": ("t", "m1")},
    ),
    ("create table as", ["CREATE TABLE t AS SELECT 1 AS a"], {"app.t": "m1"}, {}),
    ("select into", ["SELECT 1 AS a INTO t UNION SELECT 2"], {"app.t": "m1"}, {}),
    ("a plain select", ["SELECT a FROM t UNION SELECT 2"], {}, {}),
    ("materialized view", ["CREATE MATERIALIZED VIEW v AS SELECT 1 AS a; CREATE INDEX i ON v (a)"],
     {"app.v": "m1"}, {"app.i": ("v", "m1")}),
    ("dropped materialized view", ["CREATE MATERIALIZED VIEW v AS SELECT 1 AS a; CREATE INDEX i ON v (a)",
     "DROP MATERIALIZED VIEW v"], {}, {}),
    ("elements of a schema", ["CREATE SCHEMA x CREATE TABLE t (a int) CREATE INDEX i ON t (a)"],
     {"x.t": "m1"}, {"x.i": ("t", "m1")}),
    ("temporary table", ["CREATE TEMP TABLE t (a int); CREATE INDEX i ON t (a); DROP TABLE t"], {}, {}),
    ("temporary table of the same name", [TABLE + INDEX, "CREATE TEMP TABLE t (a int); DROP TABLE t"],
     {"app.t": "m1"}, {"app.i": ("t", "m1")}),
    ("unnamed index", [TABLE + "CREATE INDEX ON t (a)"], {"app.t": "m1"}, {}),
    ("dropped table takes its indexes", [TABLE + INDEX, "DROP TABLE IF EXISTS t"], {}, {}),
    ("dropped index", [TABLE + INDEX, "DROP INDEX CONCURRENTLY app.i, app.j"], {"app.t": "m1"}, {}),
    ("dropped and made again", [TABLE, "DROP TABLE t", TABLE], {"app.t": "m3"}, {}),
    ("dropped schema", [TABLE + INDEX + "CREATE TABLE x.t (a int)", "DROP SCHEMA app CASCADE"], {"x.t": "m1"}, {}),
    ("dropped column takes indexes with it", [TABLE + INDEX + "CREATE INDEX j ON t (b) WHERE a > 0;"
     "CREATE INDEX k ON t (b)", "ALTER TABLE t DROP COLUMN a"], {"app.t": "m1"}, {"app.k": ("t", "m1")}),
    ("dropped column under its new name", [TABLE + INDEX, "ALTER TABLE t RENAME a TO c; ALTER TABLE t DROP c"],
     {"app.t": "m1"}, {}),
    ("renamed table keeps its index", [TABLE + INDEX, "ALTER TABLE t RENAME TO u"],
     {"app.u": "m2"}, {"app.i": ("u", "m1")}),
    ("renamed index", [TABLE + INDEX, "ALTER INDEX i RENAME TO j"], {"app.t": "m1"}, {"app.j": ("t", "m2")}),
    ("index renamed as a table", [TABLE + INDEX, "ALTER TABLE i RENAME TO j"],
     {"app.t": "m1"}, {"app.j": ("t", "m2")}),
    ("renamed trigger and policy", [TABLE, "ALTER TRIGGER x ON t RENAME TO y; ALTER POLICY x ON t RENAME TO y"],
     {"app.t": "m1"}, {}),
    ("renamed schema", [TABLE + INDEX, "ALTER SCHEMA app RENAME TO web"], {"web.t": "m1"}, {"web.i": ("t", "m1")}),
    ("set schema", [TABLE + INDEX, "ALTER TABLE t SET SCHEMA web"], {"web.t": "m2"}, {"web.i": ("t", "m1")}),
    ("index that becomes a constraint", [TABLE + "CREATE UNIQUE INDEX i ON t (a);"
     "ALTER TABLE t ADD CONSTRAINT c UNIQUE USING INDEX i"], {"app.t": "m1"}, {"app.c": ("t", "m1")}),
    ("constraint dropped with its index", [TABLE + "CREATE UNIQUE INDEX i ON t (a);"
     "ALTER TABLE t ADD UNIQUE USING INDEX i", "ALTER TABLE t DROP CONSTRAINT i"], {"app.t": "m1"}, {}),
    ("partitions fall with their parent", ["CREATE TABLE t (a int) PARTITION BY LIST (a);"
     "CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1); CREATE TABLE t2 (a int);"
     "ALTER TABLE t ATTACH PARTITION t2 FOR VALUES IN (2)", "ALTER TABLE t DETACH PARTITION t1", "DROP TABLE t"],
     {"app.t1": "m1"}, {}),
    ("what a DO block does is not seen", ["DO $$ BEGIN CREATE TABLE t (a int); END $$"], {}, {}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "files", "tables", "indexes"), CASES, ids=[case[0] for case in CASES])
def test_promises(name: str, files: list[str], tables: dict[str, str], indexes: dict[str, tuple[str, str]]) -> None:
    """The files, folded in order, leave these tables and indexes."""
    made = expected_objects.expect(("app", f"m{number}", sql) for number, sql in enumerate(files, 1))
    assert {".".join(key): value for key, value in made.tables.items()} == tables
    assert {".".join(key): value for key, value in made.indexes.items()} == indexes


def test_a_rejected_file_is_named() -> None:
    """A file that the parser rejects stops the fold with its id, line and column."""
    with pytest.raises(errors.MigrationError, match=r"app\.2\.broken, line 2, column 1"):
        expected_objects.expect([("app", "app.1.fine", TABLE), ("app", "app.2.broken", "SELECT 1;\nSELEKT")])
