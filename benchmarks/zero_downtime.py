"""Changes of a large table under two versions of an application: what fails, what waits, and what a backfill costs."""

import dataclasses
import shutil
import time

import psycopg
import tables
from place import Position

from tests import two_versions
from tests.conftest import Project, confirm
from tests.integration.changes import under_load

#: How a change is called here, and what it is in the tests of the harness.
_CHANGES = {
    "rename, two columns": "rename-column by two columns",
    "rename, view of the same name": "rename-column by a view of the same name",
    "rename, views of versions": "rename-column by views of versions",
    "rename of the table": "rename-table by a view of the same name",
    "change of a type": "change-type",
    "split of a column": "split-column",
    "set not null": "set-not-null",
    "add a column, not null": "add-column-not-null",
    "drop a column": "drop-column",
    "foreign key": "add-foreign-key",
    "unique": "add-unique",
    "check": "add-check",
}
_COLUMNS = (
    "change",
    "statements",
    "failed",
    "wrong values",
    "p99 idle",
    "p99 meanwhile",
    "longest wait",
    "contract, longest",
    "backfill",
)
_LOCK_TIMEOUT = 1.0
# Seconds of each part, and the rest of a client after each of its transactions: below what the machine can do, so that
# a wait is one for the change.
_SECONDS, _PAUSE = 5.0, 0.02


@dataclasses.dataclass
class _Measured:
    """One change."""

    ran: under_load.Ran
    backfill: float


def changes(place: Position, rounds: int, sizes: list[int]) -> list[tables.Section]:
    """Take each change all the way with six clients of each version, and a backfill against one plain UPDATE."""
    sections = []
    for rows in sizes:
        cases = {case.name: case for case in under_load.CASES}
        found = {title: _measure(place, cases[name], rows) for title, name in _CHANGES.items()}
        waits = {title: one.ran.application.waits() for title, one in found.items()}
        shown = tuple(_row(title, one, waits[title]) for title, one in found.items())
        plain = _naive(place, cases["rename-column by two columns"], rows)
        shown = (*shown, ("ALTER TABLE … RENAME COLUMN alone", str(plain[0]), str(plain[1]), *["-"] * 6))
        ratios = [_p99(parts, "meanwhile") / _p99(parts, "idle") for parts in waits.values()]
        failed = sum(len(one.ran.application.failures) for one in found.values())
        wrong = sum(len(one.ran.application.wrong) + len(one.ran.left) for one in found.values())
        worst = max(max(_of(parts, "meanwhile") + parts["contract"], default=0.0) for parts in waits.values())
        goals = (
            tables.Goal("failed statements", failed, 0, unit=""),
            tables.Goal("wrong values or rows", wrong, 0, unit=""),
            tables.Goal("p99 meanwhile : p99 idle, the worst change", max(ratios), 2),
            tables.Goal("longest wait of a client", worst, _LOCK_TIMEOUT + 0.1, unit="s"),
        )
        notes = (
            f"{rows:,} rows; six clients of each version, each with {_PAUSE * 1000:g} ms of rest after a transaction: "
            "SELECT, UPDATE, INSERT … RETURNING, INSERT … ON CONFLICT, two rows in the order opposite to the key's. "
            "Each write is read back under both versions' names. Meanwhile: from the expand to the last phase, without "
            "the contract. A time is that of a whole action of a client, with its reads.",
        )
        title = f"Changes under the load of two versions: {rows:,} rows"
        sections.append(tables.Section(title, _COLUMNS, shown, goals, notes))
        sections.append(_against_plain(place, cases["rename-column by two columns"], rows, rounds))
    return sections


def _of(parts: dict[str, list[float]], which: str) -> list[float]:
    if which != "meanwhile":
        return parts.get(which, [])
    return [value for name, values in parts.items() if name not in ("idle", "contract") for value in values]


def _p99(parts: dict[str, list[float]], which: str) -> float:
    return two_versions.quantile(_of(parts, which), 0.99) or float("nan")


