"""Run the steps of a migration in Python under observation: each of them is one statement of the trace."""

from typing import Any

from schemata.deploy.python import connection, failures, loading, running, steps
from schemata.migrations import precheck, python_files
from schemata.postgres import sessions
from schemata.rehearsal.trace import tracing

_NOTHING = ""


def run(tracer: tracing.Tracer) -> None:
    """Run the file in its mode; a step that fails is the last one."""
    item = tracer.item
    session = tracer.deploy.session
    running.expect_psycopg(session, item.id)
    if item.transactional:
        # psycopg is given the session while nothing is open.
        with connection.lent(session, transactional=True) as lent, tracing.transaction(tracer):
            _in_transaction(tracer, lent)
        return
    loaded = steps.load(item, tracer.deploy.reporter.info)
    lines = [step.line for step in python_files.steps(item.sql, item.path)]
    for number, part in enumerate(loaded.parts):
        if tracer.failed:
            return
        if part.sql:
            tracing.send_each(tracer, part.statements)
            continue
        tracing.settings(tracer, set(), outside=False)
        tracer.begin()
        with (
            tracer.observed(_line(lines, number), f"step {number + 1}"),
            connection.lent(session, transactional=False) as lent,
        ):
            _call(tracer, lent, loaded.body, part.step, number)
    session.rollback()
    session.reset()


def _in_transaction(tracer: tracing.Tracer, lent: connection.MigrationConnection) -> None:
    item = tracer.item
    loaded = loading.load(item, tracer.deploy.reporter.info)
    body = running.Body(item, False, tracer.deploy.reporter.info)
    known = python_files.steps(item.sql, item.path)
    for number, step in enumerate(loaded.steps):
        if tracer.failed:
            return
        text = known[number].apply if number < len(known) else None
        if text is not None and text.sql and not running.tolerates(step):
            tracing.send_in_transaction(
                tracer, precheck.check_script(item.path, python_files.placed(text), mode="transaction")
            )
            continue
        with tracer.observed(_line([one.line for one in known], number), f"step {number + 1}"):
            _call(tracer, lent, body, step, number)


def _call(
    tracer: tracing.Tracer, lent: connection.MigrationConnection, body: running.Body, step: Any, number: int
) -> None:
    """Have yoyo run one step. What its own code raises is told as a statement that failed."""
    backend = running.Backend(lent, number)
    backend.tolerant = running.tolerates(step)
    try:
        running.call(tracer.deploy.session, step, backend, body, number, _NOTHING)
    except failures.CallFailed as error:
        raise _Raised(error.message) from error


class _Raised(sessions.StatementFailed):
    """An exception of the step's own code, told as a statement that failed."""

    def __init__(self, message: str) -> None:
        Exception.__init__(self, message)
        self.index, self.before, self.sqlstate, self.message = 0, (), "", message
        self.detail = self.server_hint = self.context = ""
        self.names = ("", "", "", "")
        self.position = None


def _line(lines: list[int], number: int) -> int:
    return lines[number] if number < len(lines) else 1
