"""Changes of a table under two versions of the application: what each writes and reads, and the whole way of one."""

import dataclasses
import json
import subprocess
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import psycopg

from tests import two_versions
from tests.conftest import Project
from tests.two_versions import Version

CHANGE = "the_change"
SEED = """
CREATE TABLE app.owners (id bigint PRIMARY KEY);
CREATE TABLE app.t (
    id bigint PRIMARY KEY, a text NOT NULL DEFAULT '', b text, n numeric(10,2) NOT NULL DEFAULT 0, owner bigint,
    pad text DEFAULT repeat('x', 40)
);
"""
ROWS = """
INSERT INTO app.owners VALUES (1), (2), (3);
INSERT INTO app.t (id, a, b, n, owner)
SELECT n, 'First' || n || ' Last' || n, 'b' || n, n, CASE WHEN n % 7 > 0 THEN 1 + n % 3 END
FROM generate_series(1, {rows}) n;
ANALYZE app.t
"""


def _name(k: int) -> str:
    return f"First{k} Last{k}"


def _same(column: str, value: Callable[[int], Any], table: str, name: str) -> Version:
    return Version(name, table, lambda k: {column: value(k)}, lambda k, _: {column: value(k)})


def _pair(old: tuple[str, str], new: tuple[str, str], value: Callable[[int], Any] = _name) -> tuple[Version, Version]:
    """Return versions that write one value each, as (table, column)."""
    return _same(old[1], value, old[0], "old"), _same(new[1], value, new[0], "new")


@dataclasses.dataclass(frozen=True)
class Case:
    """A change: the words of `inv change-new`, both versions, and what else there is before."""

    name: str
    words: tuple[str, ...]
    versions: tuple[Version, Version]
    before: str = ""


def _both(
    written: Callable[[int], dict[str, Any]], expected: Callable[[int, str], dict[str, Any]]
) -> tuple[Version, Version]:
    return Version("old", "app.t", written, expected), Version("new", "app.t", written, expected)


_SPLIT = (
    *("--into", "first=split_part(a,' ',1),last=split_part(a,' ',2)"),
    *("--back", "first || ' ' || last"),
)
_VIEW = "CREATE SCHEMA app_v1; CREATE VIEW app_v1.t AS SELECT id, a, b FROM app.t;"

CASES = (
    Case(
        "rename-column by two columns",
        ("rename-column", "app.t", "a", "z", "--strategy", "dual"),
        _pair(("app.t", "a"), ("app.t", "z")),
    ),
    Case(
        "rename-column by a view of the same name",
        ("rename-column", "app.t", "a", "z", "--strategy", "samename"),
        _pair(("app.t", "a"), ("app.t", "z")),
    ),
    Case(
        "rename-column by views of versions",
        ("rename-column", "app.t", "a", "z", "--strategy", "view"),
        _pair(("app_v1.t", "a"), ("app_v2.t", "z")),
        _VIEW,
    ),
    Case(
        "rename-table by a view of the same name",
        ("rename-table", "app.t", "s"),
        _pair(("app.t", "a"), ("app.s", "a")),
    ),
    Case(
        "change-type",
        ("change-type", "app.t", "n", "numeric(20,4)", "--to", "amount"),
        _pair(("app.t", "n"), ("app.t", "amount"), Decimal),
    ),
    Case(
        "split-column",
        ("split-column", "app.t", "a", *_SPLIT),
        (
            _same("a", _name, "app.t", "old"),
            Version(
                "new",
                "app.t",
                lambda k: {"first": f"First{k}", "last": f"Last{k}"},
                lambda k, _: {"first": f"First{k}", "last": f"Last{k}"},
            ),
        ),
    ),
    Case(
        "set-not-null",
        ("set-not-null", "app.t", "owner", "--default", "1"),
        _both(
            lambda k: {"a": _name(k), "owner": 1 + k % 3},
            lambda k, writer: {"a": _name(k)} if writer == "seed" else {"a": _name(k), "owner": 1 + k % 3},
        ),
    ),
    Case(
        "add-column-not-null",
        ("add-column-not-null", "app.t", "state", "text", "--default", "md5('new' || random())"),
        (
            _same("a", _name, "app.t", "old"),
            Version(
                "new",
                "app.t",
                lambda k: {"a": _name(k), "state": f"s{k}"},
                lambda k, writer: {"a": _name(k), "state": f"s{k}"} if writer == "new" else {"a": _name(k)},
            ),
        ),
    ),
    Case(
        "drop-column",
        ("drop-column", "app.t", "b"),
        (
            Version(
                "old",
                "app.t",
                lambda k: {"a": _name(k), "b": f"b{k}"},
                lambda k, writer: {"a": _name(k)} if writer == "new" else {"a": _name(k), "b": f"b{k}"},
            ),
            _same("a", _name, "app.t", "new"),
        ),
    ),
    Case(
        "add-foreign-key",
        ("add-foreign-key", "app.t", "owner", "app.owners"),
        _both(
            lambda k: {"a": _name(k), "owner": 1 + k % 3},
            lambda k, writer: {"a": _name(k)} if writer == "seed" else {"a": _name(k), "owner": 1 + k % 3},
        ),
    ),
    Case("add-unique", ("add-unique", "app.t", "b,id"), _pair(("app.t", "b"), ("app.t", "b"), "b{}".format)),
    Case(
        "add-check",
        ("add-check", "app.t", "t_n_is_positive", "n >= 0"),
        _pair(("app.t", "n"), ("app.t", "n"), Decimal),
    ),
)


