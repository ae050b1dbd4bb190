"""Every tool's ledger is read on a real server, from tables as the tools make them, and nothing is written."""

import uuid
from collections.abc import Callable, Iterator

import psycopg
import pytest

from schemata import errors
from schemata.adoption import model
from schemata.adoption.ledgers import entries, judgement, reading
from schemata.postgres import query_client
from tests.unit import cases
from tests.unit.adoption import histories

#: What each tool makes, in facts: its columns and types.
PRISMA = """
    CREATE TABLE _prisma_migrations (id varchar(36) PRIMARY KEY, checksum varchar(64) NOT NULL,
        finished_at timestamptz, migration_name varchar(255) NOT NULL, logs text, rolled_back_at timestamptz,
        started_at timestamptz NOT NULL DEFAULT now(), applied_steps_count integer NOT NULL DEFAULT 0);
    INSERT INTO _prisma_migrations VALUES
        ('1', 'aa', '2024-01-01 12:00:01+02', 'a', NULL, NULL, '2024-01-01 12:00:00+02', 1),
        ('2', 'bb', NULL, 'b', 'ERROR: no', '2024-01-03 00:00:00+00', '2024-01-02 00:00:00+00', 0),
        ('3', 'bb', '2024-01-04 00:00:00+00', 'b', '', NULL, '2024-01-04 00:00:00+00', 0),
        ('4', 'cc', NULL, 'c', 'ERROR: no', NULL, '2024-01-05 00:00:00+00', 0),
        ('5', 'dd', NULL, 'd', NULL, NULL, '2024-01-06 00:00:00+00', 0);
"""
FLYWAY = """
    CREATE TABLE flyway_schema_history (installed_rank int PRIMARY KEY, version varchar(50),
        description varchar(200) NOT NULL, type varchar(20) NOT NULL, script varchar(1000) NOT NULL, checksum int,
        installed_by varchar(100) NOT NULL, installed_on timestamp NOT NULL DEFAULT now(), execution_time int NOT NULL,
        success boolean NOT NULL);
    INSERT INTO flyway_schema_history VALUES
        (0, NULL, '<< Flyway Schema Creation >>', 'SCHEMA', '"app"', NULL, 'x', '2024-01-01 00:00:00', 0, true),
        (1, '1', 'one', 'SQL', 'V1__one.sql', -5, 'x', '2024-01-01 00:00:01', 7, true),
        (2, NULL, 'view', 'SQL', 'R__view.sql', 9, 'x', '2024-01-01 00:00:02', 7, true),
        (3, '2', 'two', 'SQL', 'V2__two.sql', 3, 'x', '2024-01-01 00:00:03', 7, false);
"""
SQITCH = """
    CREATE SCHEMA sqitch;
    CREATE TABLE sqitch.changes (change_id text PRIMARY KEY, script_hash text, change text NOT NULL,
        project text NOT NULL, note text NOT NULL DEFAULT '', committed_at timestamptz NOT NULL);
    CREATE TABLE sqitch.events (event text NOT NULL, change_id text NOT NULL, change text NOT NULL,
        project text NOT NULL, committed_at timestamptz NOT NULL, PRIMARY KEY (change_id, committed_at));
    INSERT INTO sqitch.changes VALUES ('c1', 'ee', 'one', 'shop', '', '2024-01-01 00:00:00+00'),
        ('c9', 'ff', 'one', 'other', '', '2024-01-01 00:00:00+00');
    INSERT INTO sqitch.events VALUES ('deploy', 'c1', 'one', 'shop', '2024-01-01 00:00:00+00'),
        ('deploy', 'c2', 'two', 'shop', '2024-01-02 00:00:00+00'),
        ('revert', 'c2', 'two', 'shop', '2024-01-03 00:00:00+00'),
        ('fail', 'c3', 'three', 'shop', '2024-01-04 00:00:00+00');
"""
GOOSE = """
    CREATE TABLE goose_db_version (id serial PRIMARY KEY, version_id bigint NOT NULL, is_applied boolean NOT NULL,
        tstamp timestamp NULL DEFAULT now());
    INSERT INTO goose_db_version (version_id, is_applied, tstamp) VALUES (0, true, '2024-01-01'),
        (9, true, '2024-01-01'), (10, true, '2024-01-02'), (10, false, '2024-01-03');
"""
SQLX = """
    CREATE TABLE _sqlx_migrations (version bigint PRIMARY KEY, description text NOT NULL,
        installed_on timestamptz NOT NULL DEFAULT now(), success boolean NOT NULL, checksum bytea NOT NULL,
        execution_time bigint NOT NULL);
    INSERT INTO _sqlx_migrations VALUES (1, 'one', '2024-01-01 00:00:00+00', true, '\\xc0ffee', 1),
        (2, 'two', '2024-01-02 00:00:00+00', false, '\\xc0ffee', -1);
"""
DRIZZLE = """
    CREATE SCHEMA drizzle;
    CREATE TABLE drizzle.__drizzle_migrations (id serial PRIMARY KEY, hash text NOT NULL, created_at bigint);
    INSERT INTO drizzle.__drizzle_migrations (hash, created_at) VALUES ('aa', 1700000000000);
"""
NODE = """
    CREATE TABLE pgmigrations (id serial PRIMARY KEY, name varchar(255) NOT NULL, run_on timestamp NOT NULL);
    INSERT INTO pgmigrations (name, run_on) VALUES ('1_a', '2024-01-01');
"""
SUPABASE = """
    CREATE SCHEMA supabase_migrations;
    CREATE TABLE supabase_migrations.schema_migrations (version text PRIMARY KEY, statements text[], name text);
    INSERT INTO supabase_migrations.schema_migrations VALUES ('20240101000000', '{}', 'a');
"""
DAY = "2024-01-0{}T00:00:00.000000Z".format


