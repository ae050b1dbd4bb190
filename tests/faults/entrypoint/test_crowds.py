"""More starts at once than there are connections, wherever those are limited: nobody has one and waits for another."""

from collections.abc import Callable, Iterator

import psycopg
import pytest

from schemata.postgres import urls
from schemata.server.embedded import binaries, instance
from tests.conftest import Project
from tests.faults import deployers, pooler
from tests.faults.proxy import Proxy
from tests.patience import until

LIMIT = 4


@pytest.fixture
def pending(project: Project) -> Project:
    """Give a project with three migrations that are pending, one of which takes its time."""
    project.write(
        "app.20250101000001.one", "-- One.\nCREATE TABLE app.one (id int PRIMARY KEY);\n", "DROP TABLE app.one;\n"
    )
    project.write("app.20250101000002.two", "-- Two.\nCREATE TABLE app.two ();\nSELECT pg_sleep(1);\n")
    project.write("app.20250101000003.three", "-- Three.\nCREATE TABLE app.three ();\n", "DROP TABLE app.three;\n")
    return project


def _admit(connection: psycopg.Connection, project: Project, name: str) -> None:
    """Let the project work as a role that may do what a deployer needs, and no more."""
    connection.execute(f'GRANT CREATE, CONNECT ON DATABASE "{urls.database_of(project.url)}" TO {name}')
    project.url = deployers.as_role(project.url, name)


@pytest.fixture
def limited(
    pending: Project,
    role: Callable[[], str],
    observer: psycopg.Connection,
    request: pytest.FixtureRequest,
) -> Iterator[Project]:
    """Give the project where a role, a database or a server admits few sessions: (what, how many)."""
    what, limit = request.param
    if what == "server":
        found: binaries.Binaries = request.getfixturevalue("programs")
        settings = {"max_connections": str(limit + 3), "superuser_reserved_connections": "3"}
        with instance.temporary(found, settings=settings) as server:
            with deployers.session(server.url) as connection:
                connection.execute("CREATE ROLE deployer LOGIN PASSWORD 'deployer'")
                pending.url = server.url
                _admit(connection, pending, "deployer")
            yield pending
        return
    name = role()
    if what == "role":
        observer.execute(f"ALTER ROLE {name} CONNECTION LIMIT {limit}")
    else:
        database = urls.database_of(pending.url)
        observer.execute(f'ALTER DATABASE "{database}" CONNECTION LIMIT {limit + 1}')  # the observer is one of them
    _admit(observer, pending, name)
    yield pending


def _each_once(project: Project) -> None:
    """Check that each migration was applied and recorded exactly once."""
    with deployers.session(project.url) as connection:
        logged = connection.execute("SELECT migration_id FROM schemata._yoyo_log ORDER BY 1").fetchall()
        states = connection.execute("SELECT migration_id, state FROM schemata.attempts ORDER BY 1").fetchall()
        applied = connection.execute("SELECT applied FROM schemata.head").fetchone()
    expected = deployers.ids(project.root)
    assert [row[0] for row in logged] == expected
    assert states == [(id_, "applied") for id_ in expected]
    assert applied == (len(expected),)


def _all_well(ended: list[tuple[int, str]]) -> str:
    assert [code for code, _ in ended] == [0] * len(ended), [text for code, text in ended if code]
    said = "".join(text for _, text in ended)
    assert "the host does not answer" not in said
    assert "Traceback" not in said
    return said


@pytest.mark.parametrize(
    "limited",
    [("role", LIMIT), ("database", LIMIT), ("server", LIMIT), ("role", 1), ("database", 1)],
    indirect=True,
    ids=lambda value: f"{value[0]} {value[1]}",
)
def test_boots_at_a_limit(limited: Project, request: pytest.FixtureRequest) -> None:
    """Three times as many boots as are admitted: all end well, each migration ran once, and who waits says for what."""
    what, limit = request.node.callspec.params["limited"]
    said = _all_well(deployers.crowd(limited, 3 * limit))
    _each_once(limited)
    assert f"waiting for {urls.redact(limited.url)}: the {what} has no free connection" in said


@pytest.mark.parametrize(("mode", "size"), [("session", 10), ("transaction", 10), ("session", 1), ("transaction", 1)])
def test_boots_through_a_pool(pending: Project, tmp_path_factory: pytest.TempPathFactory, mode: str, size: int) -> None:
    """Three times as many boots as the pool has connections: all end well, and each migration ran once."""
    with pooler.running(tmp_path_factory.mktemp("pooler"), pending.url, mode, size) as through:
        _all_well(deployers.crowd(pending, 3 * size, DATABASE_URL=through(pending.url)))
    _each_once(pending)


