"""The boot queue: of many boots with something to do, one at a time loads the whole engine.

It is a second advisory lock, held by the light connection. It saves work and guards nothing: the deploy lock is
taken all the same.
"""

import time

from schemata.history import up_to_date
from schemata.migrations import builds
from schemata.postgres import libpq

QUEUE_KEY = int.from_bytes(b"scheGATE", "big")
_CHANNEL = "schemata_gate"
# Seconds between two looks of one that waits, and until it gives its connection back for a moment.
_QUEUE_PAUSE, _QUEUE_HOLD = 0.5, 3.0


def await_turn(connection: libpq.Connection, build_: builds.Build, deadline: float) -> "bool | None":
    """Wait for our turn; False when meanwhile somebody else did everything there was to do.

    The lock is held by this connection until it is closed. At the deadline (time.monotonic) we go on without
    it, so that the deploy lock's own wait can name its holder. None when it is still held after a while: a
    crowd that waits long must give its connections back, or the boot at work finds none left.
    """
    if connection.query("SELECT pg_backend_pid()", timeout=30) != [(str(connection.backend_pid),)]:
        return True  # through a pooler a session's lock would stay with the next one that gets it
    history = build_.settings["history"]
    attempt = f"SELECT pg_try_advisory_lock({QUEUE_KEY})"
    ours = connection.query(attempt, timeout=30)
    if ours != [("t",)]:
        # To be told costs nothing while it works, and all that wait learn of its end in the same moment.
        ours = connection.query(f"LISTEN {_CHANNEL}; {attempt}", timeout=30)
    until = time.monotonic() + _QUEUE_HOLD
    while ours != [("t",)]:
        if time.monotonic() > deadline:
            return True
        if time.monotonic() > until:
            return None
        if connection.hears(_QUEUE_PAUSE) and up_to_date.up_to_date(up_to_date.ask(connection, history), build_):
            return False
        ours = connection.query(attempt, timeout=30)
    return not up_to_date.up_to_date(up_to_date.ask(connection, history), build_)


def end_turn(connection: libpq.Connection) -> None:
    """Release the queue's lock and tell those that wait. A connection that was lost did both in its way."""
    try:
        connection.query(f"SELECT pg_advisory_unlock({QUEUE_KEY}); NOTIFY {_CHANNEL}", timeout=5)
    except (libpq.ConnectionLost, libpq.QueryFailed):
        return


def enter(connection: libpq.Connection) -> None:
    """Take the queue's lock if it is free, for a session that comes after one that had it and was lost."""
    try:
        if connection.query("SELECT pg_backend_pid()", timeout=30) == [(str(connection.backend_pid),)]:
            connection.query(f"SELECT pg_try_advisory_lock({QUEUE_KEY})", timeout=30)
    except (libpq.ConnectionLost, libpq.QueryFailed):
        return
