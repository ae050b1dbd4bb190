"""A fix closes the difference of two databases, or says what stays and why; its rollback leads back.

Over the rows of `cases/*.toml`, in both directions, on databases with rows. The files are applied by the engine. What
is different afterwards must be what was refused, letter by letter; where nothing was, pg_dump must see no difference.
"""

import difflib
import subprocess
import uuid
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from _pytest.mark.structures import ParameterSet

from schemata import config
from schemata.config import backups
from schemata.deploy import migrate, rollback
from schemata.parity import diff
from schemata.parity.fix import writing
from schemata.postgres import libpq, urls
from schemata.report import results
from schemata.server.embedded import binaries, instance, server_state
from schemata.snapshot import model, reading
from tests.integration.parity import rows, test_cases

#: Cases that no migration can lead to, by file and name, with the reason.
IMPOSSIBLE = {
    "extensions: the language that every database has, dropped": "the engine's history needs it",
    "extensions: the language that every database has, dropped and made again": "only one of the two keeps a comment",
    "extensions: a function that was made by hand, made a part of it": "what is in an extension is not compared",
}
#: Cases where rows stand in the way of what is expected: they are tried with empty tables.
EMPTY = {
    "foreign_keys: foreign key to another column",
    "inheritance: a foreign key to a partitioned table",
    "partitions: attached, with names of its own for NOT NULL",
    "partitions: detached",
}
#: Cases of faults that there were: they are tried every time.
ALWAYS = {
    "extensions: one that was made by hand",
    "from_public_pairs: NOT NULL that is not valid in the parent, and valid in the child",
    "operators: family: a loose operator",
    "owners: a sequence that comes to a table of somebody else",
    "owners: a table with sequences of its columns",
    "partitions: attached, with names of its own for NOT NULL",
    "partitions: a table with an identity, and a partition of it",
    "partitions: a table with its partitions, their partitions, indexes and keys",
}
#: What a rollback does not bring back.
NOT_WANTED = {"valid", "triggers", "column order"}

_SUBSCRIPTIONS = """SELECT quote_ident(subname) FROM pg_subscription
    WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())"""

Make = Callable[[tuple[str, ...]], str]


@pytest.fixture(scope="module")
def server(programs: binaries.Binaries) -> Iterator[server_state.Server]:
    """Run a server of this module: the roles and the tablespace of the cases belong to it."""
    with instance.temporary(programs, settings={"max_logical_replication_workers": "0"}) as running:
        with psycopg.connect(urls.with_database(running.url, "postgres"), autocommit=True) as admin:
            for role in test_cases.ROLES:
                admin.execute(f"CREATE ROLE {role}")
            admin.execute("SET allow_in_place_tablespaces = on")
            admin.execute(f"CREATE TABLESPACE {test_cases.TABLESPACE} LOCATION ''")
        yield running


@pytest.fixture
def make(server: server_state.Server) -> Iterator[Make]:
    """Make databases by SQL; they are dropped after the test."""
    made: list[str] = []
    with psycopg.connect(urls.with_database(server.url, "postgres"), autocommit=True) as admin:

        def database(script: tuple[str, ...]) -> str:
            made.append(f"fix_{uuid.uuid4().hex[:12]}")
            admin.execute(f"CREATE DATABASE {made[-1]} TEMPLATE template1")
            url = urls.with_database(server.url, made[-1])
            with psycopg.connect(url, autocommit=True) as connection:
                for statements in script:
                    connection.execute(statements.encode())
            return url

        yield database
        for name in made:
            with psycopg.connect(urls.with_database(server.url, name), autocommit=True) as connection:
                # A database that has one cannot be dropped, and one that knows of a slot would look for it.
                for (subscription,) in connection.execute(_SUBSCRIPTIONS).fetchall():
                    connection.execute(f"ALTER SUBSCRIPTION {subscription} DISABLE")
                    connection.execute(f"ALTER SUBSCRIPTION {subscription} SET (slot_name = NONE)")
                    connection.execute(f"DROP SUBSCRIPTION {subscription}")
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _read(url: str) -> model.Snapshot:
    with libpq.connect(url, timeout=20, application_name="fix") as connection:
        return reading.read(connection.query, dependencies=True)


def _project(folder: Path, *snapshots: model.Snapshot) -> config.Config:
    schemas = dict.fromkeys(name for snapshot in snapshots for name in snapshot.schemas)
    return config.Config(
        root=folder,
        schemas=tuple(schemas) or ("public",),
        migrations=folder / "migrations",
        backups=backups.Backups(policy="never"),
    )


def _told(found: tuple[diff.Difference, ...]) -> set[tuple[str, diff.Key, frozenset[str]]]:
    return {(one.change, one.item.key, frozenset(change.fact for change in one.changes)) for one in found}


