"""What `inv change-new` writes runs on the first try, under both versions of the application, and back again."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from schemata import config
from schemata.changes.authoring import change_new
from schemata.lint import lint
from schemata.migrations import files, migration
from tests.conftest import Project
from tests.integration.changes.cases import CASES, SEED, Case

DUAL = ("rename-column", "app.clients", "full_name", "display_name", "--strategy", "dual")
_FLAGS = ("strategy", "using", "back", "default", "into", "to", "name")
Dump = Callable[[str], str]


@pytest.fixture(scope="module")
def seeded(admin: psycopg.Connection) -> Iterator[str]:
    """Make the database of the seed once; tests clone it."""
    name = "changes_seed"
    admin.execute(f"CREATE DATABASE {name}")
    with psycopg.connect(admin.info.dsn, password=admin.info.password, dbname=name, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA app")
        connection.execute(SEED)
    yield name
    admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def repository(tmp_path: Path, make_database: Callable[..., str], seeded: str) -> Project:
    """Give a project whose database is the seed; its first migration makes it."""
    made = Project(tmp_path, make_database(seeded))
    made.configure()
    made.write("app.20250101000000.seed", SEED, "SELECT 1;\n")
    return made


def write(project: Project, *words: str, id_: str = "") -> tuple[migration.Migration, ...]:
    """Write a change and return its files, with their rollbacks."""
    plain, given = [], dict.fromkeys(_FLAGS, "")
    left = list(words)
    while left:
        word = left.pop(0)
        if word.startswith("--"):
            given[word[2:]] = left.pop(0)
        else:
            plain.append(word)
    settings = config.load(project.root, {})
    change_new.new(settings, plain, given, id_=id_, url=project.url)
    read = files.with_rollbacks(files.read(settings.migrations, settings.schemas))
    return tuple(item for item in read if item.directives.change)


def statements(text: str, mode: str) -> list[str]:
    """Return what is sent at a time: the whole file, or each of its statements (none has a semicolon within)."""
    if mode != "statements":
        return [text]
    bare = re.sub(r"^--.*$", "", text, flags=re.MULTILINE)
    return [part for part in bare.split(";") if part.strip()]


class Applied:
    """A database on which files are run as psql would."""

    def __init__(self, url: str) -> None:
        self.connection = psycopg.connect(url, autocommit=True)
        self.connection.execute("SET search_path = app, pg_catalog")

    def do(self, items: list[migration.Migration]) -> None:
        """Run files in their order."""
        for item in items:
            self._run(item.sql, item.directives.mode)

    def undo(self, items: list[migration.Migration]) -> None:
        """Run the rollbacks of files, the last one first."""
        for item in reversed(items):
            self._run(item.rollback_sql, item.rollback_mode)

    def _run(self, text: str, mode: str) -> None:
        for statement in statements(text, mode):
            if mode == "statements":
                self.connection.execute(statement)
            else:
                with self.connection.transaction():
                    self.connection.execute(statement)

    def ask(self, wanted: tuple[tuple[str, list[tuple[object, ...]] | None], ...]) -> None:
        """Run the statements of a version, and compare what they answer."""
        for sql, rows in wanted:
            cursor = self.connection.execute(sql)
            if rows is not None:
                assert cursor.fetchall() == rows, sql

    def verify(self, item: migration.Migration) -> int:
        """Return how many rows are not done, as the file itself counts them, else by its own WHERE."""
        query = item.directives.verify
        if not query:
            where = item.sql.rpartition("WHERE")[2].strip().rstrip(";")
            query = f"SELECT count(*) FROM {item.sql.partition('UPDATE ')[2].partition(chr(10))[0]} WHERE {where}"
        row = self.connection.execute(query).fetchone()
        assert row is not None
        return int(row[0])


def phase(items: tuple[migration.Migration, ...], *names: str) -> list[migration.Migration]:
    """Return the files of phases."""
    return [item for item in items if item.directives.phase in names]


def structure(text: str) -> str:
    """Return a dump without its rows, and without what sequences count, which nothing takes back."""
    return re.sub(r"^COPY .*?^\\\.$|^SELECT pg_catalog.setval[^\n]*$", "", text, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_both_versions_go_on(
    case: Case, repository: Project, make_database: Callable[..., str], seeded: str, dump: Dump
) -> None:
    """Expand, backfill, contract, undo, contract, finish: the versions that are meant to run do, with right values.

    What is left in the end has what the change is for, and nothing of the way there.
    """
    if case.seed:
        with psycopg.connect(repository.url, autocommit=True) as connection:
            connection.execute(case.seed)
    items = write(repository, *case.words)
    settings = config.load(repository.root, {})
    verdict = lint.lint(settings, ask_squawk=False)
    own = [found for found in verdict.findings if items[0].directives.change in found.path]
    assert not [found for found in own if found.severity in ("error", "warning")], own

    before = dump(repository.url)
    applied = Applied(repository.url)
    expands, backfills = phase(items, "expand"), phase(items, "backfill")
    contracts, finishes = phase(items, "contract"), phase(items, "finish")
    applied.do(expands)
    applied.undo(expands)
    assert dump(repository.url) == before

    applied.do(expands)
    applied.ask(case.old)
    if not backfills:
        applied.ask(case.new)
        applied.ask(case.old)
    for item in backfills:
        applied.do([item])
        assert applied.verify(item) == 0
        applied.ask(case.new)
        applied.ask(case.old)
        applied.do([item])
        assert applied.verify(item) == 0
    before = structure(dump(repository.url))
    applied.do(contracts)
    applied.ask(case.new)
    applied.undo(contracts)
    assert structure(dump(repository.url)) == before
    applied.ask(case.old)
    applied.ask(case.new)
    applied.do(contracts)
    applied.do(finishes)
    applied.ask(case.new)
    if case.final:
        wanted = make_database(seeded)
        with psycopg.connect(wanted, autocommit=True) as connection:
            for statement in case.final:
                connection.execute(statement)
        assert structure(dump(repository.url)) == structure(dump(wanted))


def test_the_new_name_wins(repository: Project) -> None:
    """Where one statement gives both names a value, both hold that of the new one; a view refuses it."""
    items = write(repository, *DUAL)
    applied = Applied(repository.url)
    applied.do(phase(items, "expand", "backfill"))
    both = "full_name, display_name"
    applied.ask(
        (
            (f"UPDATE app.clients SET full_name = 'o', display_name = 'n' WHERE id = 1 RETURNING {both}", [("n", "n")]),
            (f"INSERT INTO app.clients ({both}, fax) VALUES ('o', 'n', '') RETURNING {both}", [("n", "n")]),
            (f"UPDATE app.clients SET full_name = 'o' WHERE id = 1 RETURNING {both}", [("o", "o")]),
        )
    )
    applied.undo(phase(items, "expand"))
    for path in (repository.root / "migrations" / "app").glob("*rename*"):
        path.unlink()
    (expand, _) = write(repository, *DUAL[:-1], "samename")
    applied.do([expand])
    with pytest.raises(psycopg.errors.SyntaxError, match="multiple assignments to same column"):
        applied.connection.execute("UPDATE app.clients SET full_name = 'o', display_name = 'n' WHERE id = 1")


UNDONE = (
    ((*DUAL,), "display_name", "'n'", "full_name", "n"),
    ((*DUAL[:-1], "samename"), "display_name", "'n'", "full_name", "n"),
    (("change-type", "app.clients", "amount", "numeric(20,4)", "--to", "sum"), "sum", "7.1234", "amount::text", "7.12"),
)


@pytest.mark.parametrize(("words", "new", "value", "old", "expected"), UNDONE, ids=["dual", "samename", "type"])
def test_undo_keeps_what_was_written(
    words: tuple[str, ...], new: str, value: str, old: str, expected: str, repository: Project
) -> None:
    """What the new version wrote behind the contract is there for the old one after the undo."""
    items = write(repository, *words)
    applied = Applied(repository.url)
    applied.do(phase(items, "expand", "backfill", "contract"))
    applied.ask(
        (
            (f"INSERT INTO app.clients (id, {new}, fax) VALUES (100, {value}, '')", None),
            (f"UPDATE app.clients SET {new} = {value} WHERE id = 1", None),
            ("UPDATE app.clients SET fax = 'x' WHERE id = 1", None),
        )
    )
    applied.undo(phase(items, "contract"))
    applied.ask(((f"SELECT {old} FROM app.clients WHERE id IN (1, 100)", [(expected,), (expected,)]),))


def test_a_narrower_type_is_not_contracted_over_a_loss(repository: Project) -> None:
    """The verify of a narrowing counts the rows whose value would be lost, and old values stay as they were."""
    applied = Applied(repository.url)
    applied.ask((("UPDATE app.clients SET amount = 3.14 WHERE id = 3", None),))
    items = write(repository, "change-type", "app.clients", "amount", "integer")
    applied.do(phase(items, "expand", "backfill"))
    (backfill,) = phase(items, "backfill")
    assert applied.verify(backfill) == 1
    applied.ask((("SELECT amount::text FROM app.clients WHERE id = 3", [("3.14",)]),))
    # What has no integer at all does not stop the old version.
    applied.ask((("INSERT INTO app.clients (amount, fax) VALUES (99999999, '') RETURNING amount_new", [(99999999,)]),))


def test_an_undo_refuses_what_the_old_type_cannot_hold(repository: Project) -> None:
    """Behind the contract nothing keeps a larger value from being written; the undo names it, and changes nothing."""
    items = write(repository, "change-type", "app.clients", "amount", "numeric(20,4)")
    applied = Applied(repository.url)
    applied.do(phase(items, "expand", "backfill", "contract"))
    applied.ask((("INSERT INTO app.clients (amount_new, fax) VALUES (1e12, '') RETURNING _kept_amount", [(None,)]),))
    with pytest.raises(psycopg.errors.RaiseException, match="values in amount_new that amount cannot hold"):
        applied.undo(phase(items, "contract"))
