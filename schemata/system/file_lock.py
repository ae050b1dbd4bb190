"""Locks of files, flock(2): they go with the process that holds them, however that ends."""

import fcntl
import time
from collections.abc import Callable
from typing import TextIO

_PAUSE_SECONDS = 0.02


def acquire(file: TextIO, patience: float, unless: Callable[[], bool] = lambda: False) -> bool:
    """Wait for the lock of an open file and hold it until that is closed; False when it could not be had.

    :param patience: seconds.
    :param unless: asked while somebody else holds it: whether there is nothing to wait for any more.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if unless() or time.monotonic() > deadline:
                return False
        time.sleep(_PAUSE_SECONDS)
