"""A history that lacks tables, columns or rows: repaired, or refused with what to type, and no migration runs twice."""

import random
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from schemata import config, errors
from schemata.adoption import baseline
from schemata.deploy import migrate, plans, repair, rollback
from schemata.history import damage, layout, status
from schemata.postgres import urls
from schemata.server.embedded import binaries, server_state
from tests.conftest import Project

IDS = tuple(f"app.2025010100000{number}.m{number}" for number in range(1, 6))
PENDING = "app.20250101000006.m6"
ROUNDS = 6  # of damages for each seed

_NON_TRANSACTIONAL = (3,)


def _write(project: Project, number: int, migration_id: str) -> None:
    head = "-- transactional: false\n" if number in _NON_TRANSACTIONAL else ""
    table = "CREATE TABLE app.runs (id text);\n" if number == 1 else ""
    project.write(
        migration_id,
        f"-- Migration {number}.\n{head}{table}INSERT INTO app.runs VALUES ('{migration_id}');\n",
        f"DELETE FROM app.runs WHERE id = '{migration_id}';\n",
    )


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory, server: server_state.Server, admin: psycopg.Connection) -> str:
    """Give the name of a database with five migrations applied, to clone."""
    name = "damaged_template"
    admin.execute(f"DROP DATABASE IF EXISTS {name}")
    admin.execute(f"CREATE DATABASE {name}")
    project = _project(tmp_path_factory.mktemp("template"), urls.with_database(server.url, name))
    migrate.migrate(config.load(project.root, {}), url=project.url)
    return name


def _project(root: Path, url: str, *, pending: bool = False) -> Project:
    root.mkdir(exist_ok=True)
    project = Project(root, url)
    project.configure()
    for number, migration_id in enumerate((*IDS, PENDING) if pending else IDS, start=1):
        _write(project, number, migration_id)
    return project


