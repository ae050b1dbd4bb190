"""What the summing row of a history proves, and what follows where it proves nothing or contradicts the rows."""

from collections.abc import Sequence

from schemata.history import recorded
from schemata.migrations import migration


def doubtful(files: Sequence[migration.Migration], history: recorded.Recorded) -> tuple[migration.Migration, ...]:
    """Return the files without any record of which nobody knows whether they are applied.

    The summary is lost, so nothing proves that the rows are all there were; and something that comes after these is
    applied, as it is where their records were removed.
    """
    if not history.summary_lost():
        return ()
    applied = history.ids()
    told = {*applied, *history.lost, *history.undone, *(attempt.id for attempt in history.open_attempts)}
    last = max((number for number, item in enumerate(files) if item.id in applied), default=-1)
    return tuple(item for item in files[: last + 1] if item.id not in told)


def of_summary(history: recorded.Recorded, *, refused: bool) -> tuple[str, str]:
    """Return how the summing row and the rows disagree, and what becomes of it.

    :param refused: something else keeps a migrate from going on.
    """
    counted, rows = history.head.applied, history.rows
    if history.heads == 1 and counted == rows:
        text = (
            f"the history's summary (head) and its rows count {rows} applied migrations each, but their checksums are "
            "not those that the summary was made of"
        )
    else:
        text = f"the history's summary (head) counts {counted} applied migrations, its rows {rows}"
    if history.heads != 1:
        text += f"; it has {history.heads} rows instead of one"
    because = "Something else wrote to the history, or removed a part of it"
    if refused or history.lost or any(not fault.derivable for fault in history.faults):
        return text, f"{because}; `inv migrate` corrects the summary once the other findings are settled."
    return text, f"{because}; `inv migrate` corrects the summary."
