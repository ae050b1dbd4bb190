"""Whether a key that came with a request is good: asked of the database, remembered for two seconds.

So a revoked key is refused after two seconds at the latest. Whether a key has expired, and whether its secret is
right, is checked with every request. A request writes nothing: the time of the last use is written in the background,
at most once a minute for a key.

However many requests come, one connection asks one question at a time, for all prefixes that came meanwhile: a flood
of keys that do not exist does not delay the others.
"""

import asyncio
import contextlib
import dataclasses
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import psycopg
import psycopg_pool

from services import database, logs
from services.api_keys import keys

#: Seconds for which a row is remembered: a revocation takes as long at the most.
REMEMBERED: Final = 2.0
#: Seconds that a request waits for the answer of the database.
PATIENCE: Final = 2.0
#: Seconds between two writes of when a key was last used, and from a use until it is written.
_USED_EVERY: Final = 60.0
_USED_AFTER: Final = 1.0
#: Rows that are remembered, also of prefixes that nobody has, and prefixes of one question.
_MOST: Final = 4_096
_AT_ONCE: Final = 256

# The time left is counted by the clock of the database, which is the same for all replicas. More than a day is no
# number here: the row is read again long before, and Python has no value for 'infinity' or the year 20000.
_ROWS: Final = """
SELECT k.prefix, k.id, k.name, k.user_id, k.key_hash, k.scopes, k.revoked_at IS NOT NULL, u.status <> 'active',
    CASE
        WHEN k.expires_at IS NULL OR k.expires_at > now() + interval '1 day' THEN NULL
        ELSE extract(epoch FROM greatest(k.expires_at, now() - interval '1 day') - clock_timestamp())::float8
    END
FROM public.api_keys AS k JOIN public.users AS u ON u.id = k.user_id
WHERE k.prefix = ANY(%s)
"""
# What another replica has just written, or is writing, is left to it.
_USED: Final = """
UPDATE public.api_keys SET last_used_at = now()
WHERE id IN (
    SELECT id FROM public.api_keys
    WHERE id = ANY(%s) AND (last_used_at IS NULL OR last_used_at < now() - interval '50 seconds')
    FOR NO KEY UPDATE SKIP LOCKED
)
"""


class Unavailable(Exception):
    """The database cannot be asked whether a key is good; the text says why."""


@dataclasses.dataclass(frozen=True)
class _Row:
    """What the database has for a prefix, and when (time.monotonic) it was asked; `key` is None where there is none."""

    asked_at: float
    key: keys.Key | None = None
    hash: bytes | None = None
    is_revoked: bool = False
    is_suspended: bool = False
    expires_at: float | None = None


def pool(settings: Mapping[str, Any]) -> psycopg_pool.AsyncConnectionPool[psycopg.AsyncConnection[Any]]:
    """Return a pool for `Checker`, of one connection that is made when it is needed; it is not open yet."""
    return psycopg_pool.AsyncConnectionPool(
        kwargs=dict(settings),
        min_size=0,
        max_size=1,
        timeout=PATIENCE,
        reconnect_timeout=1.0,
        configure=_configure,
        check=psycopg_pool.AsyncConnectionPool.check_connection,
        open=False,
    )


async def _configure(connection: psycopg.AsyncConnection[Any]) -> None:
    await connection.execute(database.session(PATIENCE, PATIENCE).encode())


