"""What cannot be judged is said: partitioned tables, roles that may not see, tables that no ANALYZE has seen."""

import dataclasses
import os
import signal
import tempfile
from pathlib import Path

import psycopg
import pytest

from schemata import config, errors
from schemata.advice import advise
from schemata.backups import backups, manifest
from schemata.backups.storage import store
from schemata.deploy import migrate
from schemata.postgres import urls
from schemata.report import progress
from schemata.server.embedded import server_state

pytestmark = pytest.mark.xdist_group("advice")

STRUCTURE = """\
-- Create measurements.

CREATE TABLE app.measurements (id bigint NOT NULL, sensor bigint NOT NULL, taken date NOT NULL, value int NOT NULL)
    PARTITION BY RANGE (taken);
CREATE TABLE app.measurements_1 PARTITION OF app.measurements FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE app.measurements_2 PARTITION OF app.measurements FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
CREATE TABLE app.notes (id bigint PRIMARY KEY, author bigint NOT NULL, body text NOT NULL);
"""
SCALE = "[app.notes]\nrows = 2_000_000\nn_distinct.id = -1\nn_distinct.author = 50_000\n"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> config.Config:
    """Return the settings of a project with a partitioned table, and one that is never analysed."""
    root = tmp_path_factory.mktemp("edges")
    folder = root / "migrations" / "app"
    folder.mkdir(parents=True)
    (folder / "app.20260101000000.one.sql").write_text(STRUCTURE)
    (folder / "app.20260101000000.one.rollback.sql").write_text("DROP TABLE app.measurements, app.notes;\n")
    return config.parse({"schemas": ["app"], "name": "edges"}, root, {}).without_backups()


@pytest.fixture(scope="module")
def edges(collecting: server_state.Server, settings: config.Config) -> str:
    """Return the URL of a database in which both were asked for what no index serves."""
    maintenance = urls.with_database(collecting.url, "postgres")
    with psycopg.connect(maintenance, autocommit=True) as connection:
        connection.execute("CREATE DATABASE edges")
    url = urls.with_database(collecting.url, "edges")
    migrate.migrate(settings, url=url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO app.measurements SELECT n, n % 4000, date '2026-01-01' + n % 59, n"
            " FROM generate_series(1, 60000) n"
        )
        connection.execute("ANALYZE app.measurements")
        connection.execute("INSERT INTO app.notes SELECT n, n % 30, 'text' FROM generate_series(1, 500) n")
        connection.execute("SELECT 1")
    with psycopg.connect(maintenance, autocommit=True) as connection:
        connection.execute("SELECT pg_stat_statements_reset()")
    with psycopg.connect(url, autocommit=True) as connection:
        for number in range(25):
            connection.execute("SELECT sum(value) FROM app.measurements WHERE sensor = %s", (number,))
            connection.execute("SELECT body FROM app.notes WHERE author = %s", (number,))
        connection.execute("SELECT value FROM app.measurements WHERE value = 5")
    return url


def test_a_partitioned_table(edges: str, settings: config.Config) -> None:
    """The advice is what a person can run in order, and what comes of that is one valid index; no file is written."""
    result = advise.advise(settings, url=edges, write=True)
    (proposal,) = result.proposals
    assert proposal.candidate.described == "sensor"
    assert len(proposal.statements) == 5
    assert result.written == ()
    assert any("No migration was written for idx_measurements_sensor" in note for note in result.notes)
    with psycopg.connect(edges, autocommit=True) as connection:
        for statement in proposal.statements:
            connection.execute(statement.encode())
        valid = connection.execute(
            "SELECT indisvalid FROM pg_index WHERE indexrelid = 'app.idx_measurements_sensor'::regclass"
        ).fetchone()
        assert valid == (True,)
        connection.execute("DROP INDEX app.idx_measurements_sensor")


def test_what_is_left_out_is_said(edges: str, settings: config.Config) -> None:
    """A table that no ANALYZE has seen, a statement that ran seldom, too short a time."""
    result = advise.advise(settings, url=edges)
    assert [reason for _, reason in result.skipped] == ["no ANALYZE has seen app.notes"]
    told = "\n".join(result.notes)
    for part in (
        "1 statement ran less than 20 times",
        "Too little workload: statements are counted for 0 min only",
        "what is unused is told from 7 days on",
        "no ANALYZE has seen them: app.notes. Run ANALYZE there.",
    ):
        assert part in told


def test_the_scale_file_stands_in(edges: str, settings: config.Config) -> None:
    """What no ANALYZE has seen has the size that the project committed; what one has seen keeps its own."""
    scale = Path(settings.migrations) / "scale.toml"
    scale.write_text(SCALE)
    try:
        result = advise.advise(settings, url=edges)
    finally:
        scale.unlink()
    assert result.skipped == ()
    assert {one.candidate.described for one in result.proposals} == {"sensor", "author"}
    before = {one.candidate.described: one.helps[0].before for one in result.proposals}
    assert before["author"] > 10_000 > before["sensor"]


