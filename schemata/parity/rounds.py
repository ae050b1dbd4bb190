"""`inv parity --watch`: the same question again and again, until a signal."""

import time
from collections.abc import Callable

from schemata import errors
from schemata.parity.reports import outcome, report
from schemata.report import document, results
from schemata.system import signals

#: Seconds: less between two rounds would only load the servers.
LEAST = 0.1


def repeat(
    once: Callable[[], report.Report], every: float, show: Callable[[document.Result], None], *, whole: bool = False
) -> results.Message:
    """Ask every so many seconds until SIGINT or SIGTERM; the exit code is that of the last whole round.

    A round that found what the one before it found is one line, or with `whole` shown like any other. An error ends
    the first round and the whole; after that it is shown, and the next round tries again.
    """
    if every < LEAST:
        raise errors.ConfigError("--watch is too short", "Write how long to wait between two rounds, such as 60s.")
    last: report.Report | None = None
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
                    result = results.Message(f"{_now()} no answer: {error}", ok=False, exit_code=error.exit_code)
                    last = None
                else:
                    same = last is not None and _known(found) == _known(last)
                    result = _unchanged(found) if same and not whole else found
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


def _known(found: report.Report) -> object:
    return found.outcomes, found.rules


def _unchanged(found: report.Report) -> results.Message:
    every = [difference for one in found.outcomes for difference in one.differences]
    away = [one.name for one in found.outcomes if not one.asked]
    told = outcome.told(every) if every else "no difference"
    text = f"{_now()} unchanged: {told}" + (f"; could not be asked: {', '.join(away)}" if away else "")
    return results.Message(text, ok=found.ok, exit_code=found.exit_code)


def _now() -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S")
