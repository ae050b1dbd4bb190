"""Whether the service may take traffic: `/ready` asks the database with a connection of its own.

Of its own, so that a full pool does not look like a database that is away, and so that it is there again in the moment
in which the database is: nothing waits out a pause between two tries.
"""

import asyncio
from typing import Any

import psycopg

from schemata import readiness
from services import database, logs

#: Seconds until the answer is "unready".
PATIENCE = 2.0


class Readiness:
    """The question of `/ready`, asked once at a time: those who ask meanwhile get the same answer."""

    def __init__(self, build: Any, settings: dict[str, Any]) -> None:
        self._build = build
        self._settings = settings
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._asking: asyncio.Task[readiness.Verdict] | None = None
        self._last = ""

    async def ask(self) -> readiness.Verdict:
        """Return the verdict, within about two seconds whatever the database does."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._verdict())
        # Shielded: who hangs up takes nobody else's answer away.
        return await asyncio.shield(self._asking)

    async def close(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    async def _verdict(self) -> readiness.Verdict:
        asked = asyncio.create_task(self._judged())
        # Not asyncio.timeout: it would wait for the cancellation, and a frozen server does not answer that either.
        await asyncio.wait({asked}, timeout=PATIENCE)
        if not asked.done():
            self._connection = None
            asked.cancel()
            # The second cancellation makes psycopg close the connection without waiting for the server.
            asyncio.get_running_loop().call_later(0.2, asked.cancel)
            verdict = self._unready("the database does not answer in time")
        else:
            error = asked.exception()
            if error is None:
                verdict = asked.result()
            elif isinstance(error, psycopg.Error):
                await self.close()
                verdict = self._unready(database.in_words(error), str(error))
            else:
                raise error
        if verdict.ready and self._last:
            logs.LOG.info("ready", extra={"facts": {"revision": verdict.revision}})
        elif verdict.reason and verdict.reason != self._last:
            logs.LOG.warning("not ready: %s", verdict.reason)
        self._last = verdict.reason
        return verdict

    async def _judged(self) -> readiness.Verdict:
        if self._connection is not None and not self._connection.closed:
            try:
                return await self._answer(self._connection)
            except psycopg.OperationalError:
                await self.close()  # of a server that is gone; perhaps a new one is there already
        connection = await psycopg.AsyncConnection.connect(**self._settings)
        self._connection = connection
        await connection.execute(database.session(PATIENCE).encode())
        return await self._answer(connection)

    async def _answer(self, connection: psycopg.AsyncConnection[Any]) -> readiness.Verdict:
        try:
            rows = await (await connection.execute(readiness.question(self._build).encode())).fetchall()
        except psycopg.Error as error:
            if error.sqlstate not in readiness.NO_HISTORY:
                raise
            rows = []
        return readiness.judge(self._build, rows[0] if rows else None)

    def _unready(self, reason: str, said: str = "") -> readiness.Verdict:
        if said and reason != self._last:
            logs.LOG.warning("the database said: %s", " ".join(said.split()))
        return readiness.Verdict(False, reason, "", self._build.last)
