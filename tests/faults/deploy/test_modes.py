"""A deployer is killed at a message of its own to the server, in files of each mode; one plain rerun finishes it."""

import os
import random
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from schemata import config, errors
from schemata.deploy import migrate, nontransactional, rollback
from schemata.postgres import scripts, urls
from schemata.report import progress
from tests.conftest import Project
from tests.faults import oracle

_FILES = {
    "one": "CREATE TABLE t (v int);\nCREATE TABLE u (v int);\n",
    "two": "-- Two.\n-- mode: own-transaction\nSET lock_timeout = '5s';\nBEGIN;\nINSERT INTO t VALUES (1);\n"
    "COPY t FROM stdin;\n2\n\\.\nALTER TABLE t ADD COLUMN w int;\nCOMMIT;\nRESET lock_timeout;\n",
    "three": "-- Three.\n-- mode: own-transaction\nINSERT INTO t VALUES (3);\nSET search_path = app, pg_catalog;\n"
    "BEGIN;\nINSERT INTO t VALUES (4);\nCREATE TABLE three (v int);\nCOMMIT AND CHAIN;\nINSERT INTO t VALUES (5);\n"
    "COMMIT;\nINSERT INTO t VALUES (6);\nBEGIN;\nINSERT INTO t VALUES (7);\nCOMMIT;\n",
    "four": "-- Four.\n-- mode: own-transaction\nBEGIN;\nINSERT INTO t VALUES (8);\nCOMMIT;\n"
    "CREATE INDEX CONCURRENTLY t_v ON app.t (v);\nINSERT INTO t VALUES (9);\n",
    "five": "-- Five.\n-- mode: statements\nINSERT INTO t VALUES (10);\nVACUUM t;\nSET ROLE pg_monitor;\nRESET ROLE;\n"
    "INSERT INTO t VALUES (11);\n",
    "six": "-- Six.\n-- imported-from: other six.sql -\n",
    "seven": "-- Seven.\n-- imported-from: other seven.sql -\n-- outside: by psql\n\\copy t FROM 'rows'\n",
    "eight": "INSERT INTO u VALUES (1);\n",
}
_ROLLBACK = (
    "-- mode: own-transaction\nBEGIN;\nDELETE FROM t WHERE v = 8;\nINSERT INTO u VALUES (2);\nCOMMIT;\n"
    "DROP INDEX CONCURRENTLY app.t_v;\nBEGIN;\nDELETE FROM t WHERE v = 9;\nINSERT INTO u VALUES (3);\nCOMMIT;\n"
)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Remember what a run that nobody disturbed left, and how many messages it sent."""
    return {}


@pytest.fixture
def made(tmp_path: Path, database: str) -> Project:
    """Give a project with a file in each mode."""
    project = Project(tmp_path, database)
    project.configure()
    for number, (name, sql) in enumerate(_FILES.items()):
        project.write(f"app.2025010100000{number}.{name}", sql, _ROLLBACK if name == "four" else "SELECT 1;\n")
    return project


def _killed(work: Callable[[], object], at: int, *, sent: bool) -> bool:
    """Do the work in a process that kills itself at that message, sent or not; tell whether it came so far."""
    child = os.fork()  # an interpreter that starts often takes minutes
    if child == 0:
        try:
            _count(at, sent=sent)
            work()
            os._exit(0)
        finally:
            os._exit(1)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, -signal.SIGKILL)
    return code != 0


def _count(at: int, *, sent: bool) -> None:
    real = scripts.Channel.run
    number = 0

    def run(self: scripts.Channel, text: Any, meanwhile: Any = None) -> Any:
        nonlocal number
        number += 1
        if number == at:
            if sent:
                self.connection.send(text.encoded() if isinstance(text, scripts.Tail) else text)
            os.kill(os.getpid(), signal.SIGKILL)
        return real(self, text, meanwhile)

    scripts.Channel.run = run  # type: ignore[method-assign]


def _messages(work: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Do the work, and return the messages that it sent."""
    real = scripts.Channel.run
    sent: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr(scripts.Channel, "run", lambda *given: (sent.append(str(given[1])), real(*given))[1])
        work()
    return sent


def _instants(messages: list[str]) -> tuple[list[int], list[int]]:
    """Return the messages that may change something, and those that commit a transaction of the file's own."""
    # To look at the structure takes many messages, and changes nothing.
    changing = [number for number, text in enumerate(messages, start=1) if "-- What is read" not in text]
    own = [number for number in changing if messages[number - 1] == "BEGIN"]
    return changing, [next(at for at in changing if at >= number and "COMMIT" in messages[at - 1]) for number in own]