class Damaged:
    """A database whose history is damaged, with one migration pending."""

    def __init__(self, root: Path, url: str, programs: binaries.Binaries) -> None:
        self.settings = config.load(_project(root, url, pending=True).root, {})
        self.url = url
        self._programs = programs

    def execute(self, text: str) -> None:
        """Run SQL; a statement that the server refuses changes nothing."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(text)  # type: ignore[call-overload]

    def runs(self) -> list[str]:
        """Return which migrations have run, once for each time."""
        with psycopg.connect(self.url) as connection:
            return [row[0] for row in connection.execute("SELECT id FROM app.runs ORDER BY id")]

    def dump(self) -> str:
        """Return all that the database holds."""
        command = [str(self._programs.program("pg_dump")), "--restrict-key=x", f"--dbname={self.url}"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def migrate(self) -> None:
        """Migrate."""
        migrate.migrate(self.settings, url=self.url)

    def status(self) -> set[tuple[str, int]]:
        """Return the code and the exit code of each finding."""
        found = status.status_of(self.settings, url=self.url).compared.findings
        return {(finding.code, finding.exit_code) for finding in found}

    def told_of_head(self) -> tuple[str, str]:
        """Return what a status says of the summary, and what to do."""
        (found,) = status.status_of(self.settings, url=self.url).compared.of("head")
        return found.text, found.remedy

    def assert_whole(self) -> None:
        """Each migration ran once and is recorded once; the tables are what they have to be."""
        assert self.runs() == [*IDS, PENDING]
        with psycopg.connect(self.url) as connection:
            rows = connection.execute("SELECT migration_id FROM schemata._yoyo_migration ORDER BY 1").fetchall()
            assert [row[0] for row in rows] == [*IDS, PENDING]
            heads = connection.execute("SELECT applied, last_id, structure IS NOT NULL FROM schemata.head").fetchall()
            assert heads == [(6, PENDING, True)]
            assert connection.execute("SELECT version FROM schemata._yoyo_version").fetchall() == [(2,)]
        assert {code for code, exit_code in self.status() if exit_code} == set()
        assert not {code for code, _ in self.status()} & {"head", "history-damaged", "record-lost"}
        before = self.dump()
        self.migrate()
        assert self.dump() == before


@pytest.fixture
def damaged(tmp_path: Path, make_database: Callable[..., str], migrated: str, programs: binaries.Binaries) -> Damaged:
    """Give a clone of the migrated database."""
    return Damaged(tmp_path, make_database(migrated), programs)


# --- each state by name

TABLES = tuple(layout.TABLES)

REPAIRED = {
    "head dropped": "DROP TABLE schemata.head",
    "head emptied": "TRUNCATE schemata.head",
    "head has two rows": "ALTER TABLE schemata.head DROP CONSTRAINT head_is_one_row, DROP CONSTRAINT head_pkey;"
    " INSERT INTO schemata.head (one, digest, applied) VALUES (false, 'x', 3)",
    "head wrong": "UPDATE schemata.head SET digest = repeat('0', 64), applied = 2",
    "head of another form": "ALTER TABLE schemata.head DROP digest, DROP one, ALTER applied TYPE text",
    "log dropped": "DROP TABLE schemata._yoyo_log",
    "log and head dropped": "DROP TABLE schemata._yoyo_log, schemata.head",
    "version dropped": "DROP TABLE schemata._yoyo_version",
    "version emptied": "TRUNCATE schemata._yoyo_version",
    "lock dropped": "DROP TABLE schemata.yoyo_lock",
    "_yoyo_migration dropped": "DROP TABLE schemata._yoyo_migration",
    "_yoyo_migration emptied": "TRUNCATE schemata._yoyo_migration",
    "a row of _yoyo_migration": f"DELETE FROM schemata._yoyo_migration WHERE migration_id = '{IDS[1]}'",
    "hash of _yoyo_migration": "ALTER TABLE schemata._yoyo_migration DROP migration_hash",
    "time of _yoyo_migration": "ALTER TABLE schemata._yoyo_migration DROP applied_at_utc",
    "attempts dropped": "DROP TABLE schemata.attempts",
    "a row of attempts": f"DELETE FROM schemata.attempts WHERE migration_id = '{IDS[1]}'",
    "attempts without optional columns": "ALTER TABLE schemata.attempts DROP schema_name, DROP fingerprint,"
    " DROP started_at, DROP finished_at, DROP error_line",
    "attempts without defaults": "ALTER TABLE schemata.attempts ALTER attempt DROP IDENTITY,"
    " ALTER statements_done DROP DEFAULT, ALTER started_at DROP DEFAULT",
    "attempts with text for boolean": "ALTER TABLE schemata.attempts ALTER transactional TYPE text",
    "short column": "ALTER TABLE schemata._yoyo_migration ALTER migration_id TYPE varchar(40)",
    "no primary key": "ALTER TABLE schemata._yoyo_migration DROP CONSTRAINT _yoyo_migration_pkey",
    "all but the records": "DROP TABLE schemata._yoyo_log, schemata._yoyo_version, schemata.yoyo_lock",
}


@pytest.mark.parametrize("name", REPAIRED)
def test_what_can_be_derived_is_repaired_and_said(damaged: Damaged, name: str) -> None:
    """Status names it with exit 0 and changes nothing; a migrate repairs it, goes on, and each migration ran once."""
    damaged.execute(REPAIRED[name])
    before = damaged.dump()
    found = damaged.status()
    assert {code for code, exit_code in found if exit_code} == {"pending"}, found
    assert {code for code, _ in found} & {"history-damaged", "record-lost", "head", "unverified"}, found
    assert damaged.dump() == before
    damaged.migrate()
    damaged.assert_whole()


REFUSED = {
    "attempts and head dropped": (
        "DROP TABLE schemata.attempts, schemata.head",
        "the table attempts is missing, and nothing else tells",
    ),
    "attempts dropped in a migration": (
        "UPDATE schemata.head SET structure = NULL; DROP TABLE schemata.attempts",
        "the table attempts is missing, and nothing else tells",
    ),
    "_yoyo_migration and head dropped": (
        "DROP TABLE schemata._yoyo_migration, schemata.head",
        f"{IDS[0]}: has no row in _yoyo_migration, but the table attempts or yoyo's log has it as applied",
    ),
    "a row and the head": (
        f"DELETE FROM schemata._yoyo_migration WHERE migration_id = '{IDS[1]}'; TRUNCATE schemata.head",
        f"{IDS[1]}: has no row in _yoyo_migration, but the table attempts or yoyo's log has it as applied",
    ),
    "only the log is left": (
        "DROP TABLE schemata._yoyo_migration, schemata.head, schemata.attempts",
        f"{IDS[4]}: has no row in _yoyo_migration, but the table attempts or yoyo's log has it as applied",
    ),
    "only the head is left": (
        "TRUNCATE schemata._yoyo_migration, schemata.attempts, schemata._yoyo_log",
        "5 are recorded nowhere else",
    ),
    "a row in three tables": (
        "".join(
            f"DELETE FROM schemata.{table} WHERE migration_id = '{IDS[2]}';"
            for table in ("_yoyo_migration", "attempts", "_yoyo_log")
        ),
        "1 are recorded nowhere else",
    ),
    "attempts without checksums": ("ALTER TABLE schemata.attempts DROP checksum", "has no column checksum"),
    "_yoyo_migration without ids": (
        "ALTER TABLE schemata._yoyo_migration DROP migration_id",
        "has no column migration_id",
    ),
    "head is a view": (
        "ALTER TABLE schemata.head RENAME TO other; CREATE VIEW schemata.head AS SELECT * FROM schemata.other",
        '"schemata".head is not a table',
    ),
    "values that cannot be cast": (
        "ALTER TABLE schemata.attempts ALTER transactional TYPE text USING 'perhaps'",
        "perhaps",
    ),
    "a row twice": (
        "ALTER TABLE schemata._yoyo_migration DROP CONSTRAINT _yoyo_migration_pkey;"
        " INSERT INTO schemata._yoyo_migration SELECT * FROM schemata._yoyo_migration LIMIT 1",
        "has no primary key",
    ),
    "everything dropped": ("DROP SCHEMA schemata CASCADE", "no migration is recorded"),
    "everything emptied": (
        "TRUNCATE schemata._yoyo_migration, schemata.attempts, schemata._yoyo_log, schemata.head",
        "no migration is recorded",
    ),
}


@pytest.mark.once  # what is told; the reading and the repair of others run on each server
@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_derived_is_refused_with_what_to_type(damaged: Damaged, name: str) -> None:
    """Nothing is changed; the difference and a command are told; that command leads to a history that is whole."""
    make, told = REFUSED[name]
    damaged.execute(make)
    before = damaged.dump()
    with pytest.raises(errors.MigrationError) as raised:
        damaged.migrate()
    assert told in raised.value.message
    assert raised.value.exit_code == 1
    if told != "no migration is recorded" and told != "has no primary key":  # a rollback has nothing to do, or does it
        with pytest.raises(errors.MigrationError):
            rollback.rollback(damaged.settings, confirm=urls.database_of(damaged.url), url=damaged.url)
    assert _strip(damaged.dump()) == _strip(before)
    _follow(damaged, raised.value)
    damaged.migrate()
    damaged.assert_whole()


def test_a_lost_record_is_resolved_one_by_one(damaged: Damaged) -> None:
    """A person says of each what became of it: applied, or nothing of it is there."""
    damaged.execute(
        f"DELETE FROM schemata._yoyo_migration WHERE migration_id IN ('{IDS[1]}', '{IDS[4]}'); "
        f"TRUNCATE schemata.head; DELETE FROM app.runs WHERE id = '{IDS[4]}'"
    )
    assert ("record-lost", 1) in damaged.status()
    with pytest.raises(plans.DeployRefused) as raised:
        damaged.migrate()
    for part in (IDS[1], IDS[4], "inv migrate-resolve ID --applied", "inv migrate-resolve ID --rolled-back"):
        assert part in str(raised.value)
    _resolve(damaged, IDS[1], applied=True, rolled_back=False)
    _resolve(damaged, IDS[4], applied=False, rolled_back=True)
    damaged.migrate()
    damaged.assert_whole()


def _forget(*numbers: int) -> str:
    """Return SQL that removes each row of these migrations but the summary."""
    ids = ", ".join(f"'{IDS[number - 1]}'" for number in numbers)
    tables = ("_yoyo_migration", "attempts", "_yoyo_log")
    return "; ".join(f"DELETE FROM schemata.{table} WHERE migration_id IN ({ids})" for table in tables)


@pytest.mark.once
@pytest.mark.parametrize(
    ("numbers", "more", "too_early"),
    [
        ((5,), "", IDS[3]),
        ((4, 5), "", IDS[3]),
        ((2, 5), "", IDS[1]),
        ((5,), "UPDATE schemata.head SET applied = 4", IDS[3]),
        ((5,), "ALTER TABLE schemata.head DROP digest", IDS[3]),
    ],
)
def test_the_last_that_tells_of_a_migration_is_not_removed(
    damaged: Damaged, numbers: tuple[int, ...], more: str, too_early: str
) -> None:
    """The advice names the summary's last; a baseline that leaves it unexplained is refused, with nothing changed."""
    damaged.execute(f"{_forget(*numbers)}; {more}")
    before = _strip(damaged.dump())
    with pytest.raises(errors.MigrationError) as told:
        damaged.migrate()
    for _ in range(2):
        with pytest.raises(damage.HistoryDamaged, match="recorded nowhere else"):
            _baseline(damaged, through=too_early)
        with pytest.raises(plans.DeployRefused):
            damaged.migrate()
    assert _strip(damaged.dump()) == before
    through = _typed(r"migrate-baseline --through (\S+)", told.value).split()[-1]
    assert through == IDS[4]
    _baseline(damaged, through=through)
    damaged.migrate()
    damaged.assert_whole()


