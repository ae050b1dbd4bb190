"""Run a migration in Python that says `__transactional__ = False`: step by step, each remembered once it is done.

The SQL of a step is run as that of a file is, statement by statement, so that an index which is built concurrently is
watched here too. What is called runs by itself; only the file can say whether it may be called again.
"""

import dataclasses
import random
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from schemata.deploy import deployment, lock, nontransactional, transactional
from schemata.deploy.python import connection, failures, loading, running
from schemata.history import recorded
from schemata.migrations import migration, precheck, python_files
from schemata.postgres import activity, lock_holder, queries, sessions
from schemata.sql import statement, transactions

_LEFT = (
    "What it has committed stays, and so do the steps before it. Fix the file; then run again. It goes on without a "
    "question where the file says `__idempotent__ = True`: that each step may be run again."
)

Info = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class Part:
    """A step, and how many units of work it is: each statement of its SQL, or the one call."""

    step: Any
    sql: str
    statements: tuple[statement.Statement, ...]
    ignored: bool

    @property
    def count(self) -> int:
        """Return the number of its units."""
        return len(self.statements) if self.sql else 1


@dataclasses.dataclass(frozen=True)
class Steps:
    """The parts of one file in one direction, loaded and ready to run."""

    body: running.Body
    parts: tuple[Part, ...]

    @property
    def count(self) -> int:
        """Return the number of units, which is what the history counts."""
        return sum(part.count for part in self.parts)

    def run(
        self,
        session: sessions.Session,
        script: transactional.Script,
        progress: Callable[[int], str],
        budget: transactional.Budget,
        monitor: activity.Monitor,
        resume: nontransactional.Resume,
    ) -> None:
        """Run the parts from where `resume` says. Raises ScriptFailed or CallFailed at the first that fails."""
        base = 0
        for part in self.parts:
            run = _Run(self.body, session, script, progress, budget, monitor, part, base)
            try:
                if part.sql:
                    run.statements(resume)
                elif base >= resume.done:
                    run.call()
            except (transactional.ScriptFailed, failures.CallFailed) as error:
                if not part.ignored:
                    raise
                session.rollback()
                self.body.info(f"{self.body.item.id}: ignored, as the step says: {error.message}")
                session.script(progress(base + part.count))
            base += part.count


@dataclasses.dataclass(frozen=True)
class _Run:
    body: running.Body
    session: sessions.Session
    script: transactional.Script
    progress: Callable[[int], str]
    budget: transactional.Budget
    monitor: activity.Monitor
    part: Part
    base: int

    def statements(self, resume: nontransactional.Resume) -> None:
        """Run the SQL of a step; where it is done already, only its settings are made again."""
        done = min(max(resume.done - self.base, 0), self.part.count)
        steps = nontransactional.Steps(
            self.session,
            dataclasses.replace(self.script, sql=self.part.sql),
            self.body.item.schema,
            lambda number: self.progress(self.base + number),
            self.budget,
            self.monitor,
            self.body.info,
        )
        indeterminate = resume.indeterminate and self.base <= resume.done < self.base + self.part.count
        try:
            units = transactions.alone(self.part.statements)
            steps.run(self.part.statements, units, nontransactional.Resume(done, indeterminate))
        except transactional.ScriptFailed as error:
            error.kept += self.base
            raise

    def call(self) -> None:
        """Call what a step calls, and remember that it is done. A lock that is not free is tried again if it may be."""
        item = self.body.item
        again = python_files.is_idempotent(item.sql, item.path)
        for attempt in range(1, (self.budget.attempts if again else 1) + 1):
            try:
                self._call_once()
                break
            except running.StepFailed as failure:
                self.session.rollback()
                if failure.sqlstate not in transactional.RETRIED or attempt == self.budget.attempts or not again:
                    raise transactional.ScriptFailed(
                        self.script, failure, failure.place, kept=self.base, partly=not again
                    ) from failure
                pause = lock_holder.backoff(attempt, self.budget.backoff, self.budget.backoff_cap, random.random)
                self.body.info(f"{item.id}: {failure.message} (try {attempt}); again in {pause:.1f} s")
                time.sleep(pause)
            except failures.CallFailed as failed:
                failed.partly = not again
                raise
            finally:
                self.monitor.end()
        self.session.script(self.progress(self.base + 1))
        if not lock.still_ours(self.session):
            raise nontransactional.LockLetGo(item.id)

    def _call_once(self) -> None:
        item = self.body.item
        path = transactional.search_path(self.script.search_path)
        self.session.script(
            f"SET search_path = {path}; SET lock_timeout = {transactional.milliseconds(self.budget.lock_timeout)}; "
            f"SET statement_timeout = {transactional.milliseconds(self.budget.statement_timeout)}; "
            "SET idle_in_transaction_session_timeout = 0"
        )
        self.monitor.begin()
        with connection.lent(self.session, transactional=False) as lent:
            running.call(self.session, self.part.step, running.Backend(lent), self.body, self.base, _LEFT)
        if self.session.in_transaction:
            self.session.rollback()
            raise failures.CallFailed(
                item.id,
                item.path,
                None,
                f"step {self.base + 1} left a transaction open, which was rolled back",
                f"End each transaction that it begins: `with connection.transaction():` does. {_LEFT}",
            )


