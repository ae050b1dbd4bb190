"""One migration at a time, or a batch of small ones: run it, record it, remember how it failed."""

import contextlib
import dataclasses
import itertools
import time
from collections.abc import Callable, Sequence
from types import ModuleType

from schemata import errors
from schemata.deploy import batches, deployment, lock, nontransactional, results, transactional
from schemata.deploy.python import failures
from schemata.history import recorded
from schemata.migrations import migration, precheck
from schemata.postgres import sessions
from schemata.sql import transactions
from schemata.system import signals

Record = Callable[[int, int | None], str]


class PoolerRefused(errors.Error):
    """A non-transactional migration cannot run through a pooler."""

    exit_code = errors.WRONG_SETTINGS

    def __init__(self, migration_id: str) -> None:
        super().__init__(
            f"{migration_id} is not transactional, and the connection goes through a pooler: its session, "
            "and so the deploy lock, may change between two statements",
            "Give a direct URL: --url postgresql://user:password@database-host:5432/database",
        )


def apply(
    deploy: deployment.Deploy,
    item: migration.Migration,
    head: recorded.Head,
    resume: nontransactional.Resume,
    *,
    durable: bool,
) -> tuple[results.Applied, recorded.Head]:
    """Apply one migration and record it; return what was done and the head after it."""
    after = recorded.head_after_apply(head, item, proved=deploy.proved(item))
    fingerprint = _fingerprint(deploy, item)
    script = deploy.script(item, head)
    prepared = not item.not_run and not item.is_python and deploy.session.keeps_prepared(item.sql)

    def record(count: int, number: int | None) -> str:
        own = deploy.history.record_apply(
            item,
            head,
            after,
            deploy.session.client,
            fingerprint=fingerprint,
            statement_count=count,
            attempt_number=number,
            prepared=prepared and number is None,
            comment=item.not_run[:255] or None,
        )
        return mirrored(own, deploy.other_ledger.apply(item) if deploy.other_ledger else "")

    if item.not_run:
        script = dataclasses.replace(script, sql="")
        deploy.notes.append(f"{item.id}: recorded only; {item.not_run}")
    try:
        if item.transactional or item.not_run:
            ran = _whole(deploy, item, script, record, durable=durable, direction="apply")
        elif item.is_python:
            ran = _python_steps(deploy, item, script, record, resume, direction="apply", fingerprint=fingerprint)
        else:
            ran = _nontransactional(deploy, item, script, record, resume, direction="apply", fingerprint=fingerprint)
    finally:
        deploy.notices.end(item.id)
    return results.Applied(item.id, item.schema, ran.statements, ran.tries, round(ran.seconds, 4)), after


def mirrored(record: str, other: str) -> str:
    """Return the SQL of a record, with that of another tool's ledger behind it where there is any."""
    return f"{record};\n{other}" if other else record


def run_unrecorded(deploy: deployment.Deploy, item: migration.Migration, head: recorded.Head) -> None:
    """Run a file that is none of the history's in a transaction, with the session as a migration has it."""
    script = deploy.script(item, head)
    try:
        _whole(deploy, item, script, lambda *_: "SELECT 1", durable=True, direction="apply")
    finally:
        deploy.notices.end(item.id)


def batch(deploy: deployment.Deploy, pending: Sequence[migration.Migration]) -> tuple[migration.Migration, ...]:
    """Return the migrations at the front of `pending` that may be sent in one message; often none."""
    group: list[migration.Migration] = []
    size = 0
    for item in pending[: batches.MOST]:
        size += len(item.sql)
        plain = item.transactional and not item.not_run and not item.is_python
        if deploy.other_ledger and deploy.other_ledger.apply(item):
            break  # two records each, and which one fails has to be known
        fits = plain and batches.fits(deploy.session, item.sql)
        if not fits or size > batches.MOST_CHARACTERS or _statements(deploy, item) is None:
            break
        group.append(item)
    return tuple(group) if len(group) > 1 else ()


