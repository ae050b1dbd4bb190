"""A project with a change whose backfill can be watched: tables of several keys, and a trigger that counts updates."""

import psycopg
from psycopg import sql

from tests.conftest import Project

EXPAND, BACKFILL = "app.20250101000001.expand", "app.20250101000002.backfill"
CHANGE = "rename_name"

#: Tables by the kind of their key: its columns, and the SQL of each for the row number n.
KEYS: dict[str, tuple[str, str, str]] = {
    "bigint": ("id bigint", "id", "n"),
    "composite": ("tenant integer, id bigint", "tenant, id", "n % 3, n"),
    "uuid": ("id uuid", "id", "md5(n::text)::uuid"),
    "text": ('id text COLLATE "C"', "id", "chr(65 + n % 26) || '''\\\\\" ' || n"),
    "timestamptz": (
        "at timestamptz, id bigint",
        "at, id",
        "timestamptz '2025-03-30 00:30:00.123456Z' + n * '7 min'::interval, n",
    ),
}
#: Each update of a row that changes the new column is counted; the application's writes are kept in step and are not.
EXPANSION = """
ALTER TABLE app.t ADD COLUMN display_name text;
CREATE FUNCTION app.t_sync() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' OR NEW.name IS DISTINCT FROM OLD.name THEN
        NEW.display_name := NEW.name;
    ELSIF OLD.display_name IS DISTINCT FROM NEW.display_name THEN
        NEW.updates := OLD.updates + 1;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER t_sync BEFORE INSERT OR UPDATE ON app.t FOR EACH ROW EXECUTE FUNCTION app.t_sync();
"""
UPDATE = "UPDATE app.t SET display_name = name WHERE display_name IS DISTINCT FROM name;"


def table(kind: str = "bigint", rows: int = 1000, partitions: int = 0) -> str:
    """Return the SQL of a table of a kind of key with so many rows."""
    columns, key, values = KEYS[kind]
    first = key.split(",")[0]
    by = f" PARTITION BY HASH ({first})" if partitions else ""
    parts = "".join(
        f"CREATE TABLE app.t_{n} PARTITION OF app.t FOR VALUES WITH (MODULUS {partitions}, REMAINDER {n});\n"
        for n in range(partitions)
    )
    return (
        f"CREATE TABLE app.t ({columns}, name text NOT NULL, updates integer NOT NULL DEFAULT 0, PRIMARY KEY ({key}))"
        f"{by};\n{parts}"
        f"INSERT INTO app.t ({key}, name) SELECT {values}, 'name ' || n FROM generate_series(1, {rows}) n;\n"
    )


def write(project: Project, first: str, *, update: str = UPDATE, verify: str = "", expand: str = EXPANSION) -> None:
    """Write the table's migration, the expand and the backfill of a change."""
    project.write("app.20250101000000.table", f"-- The table.\n\n{first}", "DROP TABLE app.t;\n")
    project.write(
        EXPAND,
        f"-- A second name.\n-- depends: app.20250101000000.table\n-- change: {CHANGE}\n-- phase: expand\n"
        f"-- tables: app.t\n\n{expand}",
        "DROP TRIGGER IF EXISTS t_sync ON app.t; DROP FUNCTION IF EXISTS app.t_sync();"
        " ALTER TABLE app.t DROP COLUMN IF EXISTS display_name;\n",
    )
    said = f"-- verify: {verify}\n" if verify else ""
    project.write(
        BACKFILL,
        f"-- The second name of the rows that were there.\n-- depends: {EXPAND}\n-- change: {CHANGE}\n"
        f"-- phase: backfill\n{said}\n{update}\n",
    )


def expanded(project: Project, first: str, **parts: str) -> None:
    """Write the change and apply it up to its expand."""
    write(project, first, **parts)
    done = project.inv("migrate", "--to", EXPAND)
    assert done.returncode == 0, done.stderr


def counts(connection: psycopg.Connection) -> tuple[int, int, int]:
    """Return the rows that are not done, those that were updated more than once, and those that were once."""
    row = connection.execute(
        "SELECT count(*) FILTER (WHERE display_name IS DISTINCT FROM name), count(*) FILTER (WHERE updates > 1),"
        " count(*) FILTER (WHERE updates = 1) FROM app.t"
    ).fetchone()
    assert row is not None
    return row


def is_recorded(connection: psycopg.Connection) -> bool:
    """Tell whether the history has the backfill as applied, by yoyo's table."""
    query = sql.SQL("SELECT count(*) FROM schemata._yoyo_migration WHERE migration_id = {}").format(BACKFILL)
    return connection.execute(query).fetchone() == (1,)
