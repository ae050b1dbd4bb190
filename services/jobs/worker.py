"""The loop of a worker: claim a job, keep it alive, do it, say how it ended.

A job is done once, whatever dies: its work and its success are one transaction, and the success is only recorded
while the job is still this worker's own. A worker that was taken for dead and comes back rolls back; one that stays
frozen in a transaction is put out of it by the server, and nobody waits for its locks longer than LOCK_TIMEOUT.
"""

import asyncio
import contextlib
import os
import random
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final

import psycopg
import psycopg.rows

from services import database, logs, system_settings, values
from services.jobs import queue
from services.web import readiness

#: Seconds: between two looks at an empty queue, between two tries to connect, between two purges, and that a job
#: may go on after the signal to stop.
IDLE: Final = 0.5
RECONNECT: Final = 0.5
PURGE_EVERY: Final = 600.0
GRACE: Final = 3.0
#: Seconds before the second attempt; doubled with each, up to the cap.
BACKOFF: Final = 1.0
BACKOFF_CAP: Final = 300.0
#: Seconds that a job waits for somebody else's lock before it goes back to the queue, and the longest pause then;
#: that the sweep waits, which can come again; and the least that a job's transaction may stand still.
LOCK_TIMEOUT: Final = 5.0
DEFER_CAP: Final = 60.0
SWEEP_LOCK_TIMEOUT: Final = 0.2
LEAST_IDLE: Final = 3.0

Connection = psycopg.AsyncConnection[psycopg.rows.DictRow]
#: Does the work of one kind in the transaction of the connection.
Handler = Callable[[Connection, Mapping[str, Any]], Awaitable[None]]
#: Says of what a job is about that it will not be done, in the transaction that fails the job; the text is for people.
GivenUp = Callable[[Connection, Mapping[str, Any], str], Awaitable[None]]


class Hopeless(Exception):
    """The job can never succeed; the text is for the reader of last_error."""


class _Lost(Exception):
    """The job belongs to another worker now."""