class Checker:
    """Checks keys, for one event loop. `open` before the first request, `close` after the last."""

    def __init__(self, connections: psycopg_pool.AsyncConnectionPool[Any]) -> None:
        self._pool = connections
        self._known: dict[str, _Row] = {}
        self._wanted: dict[str, asyncio.Future[_Row]] = {}
        self._asking: asyncio.Task[None] | None = None
        self._used: set[int] = set()
        self._written: dict[int, float] = {}
        self._writing: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Make ready to ask; does not wait for the database."""
        await self._pool.open()

    async def close(self) -> None:
        """Write what is not yet written of when keys were used, if that is done soon, and disconnect."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.wait({self._writing}, timeout=PATIENCE / 4)
        if self._used:
            await self._write(PATIENCE / 4)
        if self._asking is not None:
            _give_up(self._asking)
        await self._pool.close(timeout=PATIENCE / 4)

    async def authenticate(self, text: str) -> keys.Key:
        """Return the key of this text.

        Raises Rejected with the reason, or Unavailable when the database cannot be asked. The
        reason is given only for a key whose secret is right: a prefix alone reveals nothing.
        """
        given = keys.of_text(text)
        row = self._known.get(given.prefix)
        if row is None or time.monotonic() - row.asked_at > REMEMBERED:
            row = await self._ask(given.prefix)
        if not keys.is_equal(given.hash, row.hash) or row.key is None:
            raise keys.Rejected("it is not known")
        if row.is_revoked:
            raise keys.Rejected("it was revoked")
        if row.expires_at is not None and time.monotonic() >= row.expires_at:
            raise keys.Rejected("it has expired")
        if row.is_suspended:
            raise keys.Rejected("its user is not active")
        self._note(row.key.id)
        return row.key

    async def _ask(self, prefix: str) -> _Row:
        """Return the row of a prefix; requests for the same one share the question."""
        future = self._wanted.get(prefix)
        if future is None:
            future = self._wanted[prefix] = asyncio.get_running_loop().create_future()
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask_all())
        try:
            # Shielded: who hangs up takes nobody else's answer away.
            return await asyncio.wait_for(asyncio.shield(future), PATIENCE + 0.5)
        except TimeoutError:
            raise Unavailable("the database does not answer in time") from None

    async def _ask_all(self) -> None:
        """Ask for what is wanted until nothing is."""
        while self._wanted:
            batch = dict(list(self._wanted.items())[:_AT_ONCE])
            for prefix in batch:
                del self._wanted[prefix]
            answer: dict[str, _Row] | Unavailable
            try:
                answer = await _within(self._rows(list(batch)), PATIENCE)
            except TimeoutError:
                answer = Unavailable("the database does not answer in time")
            except psycopg.Error as error:
                logs.LOG.warning("keys cannot be checked; the database answered: %s", " ".join(str(error).split()))
                answer = Unavailable(_in_words(error))
            for prefix, future in batch.items():
                if future.done():
                    continue
                if isinstance(answer, Unavailable):
                    future.set_exception(answer)
                    future.exception()  # marks it as read: the requests that waited may be gone
                else:
                    self._remember(prefix, answer[prefix])
                    future.set_result(answer[prefix])

    async def _rows(self, prefixes: Sequence[str]) -> dict[str, _Row]:
        asked_at = time.monotonic()
        async with self._pool.connection() as connection:
            stored = await (await connection.execute(_ROWS, (list(prefixes),))).fetchall()
        rows = {prefix: _Row(asked_at) for prefix in prefixes}
        for prefix, number, name, user, hashed, scopes, revoked, suspended, seconds in stored:
            key = keys.Key(number, name, prefix, user, frozenset(scopes))
            # From the question, not from the answer: a moment early rather than late.
            expires_at = None if seconds is None else asked_at + seconds
            rows[prefix] = _Row(asked_at, key, bytes(hashed), revoked, suspended, expires_at)
        return rows

    def _remember(self, prefix: str, row: _Row) -> None:
        self._known.pop(prefix, None)
        while len(self._known) >= _MOST:
            del self._known[next(iter(self._known))]
        self._known[prefix] = row

    def _note(self, number: int) -> None:
        """Have it written that a key was used, unless that is so already."""
        if time.monotonic() - self._written.get(number, float("-inf")) < _USED_EVERY:
            return
        self._written[number] = time.monotonic()
        self._used.add(number)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_soon())

    async def _write_soon(self) -> None:
        await asyncio.sleep(_USED_AFTER)
        await self._write(PATIENCE)

    async def _write(self, seconds: float) -> None:
        used, self._used = self._used, set()

        async def update() -> None:
            async with self._pool.connection() as connection:
                await connection.execute(_USED, (sorted(used),))

        try:
            await _within(update(), seconds)
        except (psycopg.Error, TimeoutError) as error:
            # The requests were answered all the same; a use after the next minute tries again.
            text = " ".join(str(error).split()) or "nothing"
            logs.LOG.warning("last_used_at was not written; the database answered: %s", text)


async def _within(work: Any, seconds: float) -> Any:
    """Return what the work returns; raises TimeoutError when it takes longer, without waiting for its end."""
    task = asyncio.ensure_future(work)
    try:
        # Not asyncio.timeout: it would wait for the cancellation, and a frozen server does not answer that either.
        await asyncio.wait({task}, timeout=seconds)
    except asyncio.CancelledError:
        _give_up(task)
        raise
    if not task.done():
        _give_up(task)
        raise TimeoutError
    return task.result()


def _give_up(task: "asyncio.Task[Any]") -> None:
    task.cancel()
    # The second cancellation makes psycopg close the connection without waiting for the server.
    asyncio.get_running_loop().call_later(0.2, task.cancel)
    task.add_done_callback(_read)


def _read(task: "asyncio.Task[Any]") -> None:
    with contextlib.suppress(asyncio.CancelledError, psycopg.Error):
        task.result()


def _in_words(error: psycopg.Error) -> str:
    if error.sqlstate == "42501":
        return "the service's account may not read the keys"
    if isinstance(error, psycopg_pool.PoolTimeout):
        return "the database does not answer in time"
    return database.in_words(error)
