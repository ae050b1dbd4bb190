"""Two runs of one backfill exclude each other: by a lock of the session, or, through a pooler, by a lease.

The lock is not the deploy lock: starts and deploys go on while a backfill of hours runs. Through a transaction-mode
pooler no session is anybody's. There each transaction takes the same lock for itself, and the row of the history says
whose turn it is for as long as it is touched now and then. Either form keeps out the other.
"""

import hashlib
import time
from collections.abc import Callable

from schemata.changes import progress_rows
from schemata.changes.backfill import outcome
from schemata.postgres import catalog, deployer, sessions

#: Seconds without a sign of life after which a run through a pooler counts as dead; and between two signs at most.
LEASE = 20.0
RENEWAL = 4.0
# A backend whose client was killed in the middle of a statement notices that within five seconds.
_PATIENCE = 12.0
_PAUSE = 0.25
_POOLED = " through a pooler"

Info = Callable[[str], None]


def key(history: str, change: str) -> int:
    """Return the number of the advisory lock of one change's backfill; it is not negative.

    >>> key("schemata", "a") == key("schemata", "a") != key("schemata", "b")
    True
    """
    digest = hashlib.sha256(f"{history}\0backfill\0{change}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def runner(who: deployer.Client, backend: int, *, pooled: bool) -> str:
    """Return how a run calls itself in its row."""
    whence = _POOLED if pooled else f", backend {backend}"
    return f"pid {who.pid} on {who.host}{whence}, since {who.started}"


def guard(number: int) -> str:
    """Return the statement that takes the lock for a transaction; it fails (division by zero) where it is not free."""
    return f"SELECT 1 / pg_try_advisory_xact_lock({number})::int"


class Exclusion:
    """The right of one run to work on a change."""

    def __init__(self, session: sessions.Session, history: str, change: str) -> None:
        self._session, self._history, self._change = session, history, change
        self.number = key(history, change)
        self.runner = runner(session.client, session.pid, pooled=session.pooled)

    def acquire(self, info: Info) -> progress_rows.Progress | None:
        """Keep other runs out, and return the row as it is then; None where there is none.

        The row is to be taken next, by its runner as it is in what is returned. Raises outcome.AlreadyRunning.
        """
        seen = self._read()
        first = seen
        deadline = time.monotonic() + _PATIENCE
        told = False
        while True:
            taken = self._session.pooled or self._try()
            who = self._other(seen)
            if taken and not who:
                return seen
            if taken and not self._session.pooled:
                self._session.script(f"SELECT pg_advisory_unlock({self.number})")
            if self._moved(first, seen) or (time.monotonic() > deadline and not self._is_leased(seen)):
                raise outcome.AlreadyRunning(self._change, who or self._named(seen) or "a session that ended just now")
            if not told and time.monotonic() > deadline - _PATIENCE + 2:
                info(f"waiting to see whether {who or self._named(seen) or 'the run that was here'} is still at work")
                told = True
            time.sleep(_PAUSE)
            seen = self._read()

    def renew(self) -> None:
        """Give a sign of life. Raises outcome.TakenOver."""
        if not self._session.rows(progress_rows.renew(self._history, self._change, self.runner)):
            raise self.taken_over()

    def release(self) -> None:
        """Let another run begin at once."""
        self._session.script(progress_rows.release(self._history, self._change, self.runner))

    def is_ours(self) -> bool:
        """Tell whether the row still names this run."""
        row = self._read()
        return row is not None and row.runner == self.runner

    def taken_over(self) -> outcome.TakenOver:
        """Return the error for a row that names another run."""
        row = self._read()
        return outcome.TakenOver(self._change, row.runner if row else "")

    def held(self) -> outcome.AlreadyRunning:
        """Return the error for a lock that another session has."""
        return outcome.AlreadyRunning(self._change, self._named(self._read()) or "another session")

    def _try(self) -> bool:
        return self._session.rows(f"SELECT pg_try_advisory_lock({self.number})") == [("t",)]

    def _read(self) -> progress_rows.Progress | None:
        return progress_rows.read(self._session.rows, self._history).get(self._change)

    def _holders(self) -> list[str]:
        own = self._session.pid
        return [one.describe() for one in catalog.holders(self._session.rows, self.number) if one.pid != own]

    def _other(self, row: progress_rows.Progress | None) -> str:
        """Return who else is at work; "" for nobody: its lock is free, or its lease is over."""
        if self._session.pooled and (holders := self._holders()):
            return self._named(row) or holders[0]
        if row is None or not row.runner or row.runner == self.runner:
            return ""
        # A run with a session of its own has its lock for as long as it lives.
        return self._named(row) if _POOLED in row.runner and row.age < LEASE else ""

    def _is_leased(self, row: progress_rows.Progress | None) -> bool:
        return row is not None and _POOLED in row.runner and not self._holders()

    def _named(self, row: progress_rows.Progress | None) -> str:
        if row is not None and row.runner:
            return f"another process: {row.runner}"
        return "; ".join(self._holders())

    @staticmethod
    def _moved(first: progress_rows.Progress | None, now: progress_rows.Progress | None) -> bool:
        """Tell whether somebody worked on the row since it was seen first."""
        if first is None or now is None:
            return first is not now
        return bool(now.runner) and (first.updated_at, first.rows) != (now.updated_at, now.rows)
