"""The connection is lost, in the worst moments there are: the history decides, never a guess."""

import signal
from pathlib import Path

import psycopg
import pytest

from tests.conftest import Project, confirm
from tests.faults import deployers, oracle, proxy
from tests.patience import PATIENCE

_IDS = [f"app.2025010100000{number}.{slug}" for number, slug in enumerate(("one", "two", "three", "four"))]
_LOST = "the connection to the server was lost"


@pytest.fixture
def four(project: Project) -> Project:
    """Give a project of four migrations, the first of which is applied; the third is not transactional."""
    for id_ in _IDS:
        outside = "-- transactional: false\n" if id_ == _IDS[2] else ""
        project.write(id_, f"-- A table.\n{outside}CREATE TABLE app.{id_.rpartition('.')[2]} (id int);\n")
    assert project.inv("migrate", "--to", _IDS[0]).returncode == 0
    return project


def _record_of(id_: str) -> proxy.Matches:
    """Match what writes the record of a migration and commits it: nothing else has the bare id and COMMIT."""
    return lambda text: "COMMIT" in text and f"'{id_}'" in text


def _recorded(observer: psycopg.Connection) -> list[str]:
    return [row[0] for row in observer.execute("SELECT migration_id FROM schemata._yoyo_migration ORDER BY 1")]


def _said_of_history(observer: psycopg.Connection) -> str:
    applied = _recorded(observer)
    return f"The history records: {len(applied)} applied, the last is {applied[-1]}"


@pytest.mark.parametrize("id_", _IDS[1:3], ids=["transactional", "non-transactional"])
def test_lost_before_the_commit_arrives(id_: str, four: Project, observer: psycopg.Connection) -> None:
    """When the COMMIT never arrives the deployer exits 3 and says what is applied; a rerun applies each once."""
    with proxy.between(four.url) as line:
        line.cut_before(_record_of(id_))
        lost = four.inv("migrate", DATABASE_URL=line.url)
        assert line.acted.is_set()
    assert lost.returncode == 3
    assert _LOST in lost.stderr
    assert id_ not in _recorded(observer)
    assert f"{_said_of_history(observer)}.\n" in lost.stderr
    assert "Traceback" not in lost.stderr
    rerun = four.inv("migrate")
    assert rerun.returncode == 0, rerun.stderr
    oracle.assert_settled(four, four.url)


@pytest.mark.parametrize("id_", _IDS[1:3], ids=["transactional", "non-transactional"])
def test_lost_before_the_answer_arrives(id_: str, four: Project, observer: psycopg.Connection) -> None:
    """When only the answer to the COMMIT is lost the deployer exits 3 and says that it was committed."""
    with proxy.between(four.url) as line:
        line.cut_after(_record_of(id_))
        lost = four.inv("migrate", DATABASE_URL=line.url)
        assert line.acted.is_set()
    assert lost.returncode == 3
    assert _LOST in lost.stderr
    assert id_ in _recorded(observer)
    assert f"{_said_of_history(observer)}; {id_} was committed.\n" in lost.stderr
    assert "Traceback" not in lost.stderr
    rerun = four.inv("migrate")
    assert rerun.returncode == 0, rerun.stderr
    oracle.assert_settled(four, four.url)


def test_a_rollback_that_is_lost(four: Project, observer: psycopg.Connection) -> None:
    """A rollback whose answer is lost exits 3 and says that it was committed; a second one does not undo twice."""
    assert four.inv("migrate", "--to", _IDS[1]).returncode == 0
    with proxy.between(four.url) as line:
        line.cut_after(_record_of(_IDS[1]))
        lost = four.inv("rollback", confirm(line.url), DATABASE_URL=line.url)
        assert line.acted.is_set()
    assert lost.returncode == 3
    assert f"1 applied, the last is {_IDS[0]}; the rollback of {_IDS[1]} was committed.\n" in lost.stderr
    assert _recorded(observer) == [_IDS[0]]