def apply_batch(
    deploy: deployment.Deploy,
    group: Sequence[migration.Migration],
    head: recorded.Head,
    then: Sequence[migration.Migration],
) -> tuple[list[results.Applied], recorded.Head]:
    """Apply migrations with one message, each in its transaction; return those that were committed.

    The first that is missing from the answer is to be applied by itself. `then` is what comes after: the
    next batch is parsed while the server works. The last commit of all is durable.
    """
    heads = [head]
    items = []
    for item in group:
        heads.append(recorded.head_after_apply(heads[-1], item, proved=deploy.proved(item)))
        count = _statements(deploy, item) or 0
        record = deploy.history.record_apply(
            item,
            heads[-2],
            heads[-1],
            deploy.session.client,
            fingerprint=_fingerprint(deploy, item),
            statement_count=count,
            prepared=True,
        )
        items.append(batches.Item(deploy.script(item, heads[-2]), count, record))
    message = batches.compose(deploy.session, items, deploy.budget, last_is_durable=not then)
    deploy.monitor.begin()
    try:
        seconds = batches.send(deploy.session, message, lambda: _prefetch(deploy, then[: batches.MOST]))
    except KeyboardInterrupt:
        _remember_of(deploy, group)
        raise
    finally:
        deploy.monitor.end()
        deploy.notices.end(f"{group[0].id} to {group[-1].id}")
    reached = heads[len(seconds)]
    if len(seconds) < len(group):
        # The results told that something went wrong; how far it came is for the history to say.
        found = deploy.read()
        reached = found.head
        committed = itertools.takewhile(lambda item: item.id in found.ids(), group)
        seconds += (0.0,) * (len(list(committed)) - len(seconds))
    done = [
        results.Applied(item.id, item.schema, sent.statements, 1, round(took, 4))
        for item, sent, took in zip(group, items, seconds, strict=False)
    ]
    return done, reached


def undo(
    deploy: deployment.Deploy,
    item: migration.Migration,
    actual: recorded.Recorded,
    head: recorded.Head,
    gone: Sequence[str],
    resume: nontransactional.Resume,
    sources: Sequence[migration.Migration] = (),
) -> tuple[results.Applied, recorded.Head]:
    """Roll one migration back and record it; return what was done and the head after it."""
    after = recorded.head_after_rollback(actual, head, item, gone)
    script = deploy.script(item, head, rollback=True)

    def record(count: int, number: int | None) -> str:
        own = deploy.history.record_rollback(item, head, after, deploy.session.client, attempt_number=number)
        return mirrored(own, deploy.other_ledger.rollback(item, sources) if deploy.other_ledger else "")

    try:
        if item.rollback_transactional:
            ran = _whole(deploy, item, script, record, durable=True, direction="rollback")
        elif item.is_python:
            ran = _python_steps(deploy, item, script, record, resume, direction="rollback", fingerprint="")
        else:
            ran = _nontransactional(deploy, item, script, record, resume, direction="rollback", fingerprint=None)
    finally:
        deploy.notices.end(f"the rollback of {item.id}")
    return results.Applied(item.id, item.schema, ran.statements, ran.tries, round(ran.seconds, 4)), after


def _remember_of(deploy: deployment.Deploy, group: Sequence[migration.Migration]) -> None:
    """Remember which migration of a batch a signal stopped: the first that the history does not have."""
    began = time.monotonic()
    with signals.held(), contextlib.suppress(sessions.ConnectionLost, sessions.StatementFailed):
        deploy.session.rollback()
        applied = deploy.read().ids()
        stopped = next((item for item in group if item.id not in applied), None)
        if stopped is not None:
            _remember(deploy, stopped, "apply", "interrupted", began, "57014", None, "a signal stopped it")


def _fingerprint(deploy: deployment.Deploy, item: migration.Migration) -> str:
    return _parsed(deploy, item).fingerprint


def _statements(deploy: deployment.Deploy, item: migration.Migration) -> int | None:
    return _parsed(deploy, item).statements


def _parsed(deploy: deployment.Deploy, item: migration.Migration) -> migration.Parsed:
    if item.id not in deploy.parsed:
        deploy.parsed[item.id] = precheck.parsed(item)
    return deploy.parsed[item.id]


def _prefetch(deploy: deployment.Deploy, items: Sequence[migration.Migration]) -> None:
    for item in items:
        _parsed(deploy, item)


def _whole(
    deploy: deployment.Deploy,
    item: migration.Migration,
    script: transactional.Script,
    record: Record,
    *,
    durable: bool,
    direction: str,
) -> transactional.Ran:
    began = time.monotonic()
    body = _python(deploy, item).Body(item, direction == "rollback", deploy.reporter.info) if item.is_python else None

    def run() -> transactional.Ran:
        return transactional.run(
            deploy.session,
            script,
            lambda count: record(count, None),
            deploy.budget,
            durable=durable,
            monitor=deploy.monitor,
            info=deploy.reporter.info,
            body=body,
        )

    try:
        ran = lock.pooled(run, deploy.session, deploy.wait, deploy.reporter.info) if deploy.session.pooled else run()
        if item.is_python and not deploy.session.pooled:
            deploy.session.reset()
        return ran
    except (transactional.ScriptFailed, transactional.LockTimeout, failures.CallFailed, KeyboardInterrupt) as error:
        _remember_failure(deploy, item, direction, began, error)
        raise


