"""Whether a rollback led back: two observations of one database, and what a migration itself has changed in between."""

import dataclasses
import re
from collections.abc import Iterator

from schemata.parity import diff
from schemata.squash import observing

_ORDERS = {"column order", "attribute order"}
_TABLE = re.compile(r"^CREATE (?:UNLOGGED )?TABLE .*? \($.*?^\)", re.MULTILINE | re.DOTALL)
# The first is another one in each dump; the rest are about the program.
_NOISE = re.compile(r"^(?:\\(?:un)?restrict .*|-- .*|--|\s*)$\n?", re.MULTILINE)
_SHOWN = 6


@dataclasses.dataclass(frozen=True)
class Moment:
    """A database at one moment. `dump` is what pg_dump says of its structure; empty where there is no pg_dump."""

    seen: observing.Observed
    dump: str


@dataclasses.dataclass(frozen=True)
class Compared:
    """What differs though it should not, and what differs for a known reason."""

    problems: tuple[str, ...]
    notes: tuple[str, ...]


def structure(wanted: Moment, actual: Moment, when: str) -> Compared:
    """Compare two structures, by the snapshot and by pg_dump.

    The order of columns is a known difference: a column that was dropped and added again is the last one.
    """
    problems: list[str] = []
    notes: list[str] = []
    for one in diff.diff(wanted.seen.structure, actual.seen.structure):
        facts = {change.fact for change in one.changes}
        if one.change == "changed" and facts <= _ORDERS:
            notes.append(f"{when}, {one.subject} has its columns in another order, which nothing can take back.")
            continue
        problems.append(f"{when}, {one.subject} is {one.change}.")
        problems += [
            f"  {change.fact}: {change.expected or 'nothing'} became {change.actual or 'nothing'}"
            for change in one.changes
            if change.fact not in _ORDERS
        ]
    for line in sorted({*wanted.seen.server} ^ {*actual.seen.server}):
        problems.append(f"{when}, {'missing' if line in wanted.seen.server else 'extra'}: {line}")
    if not problems and wanted.dump and actual.dump and normal(wanted.dump) != normal(actual.dump):
        lines = _lines(normal(wanted.dump), normal(actual.dump))
        problems += [f"{when}, pg_dump shows another structure:", *lines]
    return Compared(tuple(problems), tuple(notes))


def normal(dump: str) -> str:
    """Return a dump without its comments, with the columns of each table in the order of their names.

    >>> normal("-- a\\nCREATE TABLE t (\\n    b int,\\n    a int\\n);\\n")
    'CREATE TABLE t (\\n    a int\\n    b int\\n);\\n'
    """
    return _NOISE.sub("", _TABLE.sub(_sorted, dump))


def _sorted(match: re.Match[str]) -> str:
    first, *lines, last = match[0].split("\n")
    return "\n".join([first, *sorted(line.removesuffix(",") for line in lines), last])


def _lines(wanted: str, actual: str) -> list[str]:
    before, after = set(wanted.splitlines()), set(actual.splitlines())
    gone = [f"  - {line}" for line in wanted.splitlines() if line not in after]
    new = [f"  + {line}" for line in actual.splitlines() if line not in before]
    return [*gone[:_SHOWN], *new[:_SHOWN]] or ["  its statements are in another order"]


def rows(before: Moment, up: Moment, down: Moment) -> Compared:
    """Compare the rows before a migration and after its rollback.

    What the migration itself has removed or changed cannot be brought back by a file: that is a note, unless the values
    are still there under another name while the migration is applied.
    """
    problems: list[str] = []
    notes: list[str] = []
    for table, first in before.seen.tables.items():
        middle, last = up.seen.tables.get(table), down.seen.tables.get(table)
        if last is None:
            continue  # the structure tells of it
        if not first.columns:  # a materialized view
            if last.count < first.count:
                problems.append(f"{table} is not filled after the rollback, and was before the migration.")
        elif middle is None:
            if last.count != first.count or last.whole != first.whole:
                kept = _kept(first, before, up)
                if kept:
                    problems.append(
                        f"the rows of {table} are in {kept} meanwhile, and the rollback does not return them."
                    )
                    continue
                notes.append(f"the rows of {table} are not restored: the migration drops the table.")
        elif last.count != first.count:
            text = f"{table} has {last.count} rows after the rollback, and had {first.count} before the migration."
            by_migration = middle.count < first.count and last.count == middle.count
            (notes if by_migration else problems).append(
                text if not by_migration else f"{text} The migration removes them."
            )
        else:
            for column, value in first.columns.items():
                if last.columns.get(column, value) == value:
                    continue
                changed = middle.columns.get(column) != value
                moved = [name for name in middle.columns if name not in first.columns and middle.columns[name] == value]
                # Made-up values of two columns may be alike: if both are gone, nobody can tell which one it was.
                alike = [name for name, old in first.columns.items() if old == value != middle.columns.get(name)]
                if moved and alike == [column] and middle.count == first.count:
                    text = f"the values of {table}.{column} are in {moved[0]} meanwhile"
                    problems.append(f"{text}, and the rollback does not return them.")
                    continue
                text = f"the values of {table}.{column} are not what they were before the migration"
                (notes if changed else problems).append(f"{text}{', which changes or drops them' if changed else ''}.")
    problems += _sequences(before, up, down)
    return Compared(tuple(problems), tuple(notes))


def _kept(first: observing.Rows, before: Moment, up: Moment) -> str:
    """Return the table that has the rows of one that is gone; empty for none."""
    same = (name for name, other in up.seen.tables.items() if (other.count, other.whole) == (first.count, first.whole))
    return next((name for name in same if name not in before.seen.tables), "") if first.count else ""


def _sequences(before: Moment, up: Moment, down: Moment) -> Iterator[str]:
    for name, value in before.seen.sequences.items():
        last, middle = down.seen.sequences.get(name), up.seen.sequences.get(name)
        if last is None or last == value or middle is None:
            continue
        if middle == value or _is_behind(last, value):
            yield f"the sequence {name} is at {last} after the rollback, and was at {value}."


def _is_behind(last: str, value: str) -> bool:
    """Tell whether a sequence would give out numbers that it has given out already."""
    return value.isdecimal() and (not last.lstrip("-").isdecimal() or int(last) < int(value))


def later_rows(up: Moment, down: Moment, written: Moment, after: Moment) -> tuple[str, ...]:
    """Return what a second rollback loses of rows that were written while the migration was applied.

    :param up: and `down`: the first cycle, which tells what the rollback is meant to change.
    :param written: with the new rows; :param after: after the second rollback.
    """
    problems = []
    for table, rows_ in written.seen.tables.items():
        left, first, back = after.seen.tables.get(table), up.seen.tables.get(table), down.seen.tables.get(table)
        if left is None or first is None or back is None or first.count != back.count:
            continue
        if left.count != rows_.count:
            problems.append(f"{table} had {rows_.count} rows, and has {left.count} after the rollback.")
            continue
        for column, value in rows_.columns.items():
            same_before = column in back.columns and first.columns.get(column) == back.columns[column]
            if same_before and left.columns.get(column, value) != value:
                problems.append(
                    f"the rollback changes values of {table}.{column} that were written after the migration."
                )
    return tuple(problems)


def made_rows(before: Moment, up: Moment) -> bool:
    """Tell whether a migration put rows into tables that were there."""
    return any(
        table in before.seen.tables and rows_.count > before.seen.tables[table].count
        for table, rows_ in up.seen.tables.items()
    )
