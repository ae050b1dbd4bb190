"""The table of remedies: every row, and those that are for one failure."""

from collections.abc import Iterator

from schemata.remedies import access, naming, remedy, rows, running, structure

#: Of rows with the same SQLSTATE the special come before the general: the first that has something to say is used.
ROWS: tuple[remedy.Remedy, ...] = (*running.ROWS, *structure.ROWS, *rows.ROWS, *naming.ROWS, *access.ROWS)


def matching(case: remedy.Case) -> Iterator[tuple[remedy.Remedy, remedy.Case]]:
    """Yield the rows for a failure in their order, each with the case as it sees it."""
    for row in ROWS:
        seen = row.of(case)
        if seen is not None:
            yield row, seen