def _chosen(instants: tuple[list[int], list[int]], seed: int, of: str) -> tuple[int, bool]:
    """Return at which message to die, and whether it is sent before."""
    anywhere, committed = instants
    if seed % 2:  # just after a COMMIT of the file's own is where something may be done and not noted
        return committed[seed // 2 % len(committed)], True
    dice = random.Random(f"{of}{seed}")
    return dice.choice(anywhere), dice.random() < 0.5


def _dumped(url: str, dump: Callable[[str], str]) -> str:
    return oracle.comparable(dump(url))


@pytest.mark.slow
def test_a_rerun_finishes_a_killed_deploy(
    seed: int,
    made: Project,
    make_database: Callable[..., str],
    dump: Callable[[str], str],
    undisturbed: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever message it was killed at, the next run leaves what one that nobody disturbed leaves, each row once."""
    settings = config.load(made.root, {})
    if "dump" not in undisturbed:
        url = make_database()
        messages = _messages(lambda: migrate.migrate(settings, url=url), monkeypatch)
        undisturbed["instants"] = _instants(messages)
        undisturbed["dump"] = _dumped(url, dump)
        oracle.assert_settled(made, url)
    at, sent = _chosen(undisturbed["instants"], seed, "deploy")
    assert _killed(lambda: migrate.migrate(settings, url=made.url), at, sent=sent)
    migrate.migrate(settings, url=made.url)
    assert _dumped(made.url, dump) == undisturbed["dump"], (at, sent)
    oracle.assert_settled(made, made.url)


@pytest.mark.slow
def test_a_rerun_finishes_a_killed_rollback(
    seed: int,
    made: Project,
    make_database: Callable[..., str],
    undisturbed: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A rollback with transactions of its own goes on where it was killed, and undoes each thing once."""
    for name in ("five", "six", "seven", "eight"):
        for path in (made.root / "migrations" / "app").glob(f"*.{name}.*sql"):
            path.unlink()
    settings = config.load(made.root, {})
    if "undo" not in undisturbed:
        url = make_database()
        migrate.migrate(settings, url=url)
        messages = _messages(lambda: rollback.rollback(settings, url=url, confirm=urls.database_of(url)), monkeypatch)
        undisturbed["undo"] = _instants(messages)
    migrate.migrate(settings, url=made.url)

    def undo() -> None:
        with psycopg.connect(made.url) as connection:
            applied = connection.execute("SELECT count(*) FROM schemata._yoyo_migration").fetchone()
        if applied == (4,):
            rollback.rollback(settings, url=made.url, confirm=urls.database_of(made.url))

    at, sent = _chosen(undisturbed["undo"], seed, "undo")
    assert _killed(undo, at, sent=sent)
    undo()
    with psycopg.connect(made.url) as connection:
        rows = connection.execute("SELECT v FROM app.t ORDER BY v").fetchall()
        assert [row[0] for row in rows] == [1, 2, 3, 4, 5, 6, 7]
        assert connection.execute("SELECT v FROM app.u ORDER BY v").fetchall() == [(2,), (3,)]
        states = connection.execute(
            "SELECT count(*) FROM schemata.attempts WHERE direction = 'rollback' AND state = 'rolled back'"
        ).fetchone()
        assert states == (1,)


def test_what_only_a_person_can_judge_is_named(made: Project) -> None:
    """A block that commits by itself, between transactions of the file's own, is named with its line when it failed."""
    made.write(
        "app.20250101000001.two",
        "-- Two.\n-- mode: own-transaction\nBEGIN;\nINSERT INTO t VALUES (1);\nCOMMIT;\n"
        "DO $$ BEGIN INSERT INTO app.t VALUES (2); COMMIT; PERFORM 1 / (SELECT count(*) - 2 FROM app.t); END $$;\n"
        "BEGIN;\nINSERT INTO t VALUES (3);\nCOMMIT;\n",
    )
    settings = config.load(made.root, {})
    with pytest.raises(errors.MigrationError, match=r"two\.sql:6:1"):
        migrate.migrate(settings, url=made.url)
    with pytest.raises(nontransactional.NeedsResolve) as refused:
        migrate.migrate(settings, url=made.url)
    lines = refused.value.message.splitlines()
    assert [line.split(":")[0].split(") ")[-1] for line in lines[1:8]] == [
        *(3 * ["done"]),
        "indeterminate",
        *(3 * ["not run"]),
    ]


def test_a_failure_says_what_stays(made: Project) -> None:
    """What fails in a transaction of the file's own is undone; those before it stay; the fixed file goes on there."""
    sql = (
        "-- Two.\n-- mode: own-transaction\nBEGIN;\nINSERT INTO t VALUES (1);\nCOMMIT;\nBEGIN;\n"
        "INSERT INTO t VALUES (2);\nINSERT INTO t VALUES ('{}');\nCOMMIT;\n"
    )
    made.write("app.20250101000001.two", sql.format("x"))
    settings = config.load(made.root, {})
    with pytest.raises(errors.MigrationError) as failed:
        migrate.migrate(settings, url=made.url)
    assert "two.sql:8:23" in failed.value.message
    assert "Its first 3 statements are committed and stay" in failed.value.hint
    made.write("app.20250101000001.two", sql.format("3"))
    migrate.migrate(settings, url=made.url, to="app.20250101000001.two")
    with psycopg.connect(made.url) as connection:
        assert connection.execute("SELECT v FROM app.t ORDER BY v").fetchall() == [(1,), (2,), (3,)]


def test_a_lock_that_is_not_free_is_tried_again(made: Project) -> None:
    """A transaction of the file's own is tried again whole, and the ones before it are not run twice."""
    made.configure("[tool.schemata.locks]\nlock_timeout = '100ms'\nbackoff = '10ms'\n")
    made.write(
        "app.20250101000001.two",
        "-- Two.\n-- mode: own-transaction\nBEGIN;\nINSERT INTO t VALUES (1);\nCOMMIT;\nBEGIN;\n"
        "INSERT INTO t VALUES (2);\nALTER TABLE u ADD COLUMN w int;\nCOMMIT;\n",
    )
    settings = config.load(made.root, {})
    migrate.migrate(settings, url=made.url, to="app.20250101000000.one")
    with psycopg.connect(made.url) as other:
        other.execute("LOCK TABLE app.u")
        heard: list[str] = []

        def info(text: str) -> None:
            heard.append(text)
            if "(try 1)" in text:
                other.rollback()

        listener = progress.Reporter(info, lambda *_: None)
        migrate.migrate(settings, url=made.url, to="app.20250101000001.two", reporter=listener)
    assert any("canceling statement due to lock timeout (try 1)" in text for text in heard)
    with psycopg.connect(made.url) as connection:
        assert connection.execute("SELECT v FROM app.t ORDER BY v").fetchall() == [(1,), (2,)]


@pytest.mark.parametrize("many", [1, 3000], ids=["small", "large"])
def test_a_row_that_is_refused_is_named_with_its_line(made: Project, many: int) -> None:
    """Rows of COPY that the server refuses are named in a transaction of the file's own too, also in a large file."""
    before = "INSERT INTO t VALUES (1); -- and some words that make the line long enough\n" * many
    sql = f"-- Two.\n-- mode: own-transaction\nBEGIN;\n{before}COPY t FROM stdin;\n1\nx\n\\.\nCOMMIT;\n"
    made.write("app.20250101000001.two", sql)
    with pytest.raises(errors.MigrationError, match=rf"two\.sql:{many + 6}:1"):
        migrate.migrate(config.load(made.root, {}), url=made.url)


@pytest.mark.parametrize("setting", ["SET search_path = other", "SELECT set_config('search_path', 'other', false)"])
def test_a_run_that_goes_on_has_the_settings_of_the_file(made: Project, setting: str) -> None:
    """What statements that are done have set is set again where a run goes on, in another session; nothing else is."""
    sql = (
        f"-- Two.\n-- mode: own-transaction\nCREATE SCHEMA other;\n{setting};\nBEGIN;\nCREATE TABLE one (v int);\n"
        "SET LOCAL search_path = app;\nCOMMIT;\nBEGIN;\nCREATE TABLE two (v int);\nSELECT 1 / {};\nCOMMIT;\n"
    )
    settings = config.load(made.root, {})
    made.write("app.20250101000001.two", sql.format(0))
    with pytest.raises(errors.MigrationError, match="division by zero"):
        migrate.migrate(settings, url=made.url)
    made.write("app.20250101000001.two", sql.format(1))
    migrate.migrate(settings, url=made.url, to="app.20250101000001.two")
    with psycopg.connect(made.url) as connection:
        tables = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'other'::regnamespace AND relkind = 'r'"
        )
        assert sorted(row[0] for row in tables) == ["one", "two"]


def test_a_single_transaction_leaves_nothing_when_it_fails(made: Project) -> None:
    """A file that is one transaction of its own is done with its record or not at all; a failure leaves nothing."""
    sql = (
        "-- Two.\n-- mode: own-transaction\nBEGIN;\nINSERT INTO t VALUES (1);\nINSERT INTO t VALUES ('{}');\nCOMMIT;\n"
    )
    made.write("app.20250101000001.two", sql.format("x"))
    settings = config.load(made.root, {})
    with pytest.raises(errors.MigrationError) as failed:
        migrate.migrate(settings, url=made.url)
    assert "Nothing of it is left" in failed.value.hint
    with psycopg.connect(made.url) as connection:
        assert connection.execute("SELECT count(*) FROM app.t").fetchone() == (0,)
        states = connection.execute("SELECT state, transactional FROM schemata.attempts ORDER BY attempt").fetchall()
        assert states == [("applied", True), ("failed", True)]
    made.write("app.20250101000001.two", sql.format("2"))
    migrate.migrate(settings, url=made.url, to="app.20250101000001.two")