def apply(
    deploy: deployment.Deploy,
    item: migration.Migration,
    script: transactional.Script,
    record: Callable[[int, int | None], str],
    resume: nontransactional.Resume,
    *,
    direction: str,
    fingerprint: str,
) -> transactional.Ran:
    """Run a file step by step, in an attempt that knows how far it came, and record it when all is done."""
    steps = load(item, deploy.reporter.info, rollback=direction == "rollback")
    session = deploy.session
    session.script(f"SET application_name = {queries.literal(session.client.application_name(item.id))}")

    def run(progress: Callable[[int], str], _: str) -> None:
        steps.run(session, script, progress, deploy.budget, deploy.monitor, resume)

    return nontransactional.attempt(
        deploy, item, steps.count, resume, record, run, direction=direction, fingerprint=fingerprint
    )


def load(item: migration.Migration, info: Info, *, rollback: bool = False) -> Steps:
    """Return the steps of a file, loaded; nothing of it ran."""
    loaded = loading.load(item, info)
    if rollback:
        loading.check_reversible(item, loaded.steps)
    chosen = reversed(loaded.steps) if rollback else loaded.steps
    return Steps(running.Body(item, rollback, info), tuple(_parts(item, chosen, rollback)))


def resume(attempt: recorded.OpenAttempt, item: migration.Migration) -> nontransactional.Resume:
    """Return where an interrupted file goes on, or raise NeedsResolve."""
    rollback = attempt.direction == "rollback"
    done = attempt.statements_done
    same = attempt.sql == item.sql
    if item.transactional and (done or attempt.state != "failed"):
        because = "  The file is transactional now, so it cannot go on in the middle."
        raise nontransactional.NeedsResolve(attempt, item.path, [because])
    if item.transactional:
        return nontransactional.Resume()
    steps = load(item, lambda _: None, rollback=rollback)
    if python_files.is_idempotent(item.sql, item.path):
        return nontransactional.Resume(attempt.statements_done if same else 0, indeterminate=True)
    if not done and attempt.state == "failed":
        # What the server refused did not happen, and nothing was done before it.
        return nontransactional.Resume()
    if same:
        units = [one for part in steps.parts for one in (part.statements if part.sql else (None,))]
        running_now = units[done] if done < len(units) else None
        if done >= len(units):
            return nontransactional.Resume(done)
        if running_now is not None:
            outside = nontransactional.runs_outside(running_now)
            if not outside or (attempt.state == "failed" and not statement.may_commit(running_now)):
                return nontransactional.Resume(done)
            if statement.is_repairable(running_now):
                return nontransactional.Resume(done, indeterminate=True)
    lines = [f"  {done} of {attempt.statement_count} steps done; the next one was running, and may have done a part"]
    if not same:
        lines.append("  The file was edited since: its first steps may not be those that were committed.")
    if attempt.message:
        lines.append(f"  That run ended with: {attempt.message}")
    lines.append("  Where each step may be run again from its beginning, the file can say so: __idempotent__ = True")
    raise nontransactional.NeedsResolve(attempt, item.path, lines)


def _parts(item: migration.Migration, steps: Iterator[Any] | Sequence[Any], rollback: bool) -> Iterator[Part]:
    direction = "rollback" if rollback else "apply"
    for step in steps:
        inner = getattr(step.step, "steps", None)
        if inner is not None and not running.tolerates(step):
            yield from _parts(item, reversed(inner) if rollback else inner, rollback)
            continue
        ignored = step.ignore_errors in (direction, "all")
        text = getattr(step.step, f"_{direction}", None) if inner is None else None
        if isinstance(text, str) and text.strip():
            line = loading.line_of(item, text, rollback=rollback) or 1
            sql = python_files.placed(python_files.Part(line, text))
            yield Part(step, sql, precheck.check_script(item.path, sql, mode="statements"), ignored)
        elif inner is not None or callable(text):
            yield Part(step, "", (), ignored)