def _remember_failure(
    deploy: deployment.Deploy, item: migration.Migration, direction: str, began: float, error: BaseException
) -> None:
    """Remember a try of which nothing is left, where the server or the file refused it or a signal stopped it."""
    if isinstance(error, KeyboardInterrupt):
        _remember(deploy, item, direction, "interrupted", began, "57014", None, "a signal stopped it")
    elif isinstance(error, transactional.ScriptFailed | transactional.LockTimeout | failures.CallFailed):
        line = None if isinstance(error, transactional.LockTimeout) else error.line
        _remember(deploy, item, direction, "failed", began, transactional.sqlstate_of(error), line, error.message)


def _remember(
    deploy: deployment.Deploy,
    item: migration.Migration,
    direction: str,
    state: str,
    began: float,
    sqlstate: str,
    line: int | None,
    message: str,
) -> None:
    # What is remembered of a failure is a help, never a reason to hide the failure itself.
    with signals.held(), contextlib.suppress(sessions.ConnectionLost, sessions.StatementFailed):
        deploy.session.rollback()
        deploy.session.script(
            deploy.history.failed_attempt(
                item,
                deploy.session.client,
                direction=direction,
                state=state,
                seconds=time.monotonic() - began,
                sqlstate=sqlstate,
                line=line,
                message=message,
            )
        )


def _nontransactional(
    deploy: deployment.Deploy,
    item: migration.Migration,
    script: transactional.Script,
    record: Record,
    resume: nontransactional.Resume,
    *,
    direction: str,
    fingerprint: str | None,
) -> transactional.Ran:
    if deploy.session.pooled:
        raise PoolerRefused(item.id)
    mode = item.directives.mode if direction == "apply" else item.rollback_mode
    statements = precheck.check_script(script.path, script.sql, mode=mode)
    units = transactions.units(statements) if mode == "own-transaction" else transactions.alone(statements)
    began = time.monotonic()
    name = deploy.session.client.application_name(item.id).replace("'", "''")
    deploy.session.script(f"SET application_name = '{name}'")
    if not resume.done and transactions.is_one(statements, units):
        try:
            steps = _steps(deploy, script, item.schema, lambda done: "")
            steps.run(statements, units, resume, record(len(statements), None))
            deploy.session.script(deploy.session.epilogue(script.sql))
        except (errors.Error, KeyboardInterrupt) as error:
            with signals.held(), contextlib.suppress(sessions.ConnectionLost, sessions.StatementFailed):
                deploy.session.rollback()
                deploy.session.reset()
            _remember_failure(deploy, item, direction, began, error)
            raise
        return transactional.Ran(len(statements), 1, time.monotonic() - began)
    own = transactions.last(statements, units) >= 0

    def run(progress: Callable[[int], str], record: str) -> None:
        _steps(deploy, script, item.schema, progress).run(statements, units, resume, record)

    return nontransactional.attempt(
        deploy,
        item,
        len(statements),
        resume,
        record,
        run,
        direction=direction,
        fingerprint=fingerprint or "",
        takes_record=own,
    )


def _steps(
    deploy: deployment.Deploy, script: transactional.Script, schema: str, progress: Callable[[int], str]
) -> nontransactional.Steps:
    """Return the run of a file, which notes by the SQL of `progress` how far it came."""
    return nontransactional.Steps(
        deploy.session, script, schema, progress, deploy.budget, deploy.monitor, deploy.reporter.info
    )


def _python_steps(
    deploy: deployment.Deploy,
    item: migration.Migration,
    script: transactional.Script,
    record: Record,
    resume: nontransactional.Resume,
    *,
    direction: str,
    fingerprint: str,
) -> transactional.Ran:
    if deploy.session.pooled:
        raise PoolerRefused(item.id)
    _python(deploy, item)
    # As `_python` does.
    from schemata.deploy.python import steps

    return steps.apply(deploy, item, script, record, resume, direction=direction, fingerprint=fingerprint)


def _python(deploy: deployment.Deploy, item: migration.Migration) -> ModuleType:
    # Loaded where a migration in Python is to run, and nowhere else: it needs psycopg, and yoyo.
    from schemata.deploy.python import running

    running.expect_psycopg(deploy.session, item.id)
    return running
