"""The connections of a service that answers requests: a pool, whose values are as an answer shows them."""

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

import psycopg
import psycopg.rows
import psycopg_pool
from psycopg import sql

from services import database, values

#: Seconds that a request waits for a connection.
PATIENCE: Final = 2.0
SIZE: Final = 8

Row = dict[str, Any]
Connection = psycopg.AsyncConnection[Row]
Query = str | sql.Composed


class Pool:
    """Connections that are used for one statement or one transaction at a time.

    Asking a connection whether it is alive before each query would double the round trips. Instead, one that turns
    out to be dead makes the pool check all the others, and the query is sent again.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._pool: psycopg_pool.AsyncConnectionPool[Connection] = psycopg_pool.AsyncConnectionPool(
            kwargs={**settings, "row_factory": psycopg.rows.dict_row},
            min_size=1,
            max_size=SIZE,
            timeout=PATIENCE,
            # Tries go on with the next request, not after a pause that doubles with each failure.
            reconnect_timeout=1.0,
            configure=_configure,
            open=False,
        )

    async def open(self) -> None:
        """Start to connect; does not wait for the database."""
        await self._pool.open()

    async def close(self) -> None:
        """Disconnect."""
        await self._pool.close(timeout=0.5)

    async def fetch(self, query: Query, arguments: Mapping[str, Any] | Sequence[Any] = ()) -> list[Row]:
        """Return the rows of a question. It is asked twice when the connection was dead: it must change nothing."""
        try:
            return await self._fetch(query, arguments)
        except psycopg.OperationalError as error:
            if not _died(error):
                raise
        await self._pool.check()
        return await self._fetch(query, arguments)

    async def _fetch(self, query: Query, arguments: Mapping[str, Any] | Sequence[Any]) -> list[Row]:
        async with self._pool.connection() as connection:
            return await fetch(connection, query, arguments)

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Give a connection that lives, in a transaction that is committed at the end of the block."""
        async with contextlib.AsyncExitStack() as stack:
            connection = await stack.enter_async_context(self._pool.connection())
            try:
                await self._pool.check_connection(connection)
            except psycopg.OperationalError:
                await stack.aclose()
                await self._pool.check()
                connection = await stack.enter_async_context(self._pool.connection())
            async with connection.transaction():
                yield connection


async def fetch(connection: Connection, query: Query, arguments: Mapping[str, Any] | Sequence[Any] = ()) -> list[Row]:
    """Return the rows of a statement on this connection."""
    text = query.encode() if isinstance(query, str) else query
    return await (await connection.execute(text, arguments)).fetchall()


def _died(error: psycopg.OperationalError) -> bool:
    """Tell whether the connection was closed behind our back, by the server or by what lies between."""
    if isinstance(error, psycopg_pool.PoolTimeout | psycopg_pool.PoolClosed):
        return False
    return error.sqlstate is None or error.sqlstate.startswith(("57P", "08"))


async def _configure(connection: Connection) -> None:
    values.as_text(connection)
    await connection.execute(database.session().encode())