@pytest.fixture
def ask(database: str) -> Iterator[Callable[..., object]]:
    """Ask an empty database whose sessions are in UTC."""
    with psycopg.connect(database, autocommit=True) as other:
        other.execute("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET timezone = UTC', current_database()); END $$")
    with query_client.connect(database, timeout=10, application_name="test") as connection:
        yield connection.query


@cases.named(("tool", "sql", "expected"), [
    ("prisma", "prisma", PRISMA, [
        ("a", "applied", "2024-01-01T10:00:01.000000Z", "sha256:aa"), ("b", "rolled back", DAY(2), "sha256:bb"),
        ("b", "marked", DAY(4), "sha256:bb"), ("c", "failed", DAY(5), "sha256:cc"),
        ("d", "unfinished", DAY(6), "sha256:dd"),
    ]),
    ("flyway", "flyway", FLYWAY, [
        ("1", "applied", "2024-01-01T00:00:01.000000Z", "crc32:-5"),
        ("view", "applied", "2024-01-01T00:00:02.000000Z", "crc32:9"),
        ("2", "failed", "2024-01-01T00:00:03.000000Z", "crc32:3"),
    ]),
    ("sqitch, of one project", "sqitch", SQITCH, [
        ("c1", "applied", DAY(1), "sha1:ee"), ("c2", "rolled back", DAY(3), ""), ("c3", "failed", DAY(4), ""),
    ]),
    ("sqitch, an old registry", "sqitch", SQITCH + "ALTER TABLE sqitch.changes DROP script_hash", [
        ("c1", "applied", DAY(1), ""), ("c2", "rolled back", DAY(3), ""), ("c3", "failed", DAY(4), ""),
    ]),
    ("dbmate", "dbmate", "CREATE TABLE schema_migrations (version varchar PRIMARY KEY);"
     "INSERT INTO schema_migrations VALUES ('2'), ('1')", [("1", "applied", "", ""), ("2", "applied", "", "")]),
    ("dbmate with checksums", "dbmate", "CREATE TABLE schema_migrations (version varchar PRIMARY KEY, checksum text);"
     "INSERT INTO schema_migrations VALUES ('1', 'aa'), ('2', NULL)",
     [("1", "applied", "", "sha256:aa"), ("2", "applied", "", "")]),
    ("golang-migrate", "golang-migrate", "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean);"
     "INSERT INTO schema_migrations VALUES (7, true)", [("7", "unfinished", "", "")]),
    ("pop, with files like golang-migrate's", "golang-migrate", "CREATE SCHEMA auth;"
     "CREATE TABLE auth.schema_migrations (version varchar(14) NOT NULL);"
     "INSERT INTO auth.schema_migrations VALUES ('20240102000000'), ('00')",
     [("00", "applied", "", ""), ("20240102000000", "applied", "", "")]),
    ("alembic", "alembic-sql", "CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY);"
     "INSERT INTO alembic_version VALUES ('bbb'), ('aaa')", [("aaa", "applied", "", ""), ("bbb", "applied", "", "")]),
    ("goose", "goose", GOOSE, [
        ("9", "applied", DAY(1), ""), ("10", "applied", DAY(2), ""), ("10", "rolled back", DAY(3), ""),
    ]),
    ("diesel", "diesel", "CREATE TABLE __diesel_schema_migrations (version varchar(50) PRIMARY KEY, run_on timestamp);"
     "INSERT INTO __diesel_schema_migrations VALUES ('20240101', '2024-01-01')", [("20240101", "applied", DAY(1), "")]),
    ("sqlx", "sqlx", SQLX, [
        ("1", "applied", DAY(1), "sha384:c0ffee"), ("2", "unfinished", DAY(2), "sha384:c0ffee"),
    ]),
    ("drizzle", "drizzle", DRIZZLE, [("1700000000000", "applied", "", "sha256:aa")]),
    ("node-pg-migrate", "node-pg-migrate", NODE, [("1_a", "applied", DAY(1), "")]),
    ("supabase", "supabase", SUPABASE, [("20240101000000", "applied", "", "")]),
])  # fmt: skip
def test_a_ledger_is_read(
    database: str, ask: Callable[..., object], tool: str, sql: str, expected: list[tuple[str, str, str, str]]
) -> None:
    """Versions, how each ended, when in UTC, and the checksum, from the table as the tool makes it."""
    with psycopg.connect(database) as other:
        other.execute(sql)
    found = reading.read(ask, tool, project="shop" if tool == "sqitch" else "")
    assert found is not None
    assert [(row.version, row.state, row.at, row.checksum) for row in found.rows] == expected
    assert found.single == (tool in ("golang-migrate", "alembic-sql") and found.schema == "public")
    named = reading.read(ask, tool, f"{found.schema}.{found.table}", project="shop" if tool == "sqitch" else "")
    assert named == found


