"""Nothing that a migration does to its session reaches the next one, or the history."""

from collections.abc import Callable

import psycopg
import pytest

from schemata.postgres import lock_holder
from tests.conftest import Project
from tests.faults import deployers, oracle

# What the next migration sees of the session. A probe of settings, roles and objects that outlive a transaction.
_PROBE = """\
-- {title}.
{outside}CREATE TABLE app.seen_{number} AS SELECT
    current_setting('search_path') AS search_path,
    current_user::text AS role,
    session_user::text AS login,
    current_setting('statement_timeout') AS statement_timeout,
    current_setting('lock_timeout') AS lock_timeout,
    current_setting('session_replication_role') AS replication,
    current_setting('default_transaction_read_only') AS read_only,
    current_setting('standard_conforming_strings') AS strings,
    current_setting('client_min_messages') AS messages,
    coalesce(current_setting('app.tenant', true), '') AS tenant,
    (SELECT count(*) FROM pg_listening_channels()) AS listening,
    (SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'leak%') AS prepared,
    (SELECT count(*) FROM pg_cursors WHERE name LIKE 'leak%') AS cursors,
    (SELECT count(*) FROM pg_class WHERE relpersistence = 't' AND relname LIKE 'leak%') AS temporary,
    (SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE pid = pg_backend_pid()
        AND l.locktype = 'advisory' AND l.granted AND l.classid::bigint = {high} AND l.objid::bigint = {low}) > 0
        AS lock_held;
"""

_LEAKS = {
    "search_path": "SET search_path = pg_catalog;",
    "search_path_emptied": "SELECT pg_catalog.set_config('search_path', '', false);",
    "role": "SET ROLE pg_monitor;",
    "session_authorization": "SET SESSION AUTHORIZATION {role};",
    "timeouts": "SET statement_timeout = '20s'; SET lock_timeout = '19s';",
    "replication_role": "SET session_replication_role = replica;",
    "read_only": "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY;",
    "old_strings": "SET standard_conforming_strings = off; SET escape_string_warning = off;\n"
    "CREATE TABLE app.{name} (path text DEFAULT 'a\\\\b');",
    "quiet": "SET client_min_messages = error;",
    "custom": "SET app.tenant = 'seven'; SELECT set_config('app.other', 'x', false);",
    "listen": "LISTEN leak;",
    "prepare": "PREPARE leak_plan AS SELECT 1; EXECUTE leak_plan;",
    "cursor": "DECLARE leak_cursor CURSOR WITH HOLD FOR SELECT 1;",
    "temporary": "CREATE TEMP TABLE leak_table (id int); CREATE TEMP VIEW leak_view AS SELECT 1;",
    "temporary_head": "CREATE TEMP TABLE head (digest text); CREATE TEMP TABLE attempts (attempt int);",
    "deallocate": "DEALLOCATE ALL;",
    "unlock": "SELECT pg_advisory_unlock_all();",
    "sequence": "CREATE SEQUENCE app.{name}; SELECT nextval('app.{name}');",
}
# In a read-only session the steps of a non-transactional file cannot be noted, and the error says so.
_NOT_OUTSIDE = frozenset({"read_only"})


@pytest.mark.parametrize("transactional", [True, False], ids=["transactional", "non-transactional"])
def test_the_next_migration_finds_a_fresh_session(
    transactional: bool, project: Project, observer: psycopg.Connection, role: Callable[[], str]
) -> None:
    """Whatever a migration sets, takes or makes in its session, the next one finds the session as the first did."""
    owner = role()
    outside = "" if transactional else "-- transactional: false\n"
    leaks = {name: sql for name, sql in _LEAKS.items() if transactional or name not in _NOT_OUTSIDE}
    for number, (name, sql) in enumerate({"nothing": "", **leaks}.items()):
        text = sql.format(role=owner, name=f"made_{name}")
        project.write(f"app.202501010{number:03}00.{name}", f"-- {name}.\n{outside}{text or 'SELECT 1;'}\n")
        project.write(
            f"app.202501010{number:03}01.probe",
            _PROBE.format(
                title=name, outside=outside, number=number, high=lock_holder.KEY >> 32, low=lock_holder.KEY & 0xFFFFFFFF
            ),
        )
    migrated = project.inv("migrate")
    assert migrated.returncode == 0, migrated.stderr
    oracle.assert_settled(project, project.url)
    fresh = observer.execute("SELECT * FROM app.seen_0").fetchone()
    assert fresh is not None
    assert fresh[0] == "app, pg_catalog"
    assert fresh[-5:] == (0, 0, 0, 0, True)
    for number, name in enumerate(leaks, start=1):
        assert (name, observer.execute(f"SELECT * FROM app.seen_{number}").fetchone()) == (name, fresh)
    # Whatever a file does to how text is read, the history keeps it letter by letter.
    ran: dict[str, str] = dict(observer.execute("SELECT migration_id, applied_sql FROM schemata.attempts").fetchall())
    files = {path.stem: path.read_text() for path in (project.root / "migrations" / "app").glob("*[!k].sql")}
    assert {id_: sql for id_, sql in ran.items() if id_ in files} == {
        id_: sql for id_, sql in files.items() if id_ in ran
    }


@pytest.mark.parametrize("transactional", [True, False], ids=["transactional", "non-transactional"])
def test_discard_all_is_refused(transactional: bool, project: Project, observer: psycopg.Connection) -> None:
    """DISCARD ALL, which would let the deploy lock go, is refused with its line before anything runs."""
    outside = "" if transactional else "-- transactional: false\n"
    project.write("app.20250101000000.before", "-- Before.\nCREATE TABLE app.before (id int);\n")
    path = project.write("app.20250101000001.discard", f"-- Discard.\n{outside}DISCARD ALL;\n")
    refused = project.inv("migrate")
    assert refused.returncode == 1
    assert f"{path}:{2 if transactional else 3}: " in refused.stderr
    assert "Traceback" not in refused.stderr
    assert observer.execute("SELECT to_regclass('app.before')").fetchone() == (None,)


@pytest.mark.parametrize("transactional", [True, False], ids=["transactional", "non-transactional"])
def test_a_file_that_lets_the_lock_go_does_not_let_others_in(
    transactional: bool, project: Project, observer: psycopg.Connection
) -> None:
    """After pg_advisory_unlock_all() the deployer holds its lock again before the next migration runs."""
    project.configure('[tool.schemata.locks]\nlock_timeout = "60s"\n')
    outside = "" if transactional else "-- transactional: false\n"
    project.write("app.20250101000000.t", "-- A table.\nCREATE TABLE app.t (id int PRIMARY KEY);\n")
    assert project.inv("migrate").returncode == 0
    project.write("app.20250101000001.unlock", f"-- Unlock.\n{outside}SELECT pg_advisory_unlock_all();\n")
    project.write("app.20250101000002.alter", "-- A column.\nALTER TABLE app.t ADD COLUMN late int;\n")
    with deployers.session(project.url) as reader, deployers.running(project, "migrate") as deployer:
        reader.execute("BEGIN; LOCK TABLE app.t IN ACCESS SHARE MODE")
        backend = deployers.freezes(observer, "ALTER TABLE")
        assert deployers.holder(observer) == backend
        reader.execute("COMMIT")
        code, said = deployers.ended(deployer)
        assert code == 0, said
    oracle.assert_settled(project, project.url)
