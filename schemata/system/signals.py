"""SIGTERM as an exception, so that a deploy cleans up after itself as it does on Ctrl-C."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from schemata import errors


class Terminated(KeyboardInterrupt):
    """SIGTERM arrived. A KeyboardInterrupt, so that whatever cleans up after Ctrl-C does so after this."""


def _raise(number: int, frame: FrameType | None) -> None:
    raise Terminated


@contextlib.contextmanager
def raised() -> Iterator[None]:
    """Raise Terminated in the block when SIGTERM arrives; outside the main thread do nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _raise)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def interrupted(error: KeyboardInterrupt, rest: str, hint: str = "") -> errors.Interrupted:
    """Return the error for a run that a signal stopped; `rest` goes on behind its name, and says what is left."""
    terminated = isinstance(error, Terminated)
    return errors.Interrupted(
        f"stopped by {'SIGTERM' if terminated else 'SIGINT'}{rest}",
        hint,
        errors.TERMINATED if terminated else errors.INTERRUPTED,
    )


@contextlib.contextmanager
def ending(rest: str, hint: str = "") -> Iterator[None]:
    """Let SIGTERM and Ctrl-C end the block as errors.Interrupted, after what it has opened is closed."""
    with raised():
        try:
            yield
        except KeyboardInterrupt as error:
            raise interrupted(error, rest, hint) from error


@contextlib.contextmanager
def held() -> Iterator[None]:
    """Let no signal interrupt the block, which must be short: it cleans up after the first one."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """Let the block, which must be short, end before SIGTERM or SIGINT is handled; a second signal is not deferred."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    arrived: list[signal.Signals] = []

    def handle(number: int, frame: FrameType | None) -> None:
        name = signal.Signals(number)
        handler = before[name]
        if arrived and callable(handler):
            handler(number, frame)
        arrived.append(name)

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    for number in before:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        first = before[arrived[0]] if arrived else None
        if callable(first):
            first(arrived[0], None)
