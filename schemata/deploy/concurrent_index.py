"""CREATE, DROP and REINDEX INDEX CONCURRENTLY watched to the end: never an INVALID index called done.

Each of them works in several transactions of its own and leaves half of its work behind when it
is stopped. What is left is found here and cleared away or finished.
"""

import json
from collections.abc import Callable

from schemata import errors
from schemata.deploy import lock
from schemata.postgres import queries, sessions
from schemata.sql import index_definition, statement

_SQL = queries.load("server")
_TRIES = 3
_RETRIED = ("55P03", "40P01")

Info = Callable[[str], None]


class IndexInUse(errors.Busy):
    """Another session builds the same index right now."""

    def __init__(self, name: str, pid: int) -> None:
        super().__init__(
            f"backend {pid} is building the index {name}", "Nothing was touched. Run again when it is done."
        )


class IndexStillInvalid(errors.MigrationError):
    """The index came out INVALID each time it was built."""

    def __init__(self, name: str, tries: int) -> None:
        super().__init__(
            f"the index {name} is still INVALID after {tries} builds, and was dropped again",
            "See the server's log for the cause, then run again.",
        )


def build(
    session: sessions.Session, item: statement.Statement, schema: str, info: Info, *, indeterminate: bool
) -> None:
    """Run a CREATE INDEX CONCURRENTLY until its index is valid and ready.

    `schema` is where an unqualified table is looked for. An INVALID leftover of the same name is
    dropped first: IF NOT EXISTS would take it for the index. With `in_doubt`, an earlier run may have
    finished the statement, so a valid index is enough. A failure leaves no INVALID index behind.
    """
    target = statement.index_target(item)
    if target is None or target.index is None:
        session.script(item.text)
        return
    in_schema = target.schema or schema
    name = f"{queries.identifier(in_schema)}.{queries.identifier(target.index)}"
    for _ in range(_TRIES):
        state = _state(session, in_schema, target.index)
        if state is not None:
            _check_table(name, state.table, target.table)
        if state is not None and not state.valid:
            _drop_invalid(session, name, state, info)
            state = None
        if state is not None and (indeterminate or target.if_not_exists):
            _check_definition(name, state.definition, item)
            return
        lock.wait_for_waiters(session, f"building {name}", info)
        try:
            session.script(item.text)
        except sessions.StatementFailed as failure:
            left = _state(session, in_schema, target.index)
            if left is not None and not left.valid and left.table == target.table:
                _drop_invalid(session, name, left, info)
            if failure.sqlstate not in _RETRIED:
                raise
            info(f"{name}: {failure.message}; building it again")
            continue
        state = _state(session, in_schema, target.index)
        if state is not None and state.valid:
            return
    state = _state(session, in_schema, target.index)
    if state is not None and not state.valid:
        _drop_invalid(session, name, state, info)
    raise IndexStillInvalid(name, _TRIES)


def drop(session: sessions.Session, item: statement.Statement, schema: str, *, indeterminate: bool) -> None:
    """Run a DROP INDEX CONCURRENTLY; when an earlier run may have finished it, a missing index is enough."""
    if indeterminate and all(
        _state(session, in_schema or schema, name) is None for in_schema, name in statement.dropped_indexes(item)
    ):
        return
    session.script(item.text)


def rebuild(session: sessions.Session, item: statement.Statement, schema: str, info: Info) -> None:
    """Run a REINDEX CONCURRENTLY after clearing away what an interrupted one left (`…_ccnew`, `…_ccold`)."""
    what = statement.reindexed(item)
    in_schema = schema
    if what is not None:
        in_schema = (what.name if what.what == "schema" else what.schema) or schema
    text = session.rows(_SQL["leftovers"].format(schema=queries.literal(in_schema)))[0][0]
    for left_schema, left_name in json.loads(str(text)):
        name = f"{queries.identifier(left_schema)}.{queries.identifier(left_name)}"
        info(f"dropping {name}, which an interrupted REINDEX CONCURRENTLY left")
        session.script(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
    lock.wait_for_waiters(session, "REINDEX CONCURRENTLY", info)
    session.script(item.text)


class _State:
    def __init__(self, row: tuple[str | None, ...]) -> None:
        valid, ready, _, _, table, builder, definition = json.loads(str(row[0]))
        self.definition = str(definition)
        self.valid = bool(valid and ready)
        self.table = str(table)
        self.builder: int | None = builder


def _state(session: sessions.Session, schema: str, name: str) -> _State | None:
    rows = session.rows(
        _SQL["index_state"].format(schema=queries.literal(schema), name=queries.literal(name)),
    )
    return _State(rows[0]) if rows else None


def _drop_invalid(session: sessions.Session, name: str, state: _State, info: Info) -> None:
    if state.builder:
        raise IndexInUse(name, state.builder)
    info(f"dropping {name}, which an interrupted build left INVALID")
    session.script(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")


def _check_definition(name: str, actual: str, item: statement.Statement) -> None:
    if not index_definition.same_index(actual, item.text):
        raise errors.MigrationError(
            f"the index {name} exists already with another definition:\n  {actual}",
            "Give the new one another name, or drop the old one in a migration before this.",
        )


def _check_table(name: str, actual: str, wanted: str) -> None:
    if actual != wanted:
        raise errors.MigrationError(
            f"the index {name} exists, but on the table {actual}, not on {wanted}",
            "Rename one of the two; IF NOT EXISTS would accept it, because it compares names only.",
        )