def _row(title: str, one: _Measured, parts: dict[str, list[float]]) -> tuple[str, ...]:
    application = one.ran.application
    statements = sum(client.counted.statements for client in application.clients)
    wrong = len(application.wrong) + len(one.ran.left)
    return (
        title,
        f"{statements:,}",
        str(len(application.failures)),
        str(wrong),
        tables.milliseconds(_p99(parts, "idle")),
        tables.milliseconds(_p99(parts, "meanwhile")),
        tables.milliseconds(max(_of(parts, "meanwhile"), default=0.0)),
        tables.milliseconds(max(parts["contract"], default=0.0)),
        tables.milliseconds(one.backfill) if one.backfill else "-",
    )


def _project(place: Position) -> Project:
    folder = place.folder / "zero-downtime"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return Project(folder, place.empty_database())


def _measure(place: Position, case: under_load.Case, rows: int) -> _Measured:
    project = _project(place)
    ran = under_load.run(project, case, rows, seconds=_SECONDS, pause=_PAUSE)
    marks = {what: at for at, what in ran.application.marks}
    place.drop(project.url)
    return _Measured(ran, marks["both"] - marks["backfill"] if "backfill" in marks else 0.0)


def _naive(place: Position, case: under_load.Case, rows: int) -> tuple[int, int]:
    """Return the statements and the failures of the old version where the column is just renamed."""
    project = _project(place)
    under_load.prepare(project, case, min(rows, 10_000))
    old, new = case.versions
    application = two_versions.Application(project.url, old, new, min(rows, 10_000), pause=_PAUSE)
    application.start_old()
    time.sleep(1)
    with psycopg.connect(project.url, autocommit=True) as connection:
        connection.execute("ALTER TABLE app.t RENAME COLUMN a TO z")
    time.sleep(1)
    application.stop()
    place.drop(project.url)
    return sum(client.counted.statements for client in application.clients), len(application.failures)


def _against_plain(place: Position, case: under_load.Case, rows: int, rounds: int) -> tables.Section:
    """Measure the backfill alone, as a whole process, against one UPDATE of a copy of the table with its trigger."""
    project = _project(place)
    under_load.prepare(project, case, rows)
    under_load.command(project, "migrate")
    update = next(
        path.read_text(encoding="utf-8")
        for path in sorted((project.root / "migrations" / "app").glob("*.sql"))
        if "-- phase: backfill" in path.read_text(encoding="utf-8")
    )

    def reset() -> None:
        with psycopg.connect(project.url, autocommit=True) as connection:
            connection.execute("ALTER TABLE app.t DISABLE TRIGGER USER")
            connection.execute("UPDATE app.t SET z = '-'")
            connection.execute("ALTER TABLE app.t ENABLE TRIGGER USER")
            connection.execute("VACUUM (FULL, ANALYZE) app.t")
            connection.execute("CHECKPOINT")

    def ours() -> None:
        under_load.command(project, "change-backfill", under_load.CHANGE)
        with psycopg.connect(project.url, autocommit=True) as connection:
            connection.execute("UPDATE schemata.changes SET finished_at = now(), last_key = NULL")

    def plain() -> None:
        with psycopg.connect(project.url, autocommit=True) as connection:
            connection.execute(update)

    seconds: dict[str, list[float]] = {"plain": [], "ours": []}
    for _ in range(max(1, min(rounds, 3))):
        for name, run in (("plain", plain), ("ours", ours)):
            reset()
            began = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - began)
        if len(seconds["ours"]) < rounds:
            # The record is taken back, so that there is a backfill again.
            under_load.command(project, "change-abort", under_load.CHANGE, confirm(project.url))
            under_load.command(project, "migrate")
    place.drop(project.url)
    best = {name: sorted(values)[len(values) // 2] for name, values in seconds.items()}
    shown = tuple(
        (title, tables.milliseconds(best[name]), f"{rows / best[name]:,.0f}")
        for title, name in (("one UPDATE of the table", "plain"), ("inv change-backfill, batches of 1000", "ours"))
    )
    goal = tables.Goal("rows/s of the backfill : of one UPDATE", best["plain"] / best["ours"], 0.6, at_most=False)
    title = f"A backfill of {rows:,} rows, alone, against one plain UPDATE"
    return tables.Section(title, ("how", "median", "rows/s"), shown, (goal,), ("Both with the trigger of the expand.",))
