"""Rows that a second session makes while the first one writes others: a table is filled by two cores."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager

from schemata.postgres import queries, sessions, waiting
from schemata.seed import parent_keys, records, shapes, statement

#: From so many rows on a second session is worth its start; so many are made between two looks at the progress.
LEAST = 200_000
BLOCK = 1_000_000

Open = Callable[[], AbstractContextManager[sessions.Session]]


class Lost(Exception):
    """Rows that were made ahead are not all there."""


class Helper:
    """A second session that makes the later half of some rows in a table of its own, where the first one takes them."""

    def __init__(self, first: sessions.Session, second: sessions.Session, history: str) -> None:
        self._first = first
        self._second = second
        self._history = history
        self._has_parents = False
        self._number = 0

    def fill(
        self,
        plan: statement.Plan,
        chosen: Mapping[int, tuple[shapes.Shape, ...]],
        there: parent_keys.Parents,
        first: int,
        last: int,
    ) -> None:
        """Write rows in the transaction of the first session, in their order.

        What they reference must be committed, and locked by the first session. Raises sessions.StatementFailed, Lost;
        then the table of the second session may stay until `clear`.
        """
        self._number += 1
        # With the number of the backend: the session of a run that was killed may still be at it.
        stage = f"{queries.identifier(self._history)}.seed_rows_{self._first.pid}_{self._number}"
        middle = (first + last) // 2
        making, taking = statement.ahead(plan, chosen, there, middle + 1, last, stage)
        parents = [] if self._has_parents else plan.parents_again(there)
        self._has_parents = True
        own = statement.insert(plan, chosen, there, first, middle)
        self._second.script("; ".join([*parents, making]), lambda: self._write(own))
        taken = self._first.script(taking)[0].command_status.decode()
        if taken != f"INSERT 0 {last - middle}":
            raise Lost(f"of {last - middle} rows that were made ahead came {taken}")

    def _write(self, text: str) -> None:
        self._first.script(text)


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


def clear(session: sessions.Session, history: str) -> None:
    """Drop the tables of rows that an interrupted or failed run made ahead."""
    for (table,) in session.rows(records.SQL["made_ahead"].format(history=queries.literal(history))):
        session.script(f"DROP TABLE IF EXISTS {table}")