def test_a_boot_goes_on_by_itself(four: Project) -> None:
    """A boot that loses its connection during a COMMIT tries again, applies the rest once, and exits 0."""
    four.configure('[tool.schemata.wait]\ndelay = "100ms"\n')
    with proxy.between(four.url) as line:
        line.cut_after(_record_of(_IDS[1]))
        booted = four.boot(DATABASE_URL=line.url)
        assert line.acted.is_set()
    assert booted.returncode == 0, booted.stderr
    assert _LOST in booted.stderr
    oracle.assert_settled(four, four.url)


@pytest.mark.parametrize("id_", _IDS[1:3], ids=["transactional", "non-transactional"])
def test_a_signal_between_the_commit_and_its_answer(
    id_: str, tmp_path: Path, four: Project, observer: psycopg.Connection
) -> None:
    """A SIGTERM that comes when the server has committed does not make the migration an interrupted one."""
    with proxy.between(four.url) as line:
        line.hold_answer(_record_of(id_))
        first = deployers.Deployer(four, tmp_path / "log", "migrate", f"--url={line.url}")
        assert line.acted.wait(PATIENCE)
        first.signal(signal.SIGTERM)
        line.release()
        assert first.wait() == 143, first.said()
    states = observer.execute("SELECT state FROM schemata.attempts WHERE migration_id = %s", (id_,)).fetchall()
    assert states == [("applied",)]
    rerun = four.inv("migrate")
    assert rerun.returncode == 0, rerun.stderr
    oracle.assert_settled(four, four.url)


def test_a_partition_frees_the_lock_in_bounded_time(
    tmp_path: Path, four: Project, observer: psycopg.Connection
) -> None:
    """The lock of a deployer that vanished without a word is freed by the server, and a rerun succeeds."""
    four.configure('[tool.schemata.locks]\nlock_timeout = "60s"\n')
    four.write("app.20250101000009.alter", "-- Alter.\nALTER TABLE app.one ADD COLUMN late int;\n")
    with proxy.between(four.url) as line, deployers.session(four.url) as blocker:
        blocker.execute("BEGIN; LOCK TABLE app.one IN ACCESS SHARE MODE")
        # A session that is configured more strictly than the engine does it stays so: that makes the wait short.
        bounds = "-c%20idle_in_transaction_session_timeout%3D3s%20-c%20idle_session_timeout%3D3s"
        url = f"{line.url}?options={bounds}"
        vanished = deployers.Deployer(four, tmp_path / "vanished", "migrate", f"--url={url}")
        backend = deployers.freezes(observer, "ALTER TABLE")
        line.swallow()
        vanished.signal(signal.SIGKILL)
        assert vanished.wait() == 137
        assert deployers.holder(observer) == backend
        blocker.execute("COMMIT")
        # The server finishes the statement and answers to nobody; a new migration needs the lock.
        four.write("app.20250101000010.more", "-- More.\nCREATE TABLE app.more (id int);\n")
        rerun = four.inv("migrate")
        assert rerun.returncode == 0, rerun.stderr
        assert deployers.gone(observer, backend)
    oracle.assert_settled(four, four.url)


def test_every_wait_of_the_server_for_a_deployer_is_bounded(four: Project, observer: psycopg.Connection) -> None:
    """The server itself ends a deployer's session that is silent, gone, or cut off, without being configured."""
    names = (
        "client_connection_check_interval",
        "idle_in_transaction_session_timeout",
        "idle_session_timeout",
        "tcp_keepalives_idle",
        "tcp_keepalives_interval",
        "tcp_keepalives_count",
    )
    for number, id_ in enumerate(("app.20250101000010.seen", "app.20250101000011.seen_outside")):
        outside = "-- transactional: false\n" if number else ""
        four.write(
            id_,
            f"-- Look.\n{outside}CREATE TABLE app.seen{number} AS SELECT name, setting::int FROM pg_settings\n"
            f"WHERE name IN ({', '.join(repr(name) for name in names)});\n",
        )
    assert four.inv("migrate").returncode == 0
    for number in range(2):
        seen: dict[str, int] = dict(observer.execute(f"SELECT name, setting FROM app.seen{number}").fetchall())
        assert sorted(seen) == sorted(names)
        assert all(seen.values()), seen
        # Silence is usual for a moment, between two tries for a lock; it must not end a healthy deploy.
        assert seen["idle_session_timeout"] >= 60_000