def test_what_the_summary_alone_tells_is_resolved_one_by_one(damaged: Damaged) -> None:
    """The summary stays until all that it counts is told; what a person calls undone runs again."""
    damaged.execute(f"{_forget(4, 5)}; DELETE FROM app.runs WHERE id = '{IDS[4]}'")
    with pytest.raises(errors.MigrationError, match="2 are recorded nowhere else"):
        damaged.migrate()
    _resolve(damaged, IDS[3], applied=True, rolled_back=False)
    with pytest.raises(errors.MigrationError, match="1 are recorded nowhere else") as told:
        damaged.migrate()
    assert f"inv migrate-resolve {IDS[4]} --rolled-back" in str(told.value)
    _resolve(damaged, IDS[4], applied=False, rolled_back=True)
    damaged.migrate()
    damaged.assert_whole()


def test_a_lost_row_beside_one_that_only_the_summary_counts(damaged: Damaged) -> None:
    """To resolve the one does not remove what tells of the other."""
    damaged.execute(f"{_forget(5)}; DELETE FROM schemata._yoyo_migration WHERE migration_id = '{IDS[1]}'")
    _resolve(damaged, IDS[1], applied=True, rolled_back=False)
    with pytest.raises(errors.MigrationError, match="1 are recorded nowhere else"):
        damaged.migrate()
    _resolve(damaged, IDS[4], applied=True, rolled_back=False)
    damaged.migrate()
    damaged.assert_whole()


