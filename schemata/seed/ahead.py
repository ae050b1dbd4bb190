"""Rows that a second session makes while the first one writes others: a table is filled by two cores."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager

from schemata.postgres import queries, sessions, waiting
from schemata.seed import parent_keys, records, shapes, statement

#: From so many rows on a second session is worth its start; so many are made at a time.
LEAST = 200_000
BLOCK = 250_000
# The part that the first session makes itself besides taking what was made ahead: both are ready at the same time.
_OWN = 0.3

Open = Callable[[], AbstractContextManager[sessions.Session]]


class Lost(Exception):
    """Rows that were made ahead are not all there."""


class Helper:
    """A second session that makes the later part of some rows in a table of its own, where the first one takes them."""

    def __init__(self, first: sessions.Session, second: sessions.Session, history: str) -> None:
        self._first = first
        self._second = second
        self._history = history
        self._number = 0
        self._made: tuple[str, int] | None = None

    def count(self, query: str) -> int:
        """Let both sessions do what a script says, and return the number that it gives in the first one."""
        counted: list[int] = []
        self._second.script(query, lambda: counted.append(count(self._first, query)))
        return counted[0]

    def fill(
        self,
        plan: statement.Plan,
        chosen: Mapping[int, tuple[shapes.Shape, ...]],
        there: parent_keys.Parents,
        first: int,
        last: int,
    ) -> None:
        """Write rows in the transaction of the first session, in their order; the last ones only with `take`.

        What they reference must be committed, and locked by the first session; the keys must be there in both. Raises
        sessions.StatementFailed, Lost; then tables of the second session may stay until `clear`.
        """
        self._number += 1
        # With the number of the backend: the session of a run that was killed may still be at it.
        stage = f"{queries.identifier(self._history)}.seed_rows_{self._first.pid}_{self._number}"
        middle = first + int((last - first) * _OWN)
        making, taking = statement.ahead(plan, chosen, there, middle + 1, last, stage)
        own = statement.insert(plan, chosen, there, first, middle)
        self._second.script(making, lambda: self._write(own))
        self._made = (taking, last - middle)

    def take(self) -> None:
        """Write the rows that were made last. Raises as `fill`."""
        if self._made is None:
            return
        (taking, expected), self._made = self._made, None
        taken = self._first.script(taking)[0].command_status.decode()
        if taken != f"INSERT 0 {expected}":
            raise Lost(f"of {expected} rows that were made ahead came {taken}")

    def _write(self, own: str) -> None:
        self.take()
        self._first.script(own)


@contextlib.contextmanager
def helper(first: sessions.Session, open_second: Open | None, settings: str, history: str) -> Iterator[Helper | None]:
    """Give a helper for the time of the block; None where the server has no connection for it.

    :param settings: SQL of the settings that the first session has.
    """
    with contextlib.ExitStack() as stack:
        try:
            second = stack.enter_context(open_second()) if open_second and not first.pooled else None
        except waiting.ServerNotReady:
            second = None
        if second is not None:
            second.script(f"RESET search_path; {settings}")
        yield Helper(first, second, history) if second else None


def count(session: sessions.Session, query: str) -> int:
    """Return the number that the last statement of a script gives."""
    return int(str(session.rows(query)[0][0]))


def clear(session: sessions.Session, history: str) -> None:
    """Drop the tables of rows that an interrupted or failed run made ahead."""
    for (table,) in session.rows(records.SQL["made_ahead"].format(history=queries.literal(history))):
        session.script(f"DROP TABLE IF EXISTS {table}")