def test_a_boot_says_that_a_pool_is_used_up(pending: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    """While another client has the pool's only connection the boot tells so, and goes on once it is given back."""
    with pooler.running(tmp_path_factory.mktemp("pooler"), pending.url, "session", 1) as through:
        url = through(pending.url)
        with deployers.session(url) as other:
            other.execute("SELECT 1")
            boot = pending.run_later("-m", "schemata.boot", DATABASE_URL=url)
            said = deployers.hears(boot, "waiting for")
            assert "the connection was accepted, but no answer came: behind a pooler" in said
        code, said = deployers.ended(boot)
        assert code == 0, said
    _each_once(pending)


@pytest.mark.parametrize("limited", [("role", 1)], indirect=True, ids=["role 1"])
def test_commands_get_along_with_one_connection(limited: Project) -> None:
    """Where a role has one connection and no more, every command and a service's start do their work."""
    limited.configure(deployers.CLIENT)
    unverified = ("--unverified", "--reason", "a test")
    commands = (
        ("migrate",),
        ("migrate-status", "--check"),
        ("smoke",),
        ("generate",),
        ("generate", "--check"),
        ("rollback", limited.confirm),
        ("migrate-baseline", "--through", "app.20250101000003.three", *unverified, limited.confirm),
        # What was rolled back is not there, whatever the baseline says: with drift it is red.
        ("migrate-status", "--check", "--no-drift"),
        ("parity", "--ignore", "*:app.*"),
        ("snapshot",),
    )
    for command in commands:
        ended = limited.inv(*command)
        assert ended.returncode == 0, (command, ended.stderr, ended.stdout)
    resolved = limited.inv("migrate-resolve", limited.confirm, "app.20250101000003.three", "--applied")
    assert (resolved.returncode, "nothing to resolve" in resolved.stderr) == (1, True), resolved.stderr


@pytest.mark.parametrize("limited", [("role", 1)], indirect=True, ids=["role 1"])
def test_a_service_starts_with_one_connection(limited: Project) -> None:
    """A start that migrates and generates the typed client needs one connection at a time."""
    limited.configure(deployers.CLIENT)
    _all_well(deployers.crowd(limited, 3, "svc"))
    _each_once(limited)
    assert (limited.root / "client" / "app_client" / "app.py").exists()


@pytest.mark.parametrize("limited", [("role", 1)], indirect=True, ids=["role 1"])
def test_migrates_at_a_limit(limited: Project) -> None:
    """Three `inv migrate` with one connection between them: all end well, and each migration ran once."""
    _all_well(deployers.crowd(limited, 3, "migrate", program="invoke"))
    _each_once(limited)


@pytest.mark.parametrize("command", ["boot", "migrate"])
def test_one_connection_from_the_first_question_to_the_last_commit(pending: Project, command: str) -> None:
    """A first deploy makes one connection, and another one only to see why a statement takes long."""
    (pending.root / "migrations" / "app" / "app.20250101000002.two.sql").write_text(
        "-- Two.\nCREATE TABLE app.two ();\n"
    )
    proxy = Proxy(pending.url)
    try:
        arguments = ("boot",) if command == "boot" else ("inv", "migrate")
        run = pending.boot if arguments == ("boot",) else pending.inv
        ended = run(*arguments[1:], DATABASE_URL=proxy.url)
        assert ended.returncode == 0, ended.stderr
        assert proxy.connections == 1
    finally:
        proxy.close()
    _each_once(pending)


@pytest.mark.parametrize("fallback", ["", "1"], ids=["libpq", "psycopg"])
def test_the_boot_that_lost_its_connection_goes_on(
    pending: Project, observer: psycopg.Connection, fallback: str
) -> None:
    """A backend that is terminated in the middle of the work is replaced by another one, and all is applied once."""
    boot = pending.run_later("-m", "schemata.boot", SCHEMATA_NO_LIBPQ=fallback)
    sleeping = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"
    (pid,) = until(lambda: observer.execute(sleeping).fetchone(), "the second migration runs")
    observer.execute("SELECT pg_terminate_backend(%s)", (pid,))
    code, said = deployers.ended(boot)
    assert code == 0, said
    assert "trying again" in said
    _each_once(pending)


@pytest.mark.parametrize("fallback", ["", "1"], ids=["libpq", "psycopg"])
def test_notices_come_while_the_statement_runs(pending: Project, observer: psycopg.Connection, fallback: str) -> None:
    """What a migration raises is told at once, with its severity and all lines of its text, and nothing else of it."""
    pending.write(
        "app.20250101000004.four",
        "-- Four.\nDO $$ BEGIN RAISE NOTICE E'grüße\\nLOCATION: here' USING DETAIL = 'no', HINT = 'no';\n"
        "RAISE WARNING 'and more'; PERFORM pg_sleep(300); END $$;\n",
    )
    process = pending.start("migrate", SCHEMATA_NO_LIBPQ=fallback)
    said = deployers.hears(process, "and more")
    assert "NOTICE: grüße\nLOCATION: here\nWARNING: and more" in said.replace("\r", "")
    # It may have been told a moment before the statement came to its sleep.
    asleep = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
    until(lambda: observer.execute(asleep).fetchone() is not None, "the statement goes on")
    process.terminate()
    code, _ = deployers.ended(process)
    assert code == 143


@pytest.mark.parametrize("fallback", ["", "1"], ids=["libpq", "psycopg"])
def test_an_error_is_told_with_all_its_fields(pending: Project, fallback: str) -> None:
    """File, line, column, SQLSTATE, detail, hint and context of a failure are the server's, whatever asks it."""
    pending.write(
        "app.20250101000004.four",
        "-- Four.\nSELECT 1;\nDO $$ BEGIN RAISE 'no' USING DETAIL = 'why', HINT='how', ERRCODE = 'P0042'; END $$;\n",
    )
    ended = pending.inv("migrate", SCHEMATA_NO_LIBPQ=fallback)
    assert ended.returncode == 1
    for text in (
        "four.sql:3:1",
        "PostgreSQL P0042: no",
        "Detail: why",
        "Hint: how",
        "Context: PL/pgSQL function",
    ):
        assert text in ended.stderr
    pending.write("app.20250101000004.four", "-- Four.\nSELECT 1;\nSELECT 'é',\n  nothing;\n")
    assert "four.sql:4:3" in pending.inv("migrate", SCHEMATA_NO_LIBPQ=fallback).stderr
