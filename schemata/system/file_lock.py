"""Locks of files, flock(2): they go with the process that holds them, however that ends."""

import contextlib
import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path
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


def hold(directory: Path) -> int | None:
    """Lock a directory and return its descriptor, which holds the lock until it is closed; None where another does.

    A child that inherits the descriptor holds it as well. None also for a directory that is gone or was replaced.
    """
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    except (FileNotFoundError, NotADirectoryError):
        return None
    with contextlib.suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(descriptor), os.stat(directory)):
            return descriptor
    os.close(descriptor)
    return None
