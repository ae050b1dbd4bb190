"""What a file sets in its session is gone after it: neither the next file nor the record of its own depends on it."""

from pathlib import Path

import psycopg
import pytest

from schemata import config
from schemata.deploy import migrate
from tests.conftest import Project

_PROBE = """CREATE TABLE app.{name} AS
SELECT name, setting FROM pg_settings WHERE name NOT IN ('application_name', 'transaction_isolation')
UNION ALL SELECT 'prepared', count(*)::text FROM pg_prepared_statements WHERE name <> 'schemata_record'
UNION ALL SELECT 'role', current_user || session_user
UNION ALL SELECT 'temporary', count(*)::text FROM pg_class WHERE relnamespace = pg_my_temp_schema()
UNION ALL SELECT 'listening', count(*)::text FROM pg_listening_channels();
"""
# What dumps and other tools' files begin with, and some more.
_SETTINGS = """SET statement_timeout = 0;
SET lock_timeout = 0;
SET client_encoding = 'SQL_ASCII';
SET standard_conforming_strings = off;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = error;
SET row_security = off;
SET default_tablespace = '';
SET default_table_access_method = heap;
SET session_replication_role = replica;
SET timezone = 'Asia/Tokyo';
SET datestyle = 'SQL, DMY';
SET idle_in_transaction_session_timeout = '3s';
SET app.kept = 'x';
SELECT set_config('app.other', 'y', false);
CREATE TEMP TABLE here (v int);
PREPARE something AS SELECT 1;
LISTEN something;
SET ROLE pg_monitor;
"""
_IN_MODE = {
    "transaction": _SETTINGS,
    "statements": f"{_SETTINGS}RESET ROLE;\nVACUUM pg_catalog.pg_class;\nSET ROLE pg_monitor;\n",
    "own-transaction": f"{_SETTINGS}BEGIN;\nSET search_path = nowhere;\nRESET ROLE;\nCREATE TABLE app.made (v int);\n"
    "SET SESSION AUTHORIZATION pg_monitor;\nCOMMIT;\n",
}


@pytest.mark.parametrize("mode", _IN_MODE)
def test_what_a_file_sets_is_gone_after_it(mode: str, tmp_path: Path, database: str) -> None:
    """The session of the next file is that of the first, whatever the one between has set, in each of the modes."""
    project = Project(tmp_path, database)
    project.configure()
    project.write("app.20250101000000.one", _PROBE.format(name="before"), "DROP TABLE before;\n")
    project.write("app.20250101000001.two", f"-- Two.\n-- mode: {mode}\n{_IN_MODE[mode]}", "SELECT 1;\n")
    project.write("app.20250101000002.three", _PROBE.format(name="after"), "DROP TABLE after;\n")
    assert len(migrate.migrate(config.load(tmp_path, {}), url=database).done) == 3
    with psycopg.connect(database) as connection:
        changed = connection.execute(
            "SELECT a.name, b.setting, a.setting FROM app.after a FULL JOIN app.before b USING (name) "
            "WHERE a.setting IS DISTINCT FROM b.setting"
        ).fetchall()
        states = connection.execute("SELECT migration_id, state FROM schemata.attempts ORDER BY attempt").fetchall()
    assert not changed
    assert [state for _, state in states] == ["applied"] * 3


@pytest.mark.parametrize("mode", ["transaction", "own-transaction"])
def test_the_text_that_ran_is_recorded_as_it_is(mode: str, tmp_path: Path, database: str) -> None:
    """A file that is right to say that it is UTF-8, and one that changes how strings are read, are kept as they are."""
    project = Project(tmp_path, database)
    project.configure()
    body = (
        "SET client_encoding = 'UTF8';\nSET standard_conforming_strings = off;\n"
        "CREATE TABLE app.t (v text DEFAULT 'é');\n"
    )
    begin, commit = ("BEGIN;\n", "COMMIT;\n") if mode == "own-transaction" else ("", "")
    sql = f"-- Two — three.\n-- mode: {mode}\n{begin}{body}{commit}"
    project.write("app.20250101000000.one", sql, None)
    migrate.migrate(config.load(tmp_path, {}), url=database)
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT applied_sql FROM schemata.attempts").fetchone() == (sql,)