def test_the_digest_tells_that_another_one_is_missing(damaged: Damaged) -> None:
    """As many as the summary counts, but not those: neither a baseline nor a resolve takes the place of the other."""
    late = "app.20250101000002.late"
    damaged.execute(_forget(3))
    (damaged.settings.migrations / "app" / f"{late}.sql").write_text("-- Late.\nSELECT 1;\n")
    with pytest.raises(damage.HistoryDamaged, match="is not what is missing"):
        _baseline(damaged, through=late)
    with pytest.raises(damage.HistoryDamaged, match="is not what is missing"):
        _resolve(damaged, late, applied=True, rolled_back=False)
    (damaged.settings.migrations / "app" / f"{late}.sql").unlink()
    _resolve(damaged, IDS[2], applied=True, rolled_back=False)
    damaged.migrate()
    damaged.assert_whole()


HEAD_LOST = {
    "emptied": "DELETE FROM schemata.head",
    "dropped": "DROP TABLE schemata.head",
    "of two rows": "ALTER TABLE schemata.head DROP CONSTRAINT head_is_one_row, DROP CONSTRAINT head_pkey;"
    " INSERT INTO schemata.head (one, digest, applied) VALUES (false, 'x', 3)",
}


@pytest.mark.once
@pytest.mark.parametrize("name", HEAD_LOST)
def test_without_a_summary_nothing_is_applied_before_what_is_applied(damaged: Damaged, name: str) -> None:
    """Neither out of order nor by a repair on the way; a person says of each what became of it."""
    damaged.execute(f"{_forget(1, 2)}; {HEAD_LOST[name]}")
    before = _strip(damaged.dump())
    assert ("record-lost", 1) in damaged.status()
    for allow in (False, True):
        with pytest.raises(plans.DeployRefused) as told:
            migrate.migrate(damaged.settings, url=damaged.url, allow_out_of_order=allow)
        for part in (IDS[0], IDS[1], f"migrate-baseline --through {IDS[4]}", "migrate-resolve ID --rolled-back"):
            assert part in str(told.value)
    with pytest.raises(plans.DeployRefused):
        rollback.rollback(damaged.settings, confirm=urls.database_of(damaged.url), url=damaged.url)
    assert _strip(damaged.dump()) == before
    _baseline(damaged, through=IDS[0])
    with pytest.raises(plans.DeployRefused) as told:
        migrate.migrate(damaged.settings, url=damaged.url, allow_out_of_order=True)
    assert f"inv migrate-resolve {IDS[1]} --applied" in str(told.value)
    _resolve(damaged, IDS[1], applied=True, rolled_back=False)
    damaged.migrate()
    damaged.assert_whole()