def test_a_role_that_may_not_see(edges: str, settings: config.Config) -> None:
    """Nothing is judged, which is no clean bill: exit code 1, and what to grant."""
    with psycopg.connect(edges, autocommit=True) as connection:
        connection.execute("CREATE ROLE looker LOGIN PASSWORD 'x'")
    result = advise.advise(settings, url=f"postgresql://looker:x@{edges.rpartition('@')[2]}")
    assert (result.judged, result.exit_code) == (0, 1)
    told = "\n".join(result.notes)
    assert "GRANT pg_read_all_stats" in told
    assert "may not read the statistics of app.measurements" in told


def test_a_role_that_may_only_read(edges: str, settings: config.Config) -> None:
    """It is enough: nothing is written on the target, and the advice is the one that everybody gets."""
    with psycopg.connect(edges, autocommit=True) as connection:
        connection.execute("CREATE ROLE reader LOGIN PASSWORD 'x' IN ROLE pg_read_all_data, pg_read_all_stats")
    result = advise.advise(settings, url=f"postgresql://reader:x@{edges.rpartition('@')[2]}")
    assert [one.candidate.described for one in result.proposals] == ["sensor"]
    assert not [note for note in result.notes if "GRANT" in note]


@pytest.mark.usefixtures("own_programs")
def test_what_a_backup_cannot_judge(edges: str, settings: config.Config) -> None:
    """Without one nothing is made; one judges partitioned tables too, but not a table that is newer than itself."""
    with pytest.raises(errors.NotAvailable, match=r"there is no backup of .*/edges that has all schemas"):
        advise.advise(settings, url=edges, evaluator="copy")
    backups.backup(settings, url=edges, verify="none")
    (name,) = (one["name"] for one in backups.listed(settings).as_dict()["backups"])
    with psycopg.connect(edges, autocommit=True) as connection:
        connection.execute("CREATE TABLE app.newer AS SELECT n AS id FROM generate_series(1, 20000) n")
        connection.execute("ANALYZE app.newer")
        try:
            for number in range(25):
                connection.execute("SELECT id FROM app.newer WHERE id = %s", (number,))
            result = advise.advise(settings, url=edges, evaluator="copy", backup=name)
        finally:
            connection.execute("DROP TABLE app.newer")
    (proposal,) = result.proposals
    assert proposal.candidate.described == "sensor"
    assert len(proposal.statements) == 5
    reasons = {text: reason for text, reason in result.skipped if "newer" in text}
    assert list(reasons.values()) == ['it cannot be planned: relation "app.newer" does not exist']


@pytest.mark.usefixtures("own_programs")
def test_a_damaged_backup_is_refused(edges: str, settings: config.Config, tmp_path: Path) -> None:
    """What is not what was written is not restored, and nothing is judged on it."""
    own = dataclasses.replace(settings, backups=dataclasses.replace(settings.backups, directory=str(tmp_path / "kept")))
    backups.backup(own, url=edges, verify="none")
    (archive,) = (tmp_path / "kept").rglob(store.ARCHIVE)
    archive.write_bytes(archive.read_bytes()[:-1])
    with pytest.raises(manifest.BackupInvalid):
        advise.advise(own, url=edges, evaluator="copy")


@pytest.mark.usefixtures("own_programs")
def test_a_copy_is_deleted_when_a_signal_ends_it(edges: str, settings: config.Config, tmp_path: Path) -> None:
    """SIGTERM while indexes are built on it: exit code 143, and neither its server nor its data directory remain."""
    own = dataclasses.replace(settings, backups=dataclasses.replace(settings.backups, directory=str(tmp_path / "kept")))
    backups.backup(own, url=edges, verify="none")
    seen: list[str] = []

    def step(done: int, total: int, what: str) -> None:
        seen[:] = temporary_servers()
        os.kill(os.getpid(), signal.SIGTERM)

    before = temporary_servers()
    with pytest.raises(errors.Interrupted, match="the copy is deleted") as ended:
        advise.advise(own, url=edges, evaluator="copy", reporter=progress.Reporter(lambda text: None, step))
    assert ended.value.exit_code == 143
    assert len(seen) == len(before) + 1
    assert temporary_servers() == before


def temporary_servers() -> list[str]:
    """Return the data directories of the temporary servers that this process has."""
    roots = (Path("/dev/shm"), Path(tempfile.gettempdir()))
    return sorted(path.name for root in roots for path in root.glob(f"schemata-test-{os.getpid()}-*"))
