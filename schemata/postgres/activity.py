"""A monitor of a running statement: who blocks it, how far an index build is.

It takes a connection of its own, and does without where none is free: nothing that a deploy needs waits for it.
"""

import json
import threading
import time
from collections.abc import Callable
from types import TracebackType

from schemata.postgres import libpq, lock_holder, queries, query_client

_SQL = queries.load("server")

# Seconds: for a login, and until the next one where there was none, so that it is not in the way of those that
# have no connection yet.
_LOGIN, _AGAIN = 1.0, 10.0
# Seconds: for an answer, and until a connection that nothing is asked of is given back.
_ANSWER, _IDLE = 2.0, 5.0

Progress = Callable[[str], None]


class Monitor:
    """A thread that asks, over a connection of its own, why the statement of one backend takes long.

    It connects only once a statement has run for `patience` seconds, and gives the connection back some
    seconds after that has ended. What it cannot learn it leaves out: it never disturbs the migration.
    """

    def __init__(self, url: str, pid: int, patience: float, progress: Progress) -> None:
        self._url = url
        self._pid = pid
        self._patience = patience
        self._progress = progress
        self._since: float | None = None
        self._building = False
        self._blockers: tuple[lock_holder.Holder, ...] = ()
        self._connecting = False
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="schemata-watch", daemon=True)

    def __enter__(self) -> "Monitor":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        # A login that is under way ends by itself; nobody waits for it.
        self._thread.join(timeout=0.1 if self._connecting else 2)

    def begin(self, *, building_index: bool = False) -> None:
        """Say that a statement starts now."""
        self._blockers = ()
        self._building = building_index
        self._since = time.monotonic()

    def end(self) -> tuple[lock_holder.Holder, ...]:
        """Say that it ended; return who was last seen blocking it."""
        self._since = None
        return self._blockers

    def _run(self) -> None:
        connection: libpq.Connection | None = None
        last = ""
        not_before = used = 0.0
        while not self._over.wait(self._patience / 2):
            since = self._since
            if since is None or time.monotonic() - since < self._patience:
                if connection is not None and time.monotonic() - used > _IDLE:
                    connection.close()
                    connection = None
                continue
            if connection is None and time.monotonic() < not_before:
                continue
            try:
                if connection is None:
                    connection = self._connect()
                used = time.monotonic()
                seen = self._blocking(connection)
                if seen and self._since == since:
                    self._blockers = seen
                text = self._building_text(connection) if self._building else ""
                if seen and not text and time.monotonic() - since > 10 * self._patience:
                    text = "waiting for " + "; ".join(holder.describe() for holder in seen)
                if text and text != last:
                    last = text
                    self._progress(text)
            except (libpq.ConnectFailed, libpq.ConnectionLost, libpq.QueryFailed):
                if connection is not None:
                    connection.close()
                connection = None
                not_before = time.monotonic() + _AGAIN
        if connection is not None:
            connection.close()

    def _connect(self) -> libpq.Connection:
        self._connecting = True
        try:
            return query_client.connect(self._url, timeout=_LOGIN, application_name="schemata watch")
        finally:
            self._connecting = False

    def _blocking(self, connection: libpq.Connection) -> tuple[lock_holder.Holder, ...]:
        text = connection.query(_SQL["blockers"].format(pid=self._pid), timeout=_ANSWER)[0][0]
        return tuple(lock_holder.Holder(**item) for item in json.loads(str(text)))

    def _building_text(self, connection: libpq.Connection) -> str:
        rows = connection.query(_SQL["index_progress"].format(pid=self._pid), timeout=_ANSWER)
        if not rows:
            return ""
        phase, blocks, blocks_total, tuples, tuples_total, _, lockers, locker = json.loads(str(rows[0][0]))
        if lockers and locker:
            return f"{phase}: waiting for backend {locker}"
        done, total = (tuples, tuples_total) if tuples_total else (blocks, blocks_total)
        return f"{phase}: {100 * done // total} %" if total else str(phase)
