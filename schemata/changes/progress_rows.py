"""The rows of the table `changes` of the history that say how far each backfill is."""

import dataclasses
import json
import os
from collections.abc import Sequence

from schemata.history.held import rows
from schemata.postgres import queries

_SQL = queries.load("progress", os.path.join(os.path.dirname(__file__), "queries"))

Values = tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Progress:
    """One row. Of a backfill that never began there may be one all the same, without `migration_id`.

    :param expand_attempt: the number of the attempt that applied the expand: what was done for an earlier one does not
        count. :param last_key: rows up to it are done, but for those that others had locked; None before the first
        batch. :param runner: who works on it, "" for nobody. :param age: seconds since the last sign of life.
    """

    change: str
    migration_id: str = ""
    checksum: str = ""
    expand_attempt: int = 0
    key_columns: Values = ()
    last_key: Values | None = None
    max_key: Values | None = None
    rows: int = 0
    batches: int = 0
    total_estimate: int = 0
    started_at: str = ""
    updated_at: str = ""
    runner: str = ""
    finished_at: str = ""
    age: float = 0.0

    @property
    def fraction(self) -> float | None:
        """Return how much of the table was gone through, from 0 to 1 by the planner's estimate; None without one."""
        if self.finished_at:
            return 1.0
        return min(self.rows / self.total_estimate, 1.0) if self.total_estimate else None


def _fill(name: str, history: str, **values: str | int | None) -> str:
    return _SQL[name].format(
        history=queries.identifier(history), **{key: queries.literal(value) for key, value in values.items()}
    )


def array(values: Sequence[str] | None) -> str | None:
    """Return values as the text of an array.

    >>> array(("a", 'b "c"'))
    '{"a","b \\\\"c\\\\""}'
    """
    if values is None:
        return None
    escaped = (value.replace("\\", "\\\\").replace('"', '\\"') for value in values)
    return "{" + ",".join(f'"{value}"' for value in escaped) + "}"


def read(ask: queries.Ask, history: str) -> dict[str, Progress]:
    """Return the rows by change; none where there is no table yet."""
    if not rows.exists(ask, history):
        return {}
    found = json.loads(str(ask(_fill("read", history))[0][0]))
    return {row["change"]: _progress(row) for row in found}


def _progress(row: dict[str, object]) -> Progress:
    values = {name: value for name, value in row.items() if value is not None}
    for name in ("key_columns", "last_key", "max_key"):
        if name in values:
            values[name] = tuple(values[name])  # type: ignore[arg-type]
    return Progress(**values)  # type: ignore[arg-type]


def start(history: str, new: Progress, before: str) -> str:
    """Return the SQL that begins a backfill from its first row, for the runner of `new`; it answers a row if it did.

    :param before: the runner as it was seen, "" for none.
    """
    return _fill(
        "start",
        history,
        change=new.change,
        migration_id=new.migration_id,
        checksum=new.checksum,
        expand_attempt=new.expand_attempt,
        key_columns=array(new.key_columns),
        max_key=array(new.max_key),
        total_estimate=new.total_estimate,
        runner=new.runner,
        before=before or None,
    )


def go_on(history: str, change: str, runner: str, before: str) -> str:
    """Return the SQL by which a runner takes a backfill up; it answers a row if nobody was faster."""
    return _fill("go_on", history, change=change, runner=runner, before=before or None)


def renew(history: str, change: str, runner: str) -> str:
    """Return the SQL of a runner's sign of life; it answers a row as long as no other has taken over."""
    return _fill("renew", history, change=change, runner=runner)


def release(history: str, change: str, runner: str) -> str:
    """Return the SQL by which a runner ends."""
    return _fill("release", history, change=change, runner=runner)


def advance(history: str, update: str, change: str, runner: str, low: Values | None, high: Values) -> tuple[str, int]:
    """Return the SQL of a batch together with its progress, and where in it the UPDATE begins."""
    text = _SQL["advance"]
    sql = text.format(
        history=queries.identifier(history),
        update=update,
        change=queries.literal(change),
        runner=queries.literal(runner),
        low=queries.literal(array(low)),
        high=queries.literal(array(high)),
    )
    return sql, text.index("{update}")


def finish(history: str, change: str) -> str:
    """Return the SQL that says that a backfill is done."""
    return _fill("finish", history, change=change)