class Worker:
    """Work through one queue, one job at a time, until `stopping` is set."""

    def __init__(
        self,
        name: str,
        handlers: Mapping[str, Handler],
        given_up: Mapping[str, GivenUp],
        settings: dict[str, Any],
        ready: readiness.Readiness,
        stopping: asyncio.Event,
    ) -> None:
        self._queue = name
        self._handlers = handlers
        self._given_up = given_up
        self._arguments = {**settings, "row_factory": psycopg.rows.dict_row}
        self._ready = ready
        self._stopping = stopping
        # The random part tells it from a process of the same id in another container of the same name.
        self._me = f"{socket.gethostname()}:{os.getpid()}:{random.getrandbits(32):08x}"
        self._settings: Mapping[str, float] = system_settings.DEFAULTS

    async def run(self) -> None:
        """Work until it is time to stop; a database that is away is waited for."""
        said = ""
        while not self._stopping.is_set():
            try:
                async with self._connect() as control, self._connect() as work:
                    said = ""
                    await self._serve(control, work)
            except psycopg.Error as error:
                if (reason := database.in_words(error)) != said:
                    logs.LOG.warning("no work is taken: %s (%s)", reason, " ".join(str(error).split()))
                    said = reason
                await self._pause(RECONNECT)

    @contextlib.asynccontextmanager
    async def _connect(self) -> AsyncIterator[Connection]:
        connection: Connection = await psycopg.AsyncConnection.connect(**self._arguments)
        values.any_json(connection)
        try:
            # No limit for a statement: a job may take as long as its heart beats.
            await connection.execute(database.session(0, LOCK_TIMEOUT).encode())
            yield connection
        finally:
            await connection.close()

    async def _serve(self, control: Connection, work: Connection) -> None:
        swept = purged = float("-inf")
        while not self._stopping.is_set():
            if not (await self._ready.ask()).ready:
                await self._pause(IDLE)
                continue
            now = time.monotonic()
            if now - swept >= self._settings["jobs.heartbeat_seconds"]:
                await self._read_settings(control)
                # With our own name: what we held when a connection broke off is nobody's now.
                await self._sweep(control)
                swept = now
            if now - purged >= PURGE_EVERY:
                days = self._settings["jobs.keep_finished_days"]
                await control.execute(queue.PURGE, {"seconds": days * 86_400})
                purged = now
            job = await self._claim(control)
            if job is None:
                await self._pause(IDLE)
            else:
                await self._perform(control, work, job)

    async def _read_settings(self, control: Connection) -> None:
        cursor = await control.execute(system_settings.QUERY, (list(system_settings.KNOWN),))
        self._settings = system_settings.read(await cursor.fetchall())

    async def _sweep(self, control: Connection) -> None:
        for statement, text in ((queue.SWEEP, "was lost"), (queue.FAIL_SPENT, "had no attempt left")):
            skipped: list[int] = []
            while not self._stopping.is_set():
                row = await self._swept(control, statement, skipped)
                if row is None:
                    break
                # What it is about may be locked by the worker that was lost: the next sweep sees whether it still is.
                state = "left for the next look" if row["id"] in skipped else row["state"]
                logs.LOG.warning("job %s %s; now it is %s", row["id"], text, state)

    async def _swept(self, control: Connection, statement: str, skipped: list[int]) -> psycopg.rows.DictRow | None:
        arguments = {
            "queue": self._queue,
            "worker": self._me,
            "lost_after": self._settings["jobs.lost_after_seconds"],
            "kinds": list(self._handlers),
            "skipped": skipped,
        }
        row = None
        try:
            async with self._transaction(control, SWEEP_LOCK_TIMEOUT):
                row = await (await control.execute(statement.encode(), arguments)).fetchone()
                if row is not None and row["state"] == "failed":
                    await self._give_up(control, row)
        except psycopg.errors.LockNotAvailable:
            if row is None:
                raise
            skipped.append(row["id"])
        return row

    @contextlib.asynccontextmanager
    async def _transaction(self, connection: Connection, lock_timeout: float) -> AsyncIterator[None]:
        """Begin a transaction that the server ends when this process stands still, so that its locks go."""
        idle = max(LEAST_IDLE, self._settings["jobs.lost_after_seconds"])
        async with connection.transaction():
            await connection.execute(
                "SELECT set_config('idle_in_transaction_session_timeout', %s, true),"
                " set_config('lock_timeout', %s, true)",
                (f"{idle * 1000:.0f}", f"{lock_timeout * 1000:.0f}"),
            )
            yield

    async def _give_up(self, control: Connection, row: Mapping[str, Any]) -> None:
        """Tell what the job is about, in the transaction that fails the job. Raises LockNotAvailable."""
        tell = self._given_up.get(row["kind"])
        if tell is None:
            return
        try:
            async with control.transaction():
                times = "once" if row["attempt"] == 1 else f"{row['attempt']} times"
                reason = f"the platform tried it {times} and could not do it; job {row['id']} has the error"
                await tell(control, row["payload"], reason)
        except psycopg.errors.LockNotAvailable:
            raise
        except (psycopg.Error, Hopeless) as error:
            if control.closed:
                raise
            # The job has failed all the same; else it would be tried for ever.
            logs.LOG.warning("what job %s is about was not told: %s", row["id"], " ".join(str(error).split()))

    async def _claim(self, control: Connection) -> queue.Claimed | None:
        arguments = {"queue": self._queue, "worker": self._me, "kinds": list(self._handlers)}
        row = await (await control.execute(queue.CLAIM, arguments)).fetchone()
        return queue.Claimed(**row) if row else None

    async def _perform(self, control: Connection, work: Connection, job: queue.Claimed) -> None:
        began = time.monotonic()
        doing = asyncio.create_task(self._do(work, job))
        beating = asyncio.create_task(self._beat(control, job))
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({doing, beating, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if stopping.done() and not doing.done() and not beating.done():
                await asyncio.wait({doing, beating}, timeout=GRACE, return_when=asyncio.FIRST_COMPLETED)
            finished = doing.done()
            for task in (doing, beating, stopping):
                task.cancel()
            outcome, beat, _ = await asyncio.gather(doing, beating, stopping, return_exceptions=True)
        finally:
            for task in (doing, beating, stopping):
                task.cancel()
        facts = {"job": job.id, "kind": job.kind, "attempt": job.attempt, "seconds": round(time.monotonic() - began, 3)}
        if outcome is None:
            logs.LOG.info("job done", extra={"facts": facts})
        elif isinstance(outcome, _Lost) or isinstance(beat, _Lost):
            logs.LOG.warning("job was given to another; rolled back", extra={"facts": facts})
        elif not finished and isinstance(outcome, asyncio.CancelledError) and not isinstance(beat, Exception):
            await control.execute(queue.GIVE_BACK, self._mine(job))
            logs.LOG.info("job given back", extra={"facts": facts})
        elif control.closed or work.closed:
            raise psycopg.OperationalError("the connection broke off during a job")
        else:
            broken = beat if isinstance(outcome, asyncio.CancelledError) and isinstance(beat, Exception) else outcome
            await self._failed(control, job, broken, facts)

    async def _do(self, work: Connection, job: queue.Claimed) -> None:
        async with self._transaction(work, LOCK_TIMEOUT):
            await self._handlers[job.kind](work, job.payload)
            if await (await work.execute(queue.SUCCEED, self._mine(job))).fetchone() is None:
                raise _Lost

    async def _beat(self, control: Connection, job: queue.Claimed) -> None:
        while True:
            await asyncio.sleep(self._settings["jobs.heartbeat_seconds"])
            # A beat that waits for a lock is left out; the job goes on.
            with contextlib.suppress(psycopg.errors.LockNotAvailable):
                if await (await control.execute(queue.HEARTBEAT, self._mine(job))).fetchone() is None:
                    raise _Lost

    async def _failed(
        self, control: Connection, job: queue.Claimed, error: BaseException, facts: Mapping[str, Any]
    ) -> None:
        # A value that the database refuses is refused the next time too.
        hopeless = isinstance(error, Hopeless | psycopg.DataError)
        delay = min(BACKOFF_CAP, BACKOFF * 2 ** (job.attempt - 1)) * random.uniform(0.8, 1.2)
        text = f"{type(error).__name__}: {error}".replace("\x00", "")[:2_000]
        arguments = {**self._mine(job), "hopeless": hopeless, "delay": delay, "error": text}
        try:
            if isinstance(error, psycopg.errors.LockNotAvailable):
                raise error
            async with self._transaction(control, LOCK_TIMEOUT):
                row = await (await control.execute(queue.FAIL, arguments)).fetchone()
                if row is not None and row["state"] == "failed":
                    await self._give_up(control, row)
        except psycopg.errors.LockNotAvailable:
            await control.execute(queue.DEFER, {**self._mine(job), "cap": DEFER_CAP, "error": text})
            logs.LOG.warning("job waits for another's lock; queued for later", extra={"facts": facts})
            return
        state = row["state"] if row else "another's"
        unexpected = None if isinstance(error, Hopeless | psycopg.Error) else error
        logs.LOG.warning("job failed: %s; now it is %s", text, state, extra={"facts": facts}, exc_info=unexpected)

    def _mine(self, job: queue.Claimed) -> dict[str, Any]:
        return {"id": job.id, "worker": self._me, "attempt": job.attempt}

    async def _pause(self, seconds: float) -> None:
        # Not in step with the other workers.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds * random.uniform(0.8, 1.2))


def identifier(payload: Mapping[str, Any], name: str) -> int:
    """Return the id that a payload names; raises Hopeless if it names none."""
    value = payload.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value < 2**63:
        raise Hopeless(f"the payload has no {name}")
    return value