def test_without_a_summary_a_person_makes_one_pending_again(damaged: Damaged) -> None:
    """What is resolved as rolled back is pending, and runs where it is allowed to."""
    damaged.execute(f"{_forget(1, 2)}; TRUNCATE schemata.head; DELETE FROM app.runs WHERE id = '{IDS[1]}'")
    _resolve(damaged, IDS[0], applied=True, rolled_back=False)
    with pytest.raises(plans.DeployRefused, match="record"):
        migrate.migrate(damaged.settings, url=damaged.url, allow_out_of_order=True)
    _resolve(damaged, IDS[1], applied=False, rolled_back=True)
    migrate.migrate(damaged.settings, url=damaged.url, allow_out_of_order=True)
    damaged.assert_whole()


@pytest.mark.parametrize(
    "make", ["DROP TABLE schemata.attempts", "DELETE FROM schemata.attempts", "UPDATE schemata.head SET applied = 9"]
)
def test_what_a_status_says_of_the_summary_is_true(damaged: Damaged, make: str) -> None:
    """Numbers that agree are not told as a difference, and what is said to repair it does."""
    damaged.execute(make)
    text, remedy = damaged.told_of_head()
    assert ("count 5 applied migrations each" in text) == ("attempts" in make), text
    assert remedy.endswith("; `inv migrate` corrects the summary."), remedy
    damaged.migrate()
    damaged.assert_whole()


@pytest.mark.parametrize(
    "make",
    [
        "TRUNCATE schemata._yoyo_migration, schemata.attempts",
        f"{_forget(1)}; TRUNCATE schemata.head, schemata._yoyo_version",
    ],
)
def test_a_status_promises_no_repair_that_is_refused(damaged: Damaged, make: str) -> None:
    """What a migrate would repair is told to wait for what a person decides."""
    damaged.execute(make)
    found = status.status_of(damaged.settings, url=damaged.url).compared.findings
    with pytest.raises(plans.DeployRefused):
        damaged.migrate()
    remedies = [finding.remedy for finding in found if "`inv migrate` " in finding.remedy]
    assert remedies
    assert all("once the" in remedy for remedy in remedies), remedies


def _baseline(damaged: Damaged, *, through: str) -> None:
    name = urls.database_of(damaged.url)
    baseline.baseline(damaged.settings, through=through, confirm=name, url=damaged.url)


def _resolve(damaged: Damaged, migration_id: str, *, applied: bool, rolled_back: bool) -> None:
    name = urls.database_of(damaged.url)
    repair.resolve(
        damaged.settings, migration_id, applied=applied, rolled_back=rolled_back, confirm=name, url=damaged.url
    )


def _strip(dump: str) -> str:
    """Return a dump without what a refusal under the lock may still have used up."""
    return re.sub(r"SELECT pg_catalog\.setval.*", "", dump)


def _follow(damaged: Damaged, error: errors.Error) -> None:
    """Do what the message says, as a person would who knows that all five are applied."""
    text = str(error)
    if "SET SCHEMA" in text:
        (typed,) = re.findall(r"CREATE SCHEMA schemata_damaged;.*", text)
        if ".TABLE " in typed:  # the message cannot tell which one it is
            named = re.search(r'"?schemata"?\.(\w+)', error.message)
            typed = typed.replace(".TABLE ", f".{named[1] if named else 'attempts'} ")
        damaged.execute(typed)
    assert "inv migrate-baseline --through" in text
    try:
        _baseline(damaged, through=IDS[-1])
    except damage.HistoryDamaged as refused:
        # The summary counts what never was: a person who knows that says so, then again.
        damaged.execute(_typed(r'DELETE FROM "schemata"\.head;', refused))
        _baseline(damaged, through=IDS[-1])


