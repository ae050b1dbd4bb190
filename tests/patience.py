"""Waiting for what another process, a server or a container brings about."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 90.0  # seconds before a test says that something will never happen
# Seconds that something done at once may take on a busy machine: far below what it takes when it waits for its limit.
PROMPT = 6.0


def until(
    happened: Callable[[], T], what: str | Callable[[], str] = "it", patience: float = PATIENCE, pause: float = 0.02
) -> T:
    """Ask again and again until the answer is true, and return it; fail with `what` after `patience` seconds."""
    deadline = time.monotonic() + patience
    while not (answer := happened()):
        assert time.monotonic() < deadline, f"not within {patience:g} s: {what if isinstance(what, str) else what()}"
        time.sleep(pause)
    return answer
