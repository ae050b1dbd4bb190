"""What only the database tells of changes: whether anybody uses their tables yet, and what is kept. Reads only."""

from collections.abc import Iterable, Sequence

from schemata.history import recorded
from schemata.history.held import old_sessions, phases, rows
from schemata.migrations import migration
from schemata.migrations.groups import changes
from schemata.postgres import libpq, queries

# No table, no schema.
_ABSENT = ("42P01", "3F000")


def seen(
    ask: queries.Ask,
    history: str,
    files: Sequence[migration.Migration],
    actual: recorded.Recorded,
    *,
    has_objects: bool,
) -> phases.Seen:
    """Return which changes go straight through, and what is kept; nothing is asked where all of them are complete.

    A change goes straight through where nothing is applied and the schemas are empty, where an earlier run that was
    interrupted had begun so, and where none of its tables has a row and no session is of a build before it.
    """
    applied = actual.ids()
    open_ = [change for change in changes.of(files).values() if not all(item.id in applied for item in change.files)]
    if not open_:
        return phases.NOTHING_SEEN
    if not actual.records and not has_objects:
        return phases.Seen(frozenset(change.id for change in open_))
    through, kept = _noted(ask, history)
    left = [change for change in open_ if change.id not in through]
    full = _full(ask, {table for change in left for table in change.tables})
    empty = [change for change in left if not full & {*change.tables}]
    used = {change.id for change in empty if old_sessions.old(ask, change.since)}
    return phases.Seen(through | {change.id for change in empty} - used, kept)


def _noted(ask: queries.Ask, history: str) -> tuple[frozenset[str], dict[str, str]]:
    if not rows.exists(ask, history):
        return frozenset(), {}
    noted = ask(rows.fill("read", history))
    return (
        frozenset(str(change) for change, straight, _ in noted if straight == "true"),
        {str(change): until for change, _, until in noted if until},
    )


def _full(ask: queries.Ask, tables: Iterable[str]) -> frozenset[str]:
    """Return which of these tables have a row; one that is locked, or not for us to read, counts as full."""
    return frozenset(table for table in tables if _has_row(ask, table))


def _has_row(ask: queries.Ask, table: str) -> bool:
    try:
        # The name is as a file writes it, quoted where it has to be; the format of the directive lets nothing else in.
        found = ask(f"SET LOCAL lock_timeout = 500; SELECT EXISTS (SELECT FROM {table})::text")
    except Exception as failure:
        # Both drivers' refusals carry an SQLSTATE; naming psycopg's here would load it for a status.
        sqlstate = getattr(failure, "sqlstate", "")
        if isinstance(failure, libpq.ConnectionLost) or not sqlstate:
            raise
        return sqlstate not in _ABSENT
    return found[0][0] == "true"
