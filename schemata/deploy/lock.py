"""The deploy lock: an advisory lock taken by polling, never by waiting inside the server.

A blocked `SELECT pg_advisory_lock` holds a snapshot, a running CREATE INDEX CONCURRENTLY waits for
that snapshot, and PostgreSQL ends the deadlock by killing the index build (flyway#1654). A poll
holds nothing between two tries. The server frees the lock when its holder dies.
"""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from schemata import errors
from schemata.postgres import catalog, lock_holder, queries, sessions

_FIRST_PAUSE = 0.02
_LONGEST_PAUSE = 0.25
#: Seconds for another tool to give up: Prisma waits 10 for its lock, golang-migrate 15.
_OTHERS_PATIENCE = 30.0

Info = Callable[[str], None]
Result = TypeVar("Result")


class LockNotAvailable(errors.Busy):
    """The deploy lock stayed with somebody else for as long as we were told to wait."""

    def __init__(self, what: str, holders: list[lock_holder.Holder], waited: float) -> None:
        held = "; ".join(holder.describe() for holder in holders) or "a session that ended meanwhile"
        super().__init__(
            f"{what} is held by {held}; it was not released within {waited:g} s",
            "Nothing was changed. Run again when that deploy is over, or wait longer with --lock-wait.",
        )
        self.holders = tuple(holders)


class LockAwaited(errors.Busy):
    """Another tool waits inside the server for a lock of ours, which no CONCURRENTLY outlives."""

    def __init__(self, what: str, waiters: list[lock_holder.Holder], waited: float) -> None:
        told = "; ".join(waiter.describe() for waiter in waiters)
        super().__init__(
            f"{what} would wait for each session that waits for the other tool's lock, which this run holds, and "
            f"PostgreSQL would end it for the deadlock. After {waited:g} s there is still {told}",
            "Stop the other tool's deploy, then run again. The index was not built; what was applied before it stays.",
        )
        self.waiters = tuple(waiters)


def acquire(session: sessions.Session, wait: float, info: Info, done: Callable[[], bool]) -> bool:
    """Take the deploy lock for this session, within `wait` seconds.

    Returns False, without the lock, as soon as `done()` says that there is no need for it any more.
    Raises LockNotAvailable, naming the holder. The lock ends with the session.
    """
    return _poll(
        lambda: session.rows(f"SELECT pg_try_advisory_lock({lock_holder.KEY})") == [("t",)],
        lambda: catalog.holders(session.rows),
        "the deploy lock",
        wait,
        info,
        done,
    )


class Taken(Exception):
    """Through a pooler: somebody else's transaction holds the deploy lock in this moment."""


def pooled(run: Callable[[], Result], session: sessions.Session, wait: float, info: Info) -> Result:
    """Return what `run` returns, trying again while it raises Taken, with no transaction open in between.

    This is the lock's form for a transaction-mode pooler, where a session is nobody's: each transaction
    takes the same lock for itself. Raises LockNotAvailable after `wait` seconds.
    """
    result: list[Result] = []

    def take() -> bool:
        try:
            result.append(run())
        except Taken:
            return False
        return True

    _poll(take, lambda: catalog.holders(session.rows), "the deploy lock", wait, info, lambda: False)
    return result[0]


def still_ours(session: sessions.Session) -> bool:
    """Tell whether this session holds the lock, taking it again where a migration's SQL let it go."""
    return session.rows(f"SELECT pg_try_advisory_lock({lock_holder.KEY})") == [("t",)]


def acquire_other(session: sessions.Session, key: int, tool: str, wait: float, info: Info) -> None:
    """Take the lock of another tool as well, so that its pipeline and ours never run together."""
    _poll(
        lambda: session.rows(f"SELECT pg_try_advisory_lock({key})") == [("t",)],
        lambda: catalog.holders(session.rows, key),
        f"{tool}'s migration lock",
        wait,
        info,
        lambda: False,
    )


def wait_for_waiters(session: sessions.Session, what: str, info: Info) -> None:
    """Wait until nobody waits inside the server for a lock of this session. Raises LockAwaited.

    Who does, as other tools do where we hold their lock, has a snapshot that CREATE and REINDEX INDEX CONCURRENTLY wait
    for: a deadlock, of which the build is the victim, after all of its work.
    """
    deadline = time.monotonic() + _OTHERS_PATIENCE
    reported = False
    while waiters := catalog.lock_waiters(session.rows):
        if time.monotonic() > deadline:
            raise LockAwaited(what, waiters, _OTHERS_PATIENCE)
        if not reported:
            told = "; ".join(waiter.describe() for waiter in waiters)
            info(f"{what}: waiting until nobody waits for a lock of this run, up to {_OTHERS_PATIENCE:.0f} s: {told}")
            reported = True
        time.sleep(_LONGEST_PAUSE)


def wait_for_yoyo(session: sessions.Session, history_schema: str, wait: float, info: Info) -> None:
    """Wait until no plain yoyo holds its lock row; name its process id."""
    table = f"{queries.identifier(history_schema)}.yoyo_lock"
    pids: list[str | None] = []

    def is_free() -> bool:
        pids[:] = [row[0] for row in session.rows(f"SELECT pid FROM {table}")]
        return not pids

    _poll(
        is_free,
        lambda: [lock_holder.Holder(int(pid or 0), application=f"plain yoyo, client pid {pid}") for pid in pids],
        f"yoyo's lock row ({table})",
        wait,
        info,
        lambda: False,
    )


def _poll(
    take: Callable[[], bool],
    who: Callable[[], list[lock_holder.Holder]],
    what: str,
    wait: float,
    info: Info,
    done: Callable[[], bool],
) -> bool:
    deadline = time.monotonic() + wait
    pause = _FIRST_PAUSE
    reported = False
    while not take():
        if done():
            return False
        left = deadline - time.monotonic()
        if left <= 0:
            raise LockNotAvailable(what, who(), wait)
        if not reported and pause >= _LONGEST_PAUSE:
            held = "; ".join(holder.describe() for holder in who())
            info(f"waiting for {what}, up to {left:.0f} s; held by {held or 'a session that just ended'}")
            reported = True
        time.sleep(min(left, pause * random.uniform(0.5, 1.0)))
        pause = min(_LONGEST_PAUSE, pause * 1.5)
    return True
