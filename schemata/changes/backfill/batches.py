"""One batch after the other: each a transaction of its own that says how far the backfill is with it."""

import dataclasses
import random
import time
from collections.abc import Callable
from typing import TypeVar

from schemata import errors
from schemata.changes import progress_rows
from schemata.changes.backfill import exclusion, keys, outcome, work
from schemata.deploy import deployment, transactional
from schemata.history import recorded
from schemata.postgres import lock_holder, sessions
from schemata.system import signals

_DIVISION_BY_ZERO = "22012"
_SERIALIZATION = "40001"
_STATEMENT_TIMEOUT = "57014"
_RETRIED = (*transactional.RETRIED, _SERIALIZATION)
# What is cheap to read by its index a planner that misjudges the range of a key of several columns would read whole.
_PLANNED = "SET LOCAL jit = off"
_BY_INDEX = "SET LOCAL enable_seqscan = off"
# Seconds that a claim of another run, which looks whether we are alive, may hold our lock.
_CLAIMED = 10.0

T = TypeVar("T")


@dataclasses.dataclass
class Position:
    """Where a run is: the row of the history as it stands. `updated` and `batches` are of this run alone."""

    last: keys.Values | None = None
    maximum: keys.Values | None = None
    rows: int = 0
    estimate: int = 0
    updated: int = 0
    batches: int = 0

    @property
    def reached(self) -> str:
        """Return how far it is, for people."""
        return outcome.reached(self.rows, min(self.rows / self.estimate, 1.0) if self.estimate else None)