def _typed(pattern: str, error: errors.Error) -> str:
    """Return what a message tells to type."""
    found = re.search(pattern, str(error))
    assert found, str(error)
    return found[0]


# --- and at random


def _damages(chance: random.Random) -> Iterator[str]:
    """Give SQL that damages one of the history's tables in some way; what the server refuses is none."""
    table = chance.choice(TABLES)
    wanted = layout.TABLES[table]
    column = chance.choice(sorted(wanted.columns))
    migration_id = chance.choice(IDS)
    yield chance.choice(
        [
            f"DROP TABLE schemata.{table}",
            f"TRUNCATE schemata.{table}",
            f"ALTER TABLE schemata.{table} DROP COLUMN {column}",
            f"ALTER TABLE schemata.{table} DROP COLUMN {column}",
            f"ALTER TABLE schemata.{table} ALTER COLUMN {column} TYPE text USING {column}::text",
            f"ALTER TABLE schemata.{table} ALTER COLUMN {column} TYPE bytea USING convert_to({column}::text, 'UTF8')",
            f"ALTER TABLE schemata.{table} ALTER COLUMN {column} DROP DEFAULT",
            f"ALTER TABLE schemata.{table} ALTER COLUMN {column} DROP NOT NULL",
            f"ALTER TABLE schemata.{table} DROP CONSTRAINT {table}_pkey",
            f"DELETE FROM schemata.{table} WHERE migration_id = '{migration_id}'",
            f"DELETE FROM schemata.{table} WHERE migration_id >= '{migration_id}'",
            f"ALTER TABLE schemata.{table} ADD COLUMN extra int",
            "UPDATE schemata.head SET structure = NULL",
            f"UPDATE schemata.head SET applied = {chance.randrange(9)}",
            f"UPDATE schemata.head SET digest = '{chance.getrandbits(256):064x}'",
            f"DELETE FROM schemata._yoyo_migration WHERE migration_id = '{migration_id}'",
            # Of the last one nothing would tell at all where the summary is lost too.
            _forget(early := chance.randrange(1, len(IDS))),
            f"{_forget(early)}; TRUNCATE schemata.head",
        ]
    )


def test_a_history_damaged_at_random_is_repaired_or_refused(
    seed: int,
    make_database: Callable[..., str],
    migrated: str,
    programs: binaries.Binaries,
    tmp_path: Path,
) -> None:
    """Up to three tables are damaged: no traceback, nothing runs twice, and what the refusal says leads out."""
    for number in range(ROUNDS):
        chance = random.Random(f"{seed} {number}")
        damaged = Damaged(tmp_path / str(number), make_database(migrated), programs)
        damages = [text for _ in range(chance.randint(1, 3)) for text in _damages(chance)]
        done = []
        for text in damages:
            try:
                damaged.execute(text)
                done.append(text)
            except psycopg.Error:
                continue
        _survives(damaged, "; ".join(done))


def _survives(damaged: Damaged, what: str) -> None:
    before = damaged.dump()
    found: set[tuple[str, int]] = set()
    told = _refusal(lambda: found.update(damaged.status()), what)
    found |= {("unreadable", told.exit_code)} if told else set()
    assert damaged.dump() == before, what
    refused = _refusal(damaged.migrate, what)
    # What a status lets pass without a person a migrate does, and the other way round.
    assert ({code for code, exit_code in found if exit_code} <= {"pending"}) == (refused is None), (what, found)
    if refused is not None:
        _refusal(lambda: migrate.migrate(damaged.settings, url=damaged.url, allow_out_of_order=True), what)
        assert damaged.runs() == list(IDS), what
        _follow(damaged, refused)
        damaged.migrate()
    try:
        damaged.assert_whole()
    except AssertionError as error:
        raise AssertionError(f"after: {what}") from error


def _refusal(run: Callable[[], None], what: str) -> errors.Error | None:
    """Return the error that ends a command for a person; anything else that goes wrong fails the test."""
    try:
        run()
    except errors.Error as error:
        if error.exit_code != errors.NEEDS_PERSON or "inv " not in str(error):
            raise AssertionError(f"after: {what}: {error}") from error
        return error
    except Exception as error:
        raise AssertionError(f"after: {what}: {error!r}") from error
    return None
