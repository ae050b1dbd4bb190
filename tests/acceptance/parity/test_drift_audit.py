"""`inv drift-audit`: who changed the structure and when, without ever being in anybody's way."""

from collections.abc import Callable

import psycopg
import pytest

from tests.acceptance.conftest import CommandLine
from tests.conftest import Project

ONE = "app.20250101000001.one"


@pytest.fixture
def audited(project: Project, schemata: CommandLine) -> Project:
    """Give a project whose database is migrated and has the audit."""
    project.write(ONE, "-- One.\nCREATE TABLE app.one (id int);\n", "DROP TABLE app.one;\n")
    assert schemata("migrate").returncode == 0
    assert schemata("drift-audit", "install").returncode == 0
    return project


def _run(url: str, *statements: str, name: str = "by hand") -> None:
    with psycopg.connect(url, application_name=name, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def test_it_notes_who_did_what_and_is_no_drift_itself(audited: Project, schemata: CommandLine) -> None:
    """A change by hand is named with role and program by status and parity; a deploy's is marked as one."""
    assert schemata.json("migrate-status")["findings"] == []
    parity = schemata.json("parity")
    assert parity["ok"] is True, parity
    audited.write("app.20250101000002.two", "-- Two.\nCREATE TABLE app.two (id int);\n", "DROP TABLE app.two;\n")
    assert schemata("migrate").returncode == 0
    _run(
        audited.url,
        "ALTER TABLE app.one ADD COLUMN extra text",
        "CREATE TEMP TABLE passing (i int)",
        "DROP TABLE passing",
        "CREATE INDEX one_id ON app.one (id)",
        "DROP INDEX app.one_id",
    )
    shown = schemata.json("drift-audit")
    seen = [(row["command"], row["object"], row["application"], row["deploy"]) for row in shown["rows"]]
    assert seen[:3] == [
        ("DROP INDEX", "app.one_id", "by hand", "no"),
        ("CREATE INDEX", "app.one_id", "by hand", "no"),
        ("ALTER TABLE", "app.one", "by hand", "no"),
    ]
    assert ("CREATE TABLE", "app.two", "yes") in [(command, what, deploy) for command, what, _, deploy in seen]
    assert not [what for _, what, _, _ in seen if "passing" in str(what) or "schemata." in str(what)]

    (finding,) = schemata.json("migrate-status", code=1)["findings"]
    assert finding["code"] == "drift"
    assert "(by hand" in finding["detail"]
    assert "ALTER TABLE app.one" in finding["detail"]
    assert "app.two" not in finding["detail"], "a deploy made it"
    ended = schemata("parity")
    assert ended.returncode == 1
    assert "ALTER TABLE app.one" in ended.stdout
    assert "column app.one.extra" in ended.stdout
    assert "schemata_audit" not in ended.stdout


def test_it_never_lets_a_statement_fail(
    audited: Project, make_role: Callable[..., str], admin: psycopg.Connection
) -> None:
    """Its table gone, of another form, or locked by somebody: the statement of the application goes through."""
    role = make_role(audited.url, "GRANT USAGE, CREATE ON SCHEMA app")
    _run(role, "CREATE TABLE app.by_role (id int)")
    with psycopg.connect(audited.url, autocommit=True) as connection:
        rows = connection.execute("SELECT role_name FROM schemata.ddl_audit WHERE object_identity = 'app.by_role'")
        assert [name for (name,) in rows.fetchall()] == [role.partition("://")[2].partition(":")[0]]
        with connection.transaction():
            connection.execute("LOCK TABLE schemata.ddl_audit")
            _run(role, "CREATE TABLE app.while_locked (id int)")
        connection.execute("ALTER TABLE schemata.ddl_audit RENAME COLUMN command TO other")
        _run(role, "CREATE TABLE app.of_another_form (id int)")
        connection.execute("DROP TABLE schemata.ddl_audit")
        _run(role, "CREATE TABLE app.gone (id int)", "DROP TABLE app.gone", "DROP TABLE app.by_role")
        found = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'app'").fetchone()
    assert found == (3,)


def test_it_is_removed_whole_and_installed_again(audited: Project, schemata: CommandLine) -> None:
    """Nothing of it is left; a second install keeps what was noted; a lost trigger is told."""
    _run(audited.url, "CREATE TABLE app.more (id int)")
    assert schemata("drift-audit", "install").returncode == 0
    assert [row["object"] for row in schemata.json("drift-audit")["rows"]] == ["app.more"]
    _run(audited.url, "DROP EVENT TRIGGER schemata_audit_drop")
    assert "event triggers are gone" in "\n".join(schemata.json("drift-audit", "show")["notes"])
    assert schemata("drift-audit", "remove").returncode == 0
    with psycopg.connect(audited.url) as connection:
        assert connection.execute("SELECT count(*) FROM pg_event_trigger").fetchone() == (0,)
        assert connection.execute("SELECT to_regclass('schemata.ddl_audit')").fetchone() == (None,)
        assert connection.execute("SELECT to_regproc('schemata.audit_ddl')").fetchone() == (None,)
    assert schemata.json("drift-audit")["installed"] is False
    assert "There is no audit" in schemata("drift-audit", "remove").stdout


def test_what_is_old_or_too_much_is_forgotten(audited: Project, schemata: CommandLine) -> None:
    """After 90 days, and beyond 10,000 rows, the oldest first."""
    with psycopg.connect(audited.url) as connection:
        connection.execute(
            "INSERT INTO schemata.ddl_audit (at, role_name, application, command, schema_name, by_deploy)"
            " SELECT now() - make_interval(days => CASE WHEN i <= 5 THEN 91 ELSE 0 END), 'r', '', 'X', '', false"
            " FROM generate_series(1, 10020) i"
        )
    schemata.json("drift-audit")
    with psycopg.connect(audited.url) as connection:
        found = connection.execute("SELECT count(*), min(number) FROM schemata.ddl_audit").fetchone()
    assert found == (10_000, 21)


def test_who_may_not_is_told(
    audited: Project, schemata: CommandLine, make_role: Callable[..., str], database: str
) -> None:
    """No superuser, no history, no such action; who may not read it gets a status without it."""
    role = make_role(
        audited.url, "GRANT USAGE ON SCHEMA app, schemata", "GRANT SELECT ON ALL TABLES IN SCHEMA schemata"
    )
    says = ("may not install or remove", "superuser", "inv drift-audit install --url URL")
    schemata.refused("drift-audit", "install", "--url", role, code=1, says=says)
    stranger = make_role(audited.url, "GRANT CONNECT ON DATABASE " + audited.url.rpartition("/")[2].partition("?")[0])
    schemata.refused("drift-audit", "install", "--url", stranger, code=1, says=says)
    says = ("may not read what the audit noted", "USAGE on the schema schemata and SELECT on schemata.ddl_audit")
    schemata.refused("drift-audit", "--url", stranger, code=1, says=says)
    schemata.refused("drift-audit", "instal", code=2, says=("install|remove|show",))
    _run(audited.url, "CREATE TABLE app.more (id int)")
    assert "CREATE TABLE app.more" in str(schemata.json("migrate-status", "--url", role, code=1)["findings"])
    _run(audited.url, f"REVOKE SELECT ON schemata.ddl_audit FROM {role.partition('://')[2].partition(':')[0]}")
    (finding,) = schemata.json("migrate-status", "--url", role, code=1)["findings"]
    assert (finding["code"], finding["detail"]) == ("drift", "")


def test_without_a_history_there_is_nothing_to_audit(project: Project, schemata: CommandLine) -> None:
    """It is a part of the history, so that comes first."""
    schemata.refused("drift-audit", "install", code=1, says=("has no history", "inv migrate"))
    assert schemata.json("drift-audit")["rows"] == []


def test_a_grant_is_named_for_the_schema_that_differs(
    audited: Project, schemata: CommandLine, make_role: Callable[..., str]
) -> None:
    """The server does not say what a GRANT is on; it is named all the same."""
    make_role(audited.url, "GRANT SELECT ON app.one")
    (finding,) = schemata.json("migrate-status", code=1)["findings"]
    assert (finding["code"], finding["schema"]) == ("drift", "app")
    assert ": GRANT" in finding["detail"]
