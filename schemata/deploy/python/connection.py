"""The connection that a step in Python is given: psycopg's own class over the session of the deploy.

It is the same server session that holds the deploy lock and writes the record, so that both are committed together.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import psycopg
from psycopg import sql as composed
from psycopg.pq import abc

from schemata.deploy.python import failures
from schemata.postgres import libpq, query_client, sessions
from schemata.sql import lexer

_ENDS = frozenset(("begin", "start", "commit", "end", "abort", "prepare", "rollback"))


class MigrationCursor(psycopg.Cursor[Any]):
    """A cursor that sends nothing which would end the transaction of the migration."""

    def execute(self, query: Any, *arguments: Any, **options: Any) -> "MigrationCursor":
        """Execute a query as psycopg does. Raises TransactionRefused for COMMIT and its like."""
        self._check(query)
        return super().execute(query, *arguments, **options)

    def executemany(self, query: Any, *arguments: Any, **options: Any) -> None:
        """Execute a query many times as psycopg does. Raises TransactionRefused for COMMIT and its like."""
        self._check(query)
        super().executemany(query, *arguments, **options)

    def _check(self, query: Any) -> None:
        lent = self.connection
        assert isinstance(lent, MigrationConnection)
        lent.last_query = _text(query, lent)
        if lent.is_transactional and (word := transaction_word(lent.last_query)):
            raise failures.TransactionRefused(word)


class MigrationConnection(psycopg.Connection[Any]):
    """A connection of psycopg's whose transaction, if it runs in one, is not the caller's to end."""

    is_transactional = False
    is_own = False
    last_query = ""

    def __del__(self, *_: Any) -> None:
        """Say nothing about being open: the session is the deploy's, which closes it."""

    def commit(self) -> None:
        """Commit, where the migration says that it runs without a transaction."""
        self._refuse("connection.commit()")
        super().commit()

    def rollback(self) -> None:
        """Roll back, where the migration says that it runs without a transaction."""
        self._refuse("connection.rollback()")
        super().rollback()

    def set_autocommit(self, value: bool) -> None:
        """Change autocommit, where the migration says that it runs without a transaction."""
        self._refuse(f"connection.autocommit = {value}")
        super().set_autocommit(value)

    def close(self) -> None:
        """Refuse where the session is a deploy's."""
        if self.is_own:
            super().close()
            return
        raise failures.TransactionRefused("connection.close()")

    def _refuse(self, what: str) -> None:
        if self.is_transactional:
            raise failures.TransactionRefused(what)


def own(connection: libpq.Connection) -> MigrationConnection:
    """Return psycopg's connection over one that was opened through psycopg and is the caller's own."""
    handle: Any = connection.handle
    made = MigrationConnection(handle)
    made.autocommit = True
    made.is_own = True
    return made


@contextlib.contextmanager
def lent(session: sessions.Session, *, transactional: bool) -> Iterator[MigrationConnection]:
    """Give psycopg's connection over a session that was opened through psycopg, and is idle."""
    handle: Any = session.connection.handle
    assert query_client.is_through_psycopg(session.connection)
    hears = handle.notice_handler
    connection = MigrationConnection(handle)
    # As yoyo gives it: BEGIN and COMMIT are said explicitly.
    connection.autocommit = True
    # What is prepared in the session is dropped behind psycopg's back.
    connection.prepare_threshold = None
    connection.cursor_factory = MigrationCursor
    connection.is_transactional = transactional
    told = handle.notice_handler

    def hear(result: abc.PGresult) -> None:
        for handler in (hears, told):
            if handler is not None:
                handler(result)

    handle.notice_handler = hear
    try:
        yield connection
    finally:
        handle.notice_handler = hears
        handle.notify_handler = None


def transaction_word(sql: str) -> str:
    """Return the first statement of a text that begins or ends a transaction; empty where there is none.

    >>> transaction_word("UPDATE t SET a = %s; COMMIT"), transaction_word("ROLLBACK TO SAVEPOINT a")
    ('COMMIT', '')
    """
    for span in lexer.spans(sql):
        word = lexer.first_word(sql, span.start)
        words = sql[span.start : span.end].lower().split()
        if word not in _ENDS:
            continue
        if word == "rollback" and "to" in words and "prepared" not in words:
            continue
        if word == "prepare" and words[1:2] != ["transaction"]:
            continue
        return lexer.brief(sql, span.start, span.end, 40)
    return ""


def _text(query: Any, connection: MigrationConnection) -> str:
    if isinstance(query, composed.Composable):
        return query.as_string(connection)
    return query.decode("utf-8", "replace") if isinstance(query, bytes) else str(query)