@dataclasses.dataclass
class Ran:
    """How a change went: the application, the commands, and what was wrong with the rows in the end."""

    application: two_versions.Application
    left: list[str]


def command(project: Project, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command, and see it succeed."""
    ended = project.inv(*arguments)
    assert ended.returncode == 0, f"{arguments}: {ended.stdout}\n{ended.stderr}"
    return ended


def prepare(project: Project, case: Case, rows: int) -> None:
    """Make the database as it is before the change, and write the change."""
    project.configure()
    project.write("app.20250101000000.seed", SEED, "SELECT 1;\n")
    command(project, "migrate")
    with psycopg.connect(project.url, autocommit=True) as connection:
        connection.execute(case.before + ROWS.format(rows=rows))
    command(project, "change-new", *case.words, "--id", CHANGE)


def run(
    project: Project,
    case: Case,
    rows: int,
    *,
    pooled: str = "",
    seconds: float = 0.5,
    pause: float = 0.005,
    sabotage: Callable[[], None] = lambda: None,
    until: str = "",
) -> Ran:
    """Take a change all the way under the load of both versions.

    :param pooled: a URL through a pooler, for the clients and for what follows the expand. :param sabotage: what is
        done before the new version starts. :param until: the mark after which it ends.
    """
    prepare(project, case, rows)
    old, new = case.versions
    application = two_versions.Application(pooled or project.url, old, new, rows, pause=pause, pooled=bool(pooled))
    through = ("--url", pooled) if pooled else ()
    wait = time.sleep
    application.mark("idle")
    application.start_old()
    try:
        wait(seconds)
        application.mark("expand")
        # An index is not built CONCURRENTLY through a transaction-mode pooler.
        command(project, "migrate")
        phases = {row["phase"] for row in _change(project)["migrations"]}
        if "backfill" in phases:
            application.mark("backfill")
            command(project, "change-backfill", CHANGE, *through)
        sabotage()
        application.mark("both")
        application.start_new()
        wait(seconds)
        if until == "both":
            return Ran(application, [])
        application.stop_old()
        application.mark("contract")
        keep = ("--keep=1h",) if "finish" in phases else ()
        command(project, "change-contract", CHANGE, *keep, *through, project.confirm)
        application.mark("after")
        wait(seconds / 2)
        if "finish" in phases:
            command(project, "change-finish", CHANGE, project.confirm)
            wait(seconds / 2)
    finally:
        application.stop()
    with psycopg.connect(project.url) as connection:
        return Ran(application, application.left(connection, new))


def _change(project: Project) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(command(project, "changes", CHANGE, "--json").stdout)["changes"][0]
    return found
