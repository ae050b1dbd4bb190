"""Run a non-transactional migration: statement by statement, or by its own transactions, each step remembered.

A statement that can run in a transaction shares one with the note that it is done, and so does a transaction of the
file's own; after a crash only a statement that cannot is ever indeterminate, and only the one that was running.
"""

import contextlib
import dataclasses
import random
import time
from collections.abc import Callable, Sequence

from schemata import errors
from schemata.deploy import concurrent_index, deployment, lock, transactional
from schemata.deploy.python import failures
from schemata.history import recorded
from schemata.migrations import migration
from schemata.postgres import activity, lock_holder, sessions
from schemata.sql import position, statement, transactions
from schemata.system import signals

_DUPLICATE_OBJECT = "42710"
_ACTIVE_TRANSACTION = "25001"
_ROLES = {"role", "session_authorization"}
# What is deferred to the COMMIT is done before it, by the role and with the settings that the file has chosen.
_OWN_ROLE = "SET CONSTRAINTS ALL IMMEDIATE; SET LOCAL SESSION AUTHORIZATION DEFAULT; SET LOCAL ROLE NONE"

Info = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class Resume:
    """Where to go on: statements before `done` are finished; `in_doubt` says the same of the next one, perhaps."""

    done: int = 0
    indeterminate: bool = False


class NeedsResolve(errors.MigrationError):
    """An interrupted migration is in a state that only a person can judge. Nothing was changed."""

    def __init__(self, attempt: recorded.OpenAttempt, path: str, difference: Sequence[str]) -> None:
        super().__init__(
            "\n".join(
                [
                    f"{attempt.id} was interrupted, and what is left of it must be judged by a person ({path})",
                    *difference,
                ]
            ),
            "Look at the data, finish the migration or undo it by hand, then record which:\n"
            f"  inv migrate-resolve {attempt.id} --applied       all of it is done: record it as applied\n"
            f"  inv migrate-resolve {attempt.id} --rolled-back   nothing of it is left: run it again from the start",
        )
        self.attempt = attempt


class LockLetGo(errors.Busy):
    """A statement released the deploy lock, and another deployer was quicker to take it."""

    def __init__(self, migration_id: str) -> None:
        super().__init__(
            f"{migration_id} released the deploy lock (pg_advisory_unlock_all), and another deploy took it",
            "Run again when that deploy is over: it goes on where this one stopped.",
        )


def attempt(
    deploy: deployment.Deploy,
    item: migration.Migration,
    count: int,
    resume: Resume,
    record: Callable[[int, int | None], str],
    run: Callable[[Callable[[int], str], str], None],
    *,
    direction: str,
    fingerprint: str,
    takes_record: bool = False,
) -> transactional.Ran:
    """Run a file of `count` steps in an attempt that knows how far it came, and record it when all is done.

    :param run: takes the SQL that notes a number of steps as done, and that of the record or nothing.
    :param takes_record: whether the record goes into a transaction of the file's own.

    A failure ends the attempt with what became of it: what the server refused did not happen, so the file goes on there
    once it is fixed; only what commits by itself may have done a part.
    """
    began = time.monotonic()
    structure = deploy.structure([item.schema])
    started = deploy.history.start_attempt(
        item,
        deploy.session.client,
        direction=direction,
        fingerprint=fingerprint,
        statement_count=count,
        statements_done=resume.done,
        structure=structure,
    )
    number = int(str(deploy.session.rows(started)[0][0]))
    finish = record(count, number)
    try:
        run(lambda done: deploy.history.progress(number, done), finish if takes_record else "")
        # What the file has set is not to be in the way of the record.
        deploy.session.reset()
        if not takes_record:
            deploy.write([finish])
    except errors.Error as error:
        failed = error if isinstance(error, transactional.ScriptFailed | failures.CallFailed) else None
        state = "interrupted" if failed and failed.partly else "failed"
        _end(deploy, number, state, transactional.sqlstate_of(error), failed.line if failed else None, error.message)
        raise
    except KeyboardInterrupt:
        _end(deploy, number, "interrupted", "57014", None, "a signal stopped it")
        raise
    return transactional.Ran(count, 1, time.monotonic() - began)


