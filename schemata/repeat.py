"""A question that is asked again and again, until a signal: `--watch`."""

import time
from collections.abc import Callable
from typing import TypeVar

from schemata import errors
from schemata.report import document, results
from schemata.system import signals

#: Seconds: less between two rounds would only load the servers.
LEAST = 0.1

Answer = TypeVar("Answer", bound=document.Result)


def until_stopped(
    once: Callable[[], Answer],
    every: float,
    show: Callable[[document.Result], None],
    unchanged: Callable[[Answer, Answer], document.Result | None] = lambda found, last: None,
) -> results.Message:
    """Ask every so many seconds until SIGINT or SIGTERM; the exit code is that of the last whole round.

    `unchanged` may return something shorter for a round that found what the one before it found. An error ends the
    first round and the whole; after that it is shown, and the next round tries again.
    """
    if every < LEAST:
        raise errors.ConfigError("--watch is too short", "Write how long to wait between two rounds, such as 60s.")
    last: Answer | None = None
    rounds, code = 0, errors.DONE
    with signals.raised():
        try:
            while True:
                began = time.monotonic()
                result: document.Result
                try:
                    found = once()
                except errors.Error as error:
                    if not rounds:
                        raise
                    result = results.Message(f"{now()} no answer: {error}", ok=False, exit_code=error.exit_code)
                    last = None
                else:
                    result = (None if last is None else unchanged(found, last)) or found
                    last = found
                # A signal must not cut what somebody reads, and the round that is shown is the last one.
                with signals.deferred():
                    rounds, code = rounds + 1, result.exit_code
                    show(result)
                time.sleep(max(0.0, every - (time.monotonic() - began)))
        except KeyboardInterrupt as stop:
            if not rounds:
                raise errors.Interrupted(
                    "Stopped before the first round was over.",
                    exit_code=errors.TERMINATED if isinstance(stop, signals.Terminated) else errors.INTERRUPTED,
                ) from stop
    told = document.number(rounds, "round")
    return results.Message(f"Stopped after {told}.", ok=not code, exit_code=code, facts={"rounds": rounds})


def now() -> str:
    """Return the time as a round is told with."""
    return time.strftime("%Y-%m-%d %H:%M:%S")