def _refused(message: results.Message) -> set[tuple[str, diff.Key, frozenset[str]]]:
    facts: dict[tuple[str, diff.Key], set[str]] = {}
    for one in message.facts["refused"]:
        assert one["reason"]
        key = (one["schema"], one["kind"], one["of"], one["name"])
        facts.setdefault((one["change"], key), set()).update(one["facts"])
    return {(change, key, frozenset(names)) for (change, key), names in facts.items()}


def _parameters() -> Iterator[ParameterSet]:
    for path in sorted(test_cases.FOLDER.glob("*.toml")):
        for row, case in test_cases._rows(path):
            if path.stem == "security_labels":
                continue  # their provider is no more than rows of the catalog: no statement can name it
            marks = [pytest.mark.pg(least=row.get("least", 0), most=row.get("most", 99))]
            for back in (False, True):
                name = f"{path.stem}: {row['name']}"
                if name in IMPOSSIBLE:
                    continue
                id_ = f"{name} {'back' if back else 'forth'}"
                # Before 15 pg_dump tells of a schema public that was made again that its privileges are not the first.
                again = [pytest.mark.pg(least=15)] if id_ == "schemas: public dropped back" else []
                yield pytest.param(case, name, back, id=id_, marks=[*marks, *again])


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Try every case with --whole (nox -s parity), and a twentieth of them, always the same, without."""
    if "case" in metafunc.fixturenames:
        cases = list(_parameters())
        if not metafunc.config.getoption("--whole"):
            cases = [one for one in cases if one.values[1] in ALWAYS or zlib.crc32(str(one.id).encode()) % 20 == 0]
        metafunc.parametrize(("case", "name", "back"), cases)


def test_a_fix_closes_the_difference_or_says_why_not(
    case: test_cases.Case, name: str, back: bool, make: Make, programs: binaries.Binaries, tmp_path: Path
) -> None:
    """After the files no more differs than what was refused, no value is lost, and the rollback leads back.

    Where the expected structure is there already, the same files change nothing.
    """
    one, other = (case.after, case.before) if back else (case.before, case.after)
    expected_url, url = make(case.base + other), make(case.base + one)
    expected, actual = _read(expected_url), _read(url)
    if name not in EMPTY:
        rows.fill(url, actual)
    before = rows.contents(url, actual)
    settings = _project(tmp_path, expected, actual)
    written = writing.write(settings, expected, actual)
    paths = [tmp_path / path for path in written.facts["files"]]
    if not diff.diff(expected, actual):
        assert not paths
        assert not written.facts["refused"]
        return
    assert paths or written.facts["refused"], "a difference leads to a file or to a refusal"
    if not paths:
        assert _told(diff.diff(expected, actual)) == _refused(written)
        return

    assert migrate.migrate(settings, url=url, on_existing_objects=True).done

    reached = _read(url)
    assert _told(diff.diff(expected, reached)) == _refused(written), _texts(paths)
    _check_rows(before, rows.contents(url, actual), expected, actual)
    if not written.facts["refused"]:
        _check_dump(programs, expected_url, url)
        # A fresh database has all of it already when it comes to these files.
        assert migrate.migrate(settings, url=expected_url, on_existing_objects=True).done
        assert not diff.diff(expected, _read(expected_url)), _texts(paths)
    undone = [path for path in paths if path.with_name(f"{path.stem}.rollback.sql").exists()]
    if undone == paths:
        rollback.rollback(settings, url=url, steps=len(paths), confirm=urls.database_of(url))
        left = [
            one
            for one in diff.diff(actual, _read(url))
            if one.change != "changed" or {change.fact for change in one.changes} - NOT_WANTED
        ]
        assert not left, _texts(paths)
    else:
        assert any("-- irreversible: " in path.read_text() for path in paths)


def _texts(paths: list[Path]) -> str:
    return "\n".join(f"{path.name}:\n{path.read_text()}" for path in paths)


def _check_rows(before: rows.Contents, after: rows.Contents, expected: model.Snapshot, actual: model.Snapshot) -> None:
    """Compare the values of every column that a table had: of one type they are the same to the letter."""
    wanted, had = ({item.key: item.facts for item in side.items} for side in (expected, actual))
    for table, columns in before.items():
        for column, values in columns.items():
            key = (table[0], "column", table[1], column)
            facts = wanted.get(key, {})
            if "generated" in facts or not values:
                continue
            kept = after.get(table, {}).get(column, [])
            assert len(kept) == len(values), key
            if not facts or facts["type"] == had[key]["type"]:
                assert kept == values, key


def _check_dump(programs: binaries.Binaries, expected_url: str, url: str) -> None:
    """Have pg_dump say that both are the same: an oracle that is not ours."""
    texts = [
        subprocess.run(
            [
                str(programs.program("pg_dump")),
                "--schema-only",
                "--restrict-key=x",
                "--exclude-schema=schemata",
                f"--dbname={one}",
            ],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for one in (expected_url, url)
    ]
    changes = list(
        difflib.unified_diff(*(text.splitlines() for text in texts), "expected", "reached", lineterm="", n=1)
    )
    assert not changes, "\n".join(changes)