def _end(deploy: deployment.Deploy, number: int, state: str, sqlstate: str, line: int | None, message: str) -> None:
    with signals.held(), contextlib.suppress(sessions.ConnectionLost, sessions.StatementFailed):
        deploy.session.rollback()
        deploy.session.reset()
        deploy.session.script(deploy.history.end_attempt(number, state, sqlstate, line, message))


def plan(
    attempt: recorded.OpenAttempt, path: str, statements: Sequence[statement.Statement], structure_now: dict[str, str]
) -> Resume:
    """Return where an interrupted file goes on, or raise NeedsResolve with the exact difference."""
    before = statement.split(attempt.sql)
    done = attempt.statements_done
    same = all(
        number < len(statements)
        and statement.fingerprint(item.text) == statement.fingerprint(statements[number].text)
        and item.rows == statements[number].rows
        for number, item in enumerate(before[:done])
    )
    running = before[done] if done < len(before) else None
    if same and (running is None or not runs_outside(running)):
        return Resume(done)
    # What the server refused with an error of its own did not happen; only a DO block or CALL may have
    # committed a part before that.
    refused = attempt.state == "failed" and bool(attempt.sqlstate)
    if same and running is not None and refused and not statement.may_commit(running):
        return Resume(done)
    if same and running is not None and statement.is_repairable(running):
        unchanged = done < len(statements) and statements[done].text == running.text
        return Resume(done, indeterminate=unchanged)
    raise NeedsResolve(attempt, path, _difference(attempt, before, same, structure_now))


def is_of_python(attempt: recorded.OpenAttempt) -> bool:
    """Tell whether the text that ran was no SQL: a migration in Python had the id before."""
    try:
        statement.split(attempt.sql)
    except statement.SyntaxProblem:
        return True  # a non-transactional file of SQL was parsed before it ran
    return False


def needs_resolve(
    attempt: recorded.OpenAttempt, path: str, structure_now: dict[str, str], because: str
) -> NeedsResolve:
    """Return the refusal to go on with an interrupted file, with the exact difference."""
    return NeedsResolve(
        attempt, path, [*_difference(attempt, statement.split(attempt.sql), True, structure_now), f"  {because}"]
    )


def _difference(
    attempt: recorded.OpenAttempt, before: Sequence[statement.Statement], same: bool, structure_now: dict[str, str]
) -> list[str]:
    lines = []
    for number, item in enumerate(before):
        if number < attempt.statements_done:
            word = "done"
        elif number == attempt.statements_done:
            word = "not done: it was running, and what it did was rolled back"
            if runs_outside(item):
                word = "indeterminate: it was running, and may have committed some of its work"
        else:
            word = "not run"
        lines.append(f"  statement {number + 1} (line {item.line}) {word}: {statement.excerpt(attempt.sql, item, 60)}")
    if not same:
        lines.append("  The file was edited since: its first statements are not those that were committed.")
    if attempt.message:
        lines.append(f"  That run ended with PostgreSQL {attempt.sqlstate or 'error'}: {attempt.message}")
    moved = [schema for schema, value in attempt.structure_before.items() if structure_now.get(schema) != value]
    lines.append(
        f"  The structure of {', '.join(sorted(moved))} has changed since that run started."
        if moved
        else "  The structure of the schemas is the same as when that run started; rows may have changed."
    )
    return lines


def runs_outside(item: statement.Statement) -> bool:
    """Tell whether a statement runs by itself, so that its record is not in one transaction with it."""
    return statement.needs_no_transaction(item) or statement.may_commit(item) or item.kind == "alter type add value"


