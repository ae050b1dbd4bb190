"""How many sessions a service has at the server: asked of pg_stat_activity over a connection of its own."""

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Any

import psycopg

_COUNT = """
SELECT count(*), count(*) FILTER (WHERE state <> 'idle')
FROM pg_stat_activity WHERE datname = current_database() AND application_name = %s
"""
#: Seconds between two looks, and until a session that is still at work after a load counts as left behind.
_PAUSE, _PATIENCE = 0.05, 5.0


class Observer:
    """Counts the sessions of one application in one database."""

    def __init__(self, url: str, application: str) -> None:
        self._url, self._application = url, application

    def settled(self) -> tuple[int, int]:
        """Return how many sessions there are, and how many of them are at work, once none is or time is over."""
        deadline = time.monotonic() + _PATIENCE
        with psycopg.connect(self._url, autocommit=True, application_name="observer") as connection:
            while True:
                there, busy = self._count(connection)
                if not busy or time.monotonic() > deadline:
                    return there, busy
                time.sleep(_PAUSE)

    @contextlib.contextmanager
    def most(self) -> Iterator[list[int]]:
        """Give a list of one number, which after the block is the most sessions that there were during it."""
        found = [0]
        enough = threading.Event()

        def look() -> None:
            with psycopg.connect(self._url, autocommit=True, application_name="observer") as connection:
                while not enough.wait(_PAUSE):
                    found[0] = max(found[0], self._count(connection)[0])

        thread = threading.Thread(target=look)
        thread.start()
        try:
            yield found
        finally:
            enough.set()
            thread.join()

    def _count(self, connection: psycopg.Connection[Any]) -> tuple[int, int]:
        row = connection.execute(_COUNT, (self._application,)).fetchone()
        assert row is not None
        return int(row[0]), int(row[1])