def test_every_tool_with_a_ledger_has_none_in_an_empty_database(ask: Callable[..., object]) -> None:
    """Without its table there is no ledger; plain files never have one."""
    assert [reading.read(ask, tool) for tool in model.TOOLS] == [None] * len(model.TOOLS)


def test_two_ledgers_are_told_apart_by_a_person(database: str, ask: Callable[..., object]) -> None:
    """A tool may have a ledger in several schemas, and may call it something else."""
    one = "CREATE TABLE {}.goose_db_version (id serial, version_id bigint, is_applied boolean, tstamp timestamp);"
    with psycopg.connect(database) as other:
        other.execute("CREATE SCHEMA b;" + one.format("public") + one.format("b") + "CREATE TABLE b.ours (i int)")
        other.execute("INSERT INTO b.goose_db_version (version_id, is_applied) VALUES (5, true)")
    with pytest.raises(errors.ConfigError, match=r"2 ledgers of goose: b\.goose_db_version, public\.goose_db_version"):
        reading.read(ask, "goose")
    found = reading.read(ask, "goose", "b.goose_db_version")
    assert found == entries.Ledger("goose", "b", "goose_db_version", (entries.Row("5", "applied"),))
    with pytest.raises(errors.ConfigError, match="names no schema"):
        reading.read(ask, "goose", "goose_db_version")
    with pytest.raises(model.UnreadHistory, match=r"b\.ours is not a ledger of goose"):
        reading.read(ask, "goose", "b.ours")


def test_a_ledger_that_may_not_be_read_is_said(database: str) -> None:
    """Without the right to read it, it is not taken for absent."""
    role = f"adoption_{uuid.uuid4().hex[:8]}"  # roles are the server's
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute(GOOSE)
        owner.execute(f"CREATE ROLE {role}")
        try:
            with query_client.connect(database, timeout=10, application_name="test") as connection:
                connection.query(f"SET ROLE {role}")
                with pytest.raises(errors.NotAvailable, match=r"public\.goose_db_version is the ledger of goose"):
                    reading.read(connection.query, "goose")
        finally:
            owner.execute(f"DROP ROLE {role}")


def test_reading_writes_nothing_and_needs_no_more_than_select(database: str, ask: Callable[..., object]) -> None:
    """The whole way from the table to the answers, in a transaction that may only read."""
    prisma = histories.history("prisma", histories.PRISMA)
    with psycopg.connect(database, autocommit=True) as other:
        other.execute(PRISMA.replace("'a', NULL", f"'{prisma.scripts[0].name}', NULL"))
        before = other.execute("SELECT md5(string_agg(t::text, '' ORDER BY id)) FROM _prisma_migrations t").fetchone()
        ask("BEGIN READ ONLY")
        found = reading.read(ask, "prisma")  # type: ignore[arg-type]
        ask("ROLLBACK")
        result = judgement.judge(prisma, found, objects=True)
        after = other.execute("SELECT md5(string_agg(t::text, '' ORDER BY id)) FROM _prisma_migrations t").fetchone()
    assert before == after
    assert [item.situation for item in result.verdicts] == ["edited", "not recorded"]
    assert [item.row.version for item in result.gone] == ["b", "c", "d"]