class Batches:
    """The batches of one run."""

    def __init__(
        self, deploy: deployment.Deploy, job: work.Work, mine: exclusion.Exclusion, position: Position, size: int
    ) -> None:
        self._deploy, self._job, self._mine = deploy, job, mine
        self._session = deploy.session
        self.position, self.size = position, size
        script = deploy.script(job.item, recorded.Head())
        before, count = transactional.prologue(self._session, script, deploy.budget, durable=True, pooled_lock=False)
        parts = [_PLANNED, *([_BY_INDEX] if job.is_composite else [])]
        self._guard = -1
        if self._session.pooled:
            self._guard = count + len(parts)
            parts.append(exclusion.guard(mine.number))
        self._before = before + "".join(f"{part};\n" for part in parts)
        self._count = count + len(parts)
        self._start = 0
        path = transactional.search_path(script.search_path)
        self._reading = f"BEGIN READ ONLY; SET LOCAL search_path = {path}; SET LOCAL statement_timeout = 0; "

    def boundary(self, low: keys.Values | None) -> str:
        """Return the query for the last key of the batch behind `low`; it takes no lock. No row where less is left."""
        job = self._job
        return (
            f"SELECT {job.key.values} FROM {job.update.target} WHERE {job.key.between(low, self.position.maximum)} "
            f"ORDER BY {job.key.order()} OFFSET {self.size - 1} LIMIT 1"
        )

    def next_high(self) -> keys.Values | None:
        """Return the last key of the next batch; None where nothing is left of the range."""
        if self.position.maximum is None or self.position.last == self.position.maximum:
            return None
        rows = self._session.rows(self.boundary(self.position.last))
        return _values(rows[0]) if rows else self.position.maximum

    def run(self, high: keys.Values) -> tuple[int, keys.Values | None]:
        """Do the rows up to `high`, and return how many it were and the last key of the batch behind it.

        Rows that others have locked are left. Raises BatchFailed, outcome.TakenOver, outcome.RowsLocked.
        """
        job, low = self._job, self.position.last
        update = job.update.batch(job.key, job.key.between(low, high), job.lock)
        what = f"the key up to {job.shown(high)}" + (f", above {job.shown(low)}" if low is not None else "")
        is_last = high == self.position.maximum
        then = "" if is_last else self.boundary(high)
        rows, results = self._retried(lambda: self._send(update, high, then), what)
        self.position.last = high
        if is_last:
            return rows, None
        return rows, _of_result(results[-1]) or self.position.maximum

    def run_rows(self, rows: list[keys.Values], *, wait: bool = False) -> int:
        """Do these rows, and return how many it were. Those that others have locked are left, unless it is to wait."""
        job = self._job
        update = job.update.batch(job.key, job.key.among(rows), job.waiting if wait else job.lock)
        what = f"the key {job.shown(rows[0])}" + (f" to {job.shown(rows[-1])}" if len(rows) > 1 else "")
        high = self.position.last or ()
        updated, _ = self._retried(lambda: self._send(update, high, ""), what)
        return updated

    def left(self, limit: int, *conditions: str) -> list[keys.Values]:
        """Return the keys of rows that are not done, in the order of the key, `limit` at most."""
        job = self._job
        query = job.update.selected(job.key.values, *conditions, rest=f"ORDER BY {job.key.order()} LIMIT {limit}")
        return list(dict.fromkeys(_values(row) for row in self.read(query)))

    def read(self, query: str) -> list[tuple[str | None, ...]]:
        """Return the rows of a query with names as the migration has them."""
        try:
            with transactional.rolled_back(self._session):
                rows = self._session.rows(self._reading + query)
                self._session.script("COMMIT")
        except sessions.StatementFailed as failure:
            raise self._failed(failure, "any key", in_batch=False) from failure
        return rows

    def _send(self, update: str, high: keys.Values, then: str) -> tuple[int, list[sessions.Result]]:
        mine, position = self._mine, self.position
        sql, start = progress_rows.advance(
            self._deploy.history.schema, update, self._job.change.id, mine.runner, position.last, high
        )
        self._start = len(self._before) + start
        text = f"{self._before}{sql};\nCOMMIT{f';{chr(10)}{then}' if then else ''}"
        # A signal waits for the end of the batch; a second one does not.
        with signals.deferred(), transactional.rolled_back(self._session):
            results = self._session.script(text)
            rows = int(results[self._count].get_value(0, 0) or b"0")
            position.updated += rows
            position.rows += rows
            position.batches += 1
        return rows, results

    def _retried(self, send: Callable[[], T], what: str) -> T:
        budget, monitor = self._deploy.budget, self._deploy.monitor
        attempt, claimed = 1, time.monotonic() + _CLAIMED
        while True:
            monitor.begin()
            try:
                return send()
            except sessions.StatementFailed as failure:
                blockers = monitor.end()
                if failure.index == self._guard and failure.sqlstate == _DIVISION_BY_ZERO:
                    if time.monotonic() > claimed:
                        raise self._mine.held() from failure
                    time.sleep(random.uniform(0.1, 0.3))
                    continue
                if failure.index == self._count and failure.sqlstate == _DIVISION_BY_ZERO and not self._mine.is_ours():
                    raise self._mine.taken_over() from failure
                if failure.sqlstate not in _RETRIED:
                    raise self._failed(failure, what) from failure
                if attempt >= budget.attempts:
                    raise self._locked(what, attempt, blockers, failure) from failure
                pause = lock_holder.backoff(attempt, budget.backoff, budget.backoff_cap, random.random)
                time.sleep(min(pause, exclusion.RENEWAL))
                attempt += 1
            finally:
                monitor.end()

    def _locked(
        self,
        what: str,
        tries: int,
        blockers: tuple[lock_holder.Holder, ...],
        failure: sessions.StatementFailed,
    ) -> outcome.RowsLocked:
        by = "; ".join(holder.describe() for holder in blockers) or "sessions that ended before they could be named"
        end = f"; to end one of them: SELECT pg_terminate_backend({blockers[0].pid});" if blockers else ""
        return outcome.RowsLocked(
            f"rows of {self._job.update.name} with {what} stayed locked in {tries} tries: {failure.message}; "
            f"blocked by {by}",
            f"{self.position.reached}. When they are done: {self._job.again}{end}",
        )

    def _failed(self, failure: sessions.StatementFailed, what: str, *, in_batch: bool = True) -> errors.Error:
        job = self._job
        at = failure.position - self._start if failure.position is not None and in_batch else None
        line = job.update.line(job.item.sql, at)
        where = f"{job.item.path}:{line}" if line else job.item.path
        told = [
            (f"PostgreSQL {failure.sqlstate}", failure.message),
            ("Detail", failure.detail),
            ("Hint", failure.server_hint),
            ("Context", failure.context),
            ("Statement", " ".join(job.update.text.split())[:300]),
        ]
        hint = "Correct the rows, or the file"
        if failure.sqlstate == _STATEMENT_TIMEOUT:
            hint = f"Smaller batches take less time: {job.again} --batch {max(self.size // 4, 1)}. Or correct the file"
        reached = self.position.reached
        return outcome.BatchFailed(where, job.update.name, what, told, f"{hint}; {reached}. Then: {job.again}")


def _values(row: tuple[str | None, ...]) -> keys.Values:
    return tuple(str(value) for value in row)


def _of_result(result: sessions.Result) -> keys.Values | None:
    if not result.ntuples:
        return None
    return tuple((result.get_value(0, column) or b"").decode() for column in range(result.nfields))
