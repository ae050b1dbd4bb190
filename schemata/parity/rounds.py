"""`inv parity --watch`: the same question again and again; what did not change is one line."""

from collections.abc import Callable

from schemata import repeat as repeating
from schemata.parity.reports import outcome, report
from schemata.report import document, results


def repeat(
    once: Callable[[], report.Report], every: float, show: Callable[[document.Result], None], *, whole: bool = False
) -> results.Message:
    """Ask every so many seconds until a signal, as `repeating.until_stopped`.

    A round that found what the one before it found is one line, or with `whole` shown like any other.
    """
    return repeating.until_stopped(once, every, show, _nothing_shorter if whole else _shorter)


def _nothing_shorter(found: report.Report, last: report.Report) -> None:
    return None


def _shorter(found: report.Report, last: report.Report) -> results.Message | None:
    return _unchanged(found) if _known(found) == _known(last) else None


def _known(found: report.Report) -> object:
    return found.outcomes, found.rules


def _unchanged(found: report.Report) -> results.Message:
    every = [difference for one in found.outcomes for difference in one.differences]
    away = [one.name for one in found.outcomes if not one.asked]
    told = outcome.told(every) if every else "no difference"
    text = f"{repeating.now()} unchanged: {told}" + (f"; could not be asked: {', '.join(away)}" if away else "")
    return results.Message(text, ok=found.ok, exit_code=found.exit_code)