@dataclasses.dataclass(frozen=True)
class Steps:
    """The run of one file: what is said about it, and to whom."""

    session: sessions.Session
    script: transactional.Script
    schema: str
    progress: Callable[[int], str]
    budget: transactional.Budget
    monitor: activity.Monitor
    info: Info

    def run(
        self,
        statements: Sequence[statement.Statement],
        units: Sequence[transactions.Unit],
        resume: Resume,
        record: str = "",
    ) -> None:
        """Run the statements from where `resume` says. Raises ScriptFailed at the first that fails.

        With `record` it is written in the last transaction of the file's own, and what comes after that, which changes
        the session at most, is left out.
        """
        last = transactions.last(statements, units) if record else -1
        own: set[str] = set()
        for number, unit in enumerate(units):
            members = statements[unit.first : unit.end]
            if unit.end <= resume.done:
                self._set_again(members)
            elif unit.idle:
                self._note(unit.end, own)
            elif unit.opening:
                self._own_transaction(statements, unit, own, record if number == last else "")
            else:
                self._step(
                    unit.first, members[0], own, indeterminate=resume.indeterminate and unit.first == resume.done
                )
            own |= {change.name for item in members if (change := transactions.setting(item)) and not change.local}
            if number == last:
                return

    def _set_again(self, statements: Sequence[statement.Statement]) -> None:
        """Give the session what statements that are done have set."""
        for item in statements:
            setting = transactions.setting(item)
            if setting is not None and not setting.local:
                self.session.script(item.text)

    def _own_transaction(
        self, statements: Sequence[statement.Statement], unit: transactions.Unit, own: set[str], record: str
    ) -> None:
        """Run a transaction of the file's own; before its COMMIT it is noted that it is done, or `record` is sent."""
        self._settings(own, outside=False)
        for attempt in range(1, self.budget.attempts + 1):
            self.monitor.begin()
            try:
                with transactional.rolled_back(self.session):
                    self._members(statements, unit)
                    if sessions.may_lose_lock(self.script.sql) and not lock.still_ours(self.session):
                        raise LockLetGo(self.script.migration_id)
                    self._finish(statements[unit.end - 1], unit, record)
                return
            except transactional.ScriptFailed as error:
                failure, at = error.failure, error.line
                if failure.sqlstate not in transactional.RETRIED:
                    raise
                blockers = self.monitor.end()
                if attempt == self.budget.attempts:
                    raise transactional.LockTimeout(self.script, attempt, blockers, at) from error
                self._pause(failure, attempt)
            finally:
                self.monitor.end()

    def _members(self, statements: Sequence[statement.Statement], unit: transactions.Unit) -> None:
        """Send a transaction of the file's own up to its COMMIT."""
        sql = self.script.sql
        try:
            self.session.script(unit.opening)
        except sessions.StatementFailed as failure:
            at = position.of(sql, statements[unit.first])
            raise transactional.ScriptFailed(self.script, failure, at, kept=unit.first) from failure
        for first, end in transactions.parts(statements, *transactions.members(statements, unit)):
            start, data = statements[first].offset, statements[end - 1].data
            try:
                self.session.script(sql[start : statements[end - 1].end], rows=transactional.rows(sql, data))
            except sessions.StatementFailed as failure:
                item = statements[min(first + failure.index, end - 1)]
                transactional.place_in(failure, sql, start, item.data)
                at = position.where(sql, failure.position, -1) or position.of(sql, item)
                raise transactional.ScriptFailed(self.script, failure, at, kept=unit.first) from failure

    def _finish(self, end: statement.Statement, unit: transactions.Unit, record: str) -> None:
        """Commit a transaction of the file's own, with the note that it is done or with the record."""
        try:
            if record:
                transactional.write_record(self.session, self.script, _OWN_ROLE, f"{record}; COMMIT")
            else:
                self.session.script(f"{_OWN_ROLE}; {self.progress(unit.end)}; COMMIT")
        except (sessions.StatementFailed, transactional.ScriptFailed) as error:
            failure = error.failure if isinstance(error, transactional.ScriptFailed) else error
            at = position.of(self.script.sql, end)
            raise transactional.ScriptFailed(self.script, failure, at, kept=unit.first) from failure

    def _pause(self, failure: sessions.StatementFailed, attempt: int) -> None:
        pause = lock_holder.backoff(attempt, self.budget.backoff, self.budget.backoff_cap, random.random)
        self.info(f"{self.script.migration_id}: {failure.message} (try {attempt}); again in {pause:.1f} s")
        time.sleep(pause)

    def _step(self, number: int, item: statement.Statement, own: set[str], *, indeterminate: bool) -> None:
        self.monitor.begin(building_index=item.kind == "create index concurrently")
        try:
            if runs_outside(item):
                self._settings(own, outside=True)
                self._run_outside(item, indeterminate)
                self._note(number + 1, own)
            elif setting := transactions.setting(item):
                self.session.script(item.text)
                self._note(number + 1, own | {setting.name})
            else:
                self._settings(own, outside=False)
                self._run_inside(number, item, own)
            if sessions.may_lose_lock(item.text) and not lock.still_ours(self.session):
                raise LockLetGo(self.script.migration_id)
        except sessions.StatementFailed as failure:
            at = position.of(self.script.sql, item)
            if failure.position is not None and (failure.position <= len(item.text) or item.data):
                at = position.where(self.script.sql, item.offset + failure.position, number) or at
            if failure.sqlstate in transactional.RETRIED:
                raise transactional.LockTimeout(self.script, 1, self.monitor.end(), at.line) from failure
            partly = statement.may_commit(item)
            raise transactional.ScriptFailed(self.script, failure, at, kept=number, partly=partly) from failure
        finally:
            self.monitor.end()

    def _settings(self, own: set[str], *, outside: bool) -> None:
        # A waiting CREATE INDEX CONCURRENTLY blocks nobody, and lock_timeout would leave it INVALID.
        wanted = {
            "search_path": transactional.search_path(self.script.search_path),
            "lock_timeout": "0" if outside else transactional.milliseconds(self.budget.lock_timeout),
            "statement_timeout": "0" if outside else transactional.milliseconds(self.budget.statement_timeout),
        }
        self.session.script("; ".join(f"SET {name} = {value}" for name, value in wanted.items() if name not in own))

    def _run_outside(self, item: statement.Statement, indeterminate: bool) -> None:
        match item.kind:
            case "create index concurrently":
                concurrent_index.build(self.session, item, self.schema, self.info, indeterminate=indeterminate)
            case "drop index concurrently":
                concurrent_index.drop(self.session, item, self.schema, indeterminate=indeterminate)
            case "reindex concurrently":
                concurrent_index.rebuild(self.session, item, self.schema, self.info)
            case "alter type add value":
                try:
                    self.session.script(item.text)
                except sessions.StatementFailed as failure:
                    if not (indeterminate and failure.sqlstate == _DUPLICATE_OBJECT):
                        raise
            case _:
                self.session.script(item.text)

    def _note(self, done: int, own: set[str]) -> None:
        if text := self._noted(done, own):
            self.session.script(text)

    def _noted(self, done: int, own: set[str]) -> str:
        """Return the SQL of the progress; the role that connected writes it, whatever role the file took."""
        text = self.progress(done)
        return f"{_OWN_ROLE}; {text}" if text and own & _ROLES else text

    def _run_inside(self, number: int, item: statement.Statement, own: set[str]) -> None:
        for attempt in range(1, self.budget.attempts + 1):
            try:
                with transactional.rolled_back(self.session):
                    self.session.script(f"BEGIN;\n{item.text}", rows=transactional.rows(item.sql, item.data))
                    self.session.script(f"{self._noted(number + 1, own)}; COMMIT")
                return
            except sessions.StatementFailed as failure:
                if failure.sqlstate == _ACTIVE_TRANSACTION and _depends_on_catalog(item):
                    # Of a partitioned table, which its text does not say. The same again is as good, so it needs no
                    # note of its own.
                    self.session.script(item.text)
                    self._note(number + 1, own)
                    return
                # Counted from the statement's first character, also where it is a row of COPY's that was refused.
                transactional.place_in(failure, item.sql, item.offset - len("BEGIN;\n"), item.data)
                moved = failure.position - item.offset if failure.position else 0
                failure.position = moved if moved > 0 else None
                if failure.sqlstate not in transactional.RETRIED or attempt == self.budget.attempts:
                    raise
                self._pause(failure, attempt)


def _depends_on_catalog(item: statement.Statement) -> bool:
    """Tell whether only the catalog says if the server runs the statement inside a transaction."""
    return item.node.WhichOneof("node") in ("reindex_stmt", "cluster_stmt")
