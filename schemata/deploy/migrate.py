"""Migrations against a database: what is so, and making it so."""

import contextlib
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from schemata import config, errors, lazy, targets
from schemata.attestations import demand
from schemata.deploy import apply, deployment, nontransactional, plans, results, transactional
from schemata.deploy.preview import locks
from schemata.history import recorded, tables
from schemata.history.squashed import recognition
from schemata.migrations import files, migration, precheck, python_files
from schemata.postgres import catalog, libpq, queries, sessions, waiting
from schemata.report import progress

# Loaded when something is to run: a start with nothing to do needs none of it.
if TYPE_CHECKING:
    from schemata.backups.required import before_deploy
else:
    before_deploy = lazy.Module("schemata.backups.required.before_deploy")

_SETTLE_TRIES = 15


class ConnectionEnded(errors.NotAvailable):
    """The connection was lost; the history said afterwards what is applied."""

    def __init__(self, message: str, settled: str) -> None:
        super().__init__(f"the connection to the server was lost: {message}\n{settled}", "Run again to go on.")


def migrate(
    settings: config.Config,
    *,
    url: str = "",
    schema: str = "",
    to: str = "",
    dry_run: bool = False,
    lock_wait: float | None = None,
    allow_out_of_order: bool = False,
    on_existing_objects: bool = False,
    create_database: bool = False,
    require_proof: bool = False,
    sources: tuple[migration.Migration, ...] | None = None,
    parsed: Mapping[str, migration.Parsed] | None = None,
    connection: libpq.Connection | None = None,
    reporter: progress.Reporter = progress.SILENT,
) -> results.Migrated:
    """Apply the pending migrations, each together with its record, in the one order.

    `to` ends with that migration, `schema` with the last pending one of that schema; whatever sorts
    before is applied too, because there is one order. `sources` are the files, where they were read
    already, and `parsed` what the parser found in them. Where nothing is recorded and the schemas hold objects, it
    refuses unless it is said to work `on_existing_objects`; with `require_proof`, or where the settings demand that of
    this database, also what is not attested. A failure leaves everything before it applied and
    nothing of it, unless it is non-transactional: then the next run repairs it or says what is indeterminate.

    One connection does it all, from the first question to the last commit. That is `connection`, where the caller
    has one: it is left open, with the deploy lock, unless there is a failure; that closes it.
    """
    of_a_build = sources is not None
    if sources is None:
        sources = files.read(settings.migrations, settings.schemas)
    plan = plans.Plan(settings, sources, schema, to, allow_out_of_order, on_existing_objects, of_a_build)
    plan.check()
    wait = settings.locks.wait if lock_wait is None else lock_wait
    may_create = create_database or settings.create_database
    with contextlib.ExitStack() as held:
        if connection is not None:
            held.push(lambda kind, *_: connection.close() if kind else None)
        choice = targets.choose(settings, url)
        held.enter_context(targets.named(choice))
        opened = connection or held.enter_context(_login(settings, choice, may_create or choice.is_dev, reporter))
        run = _Run(plan, choice, opened, connection is not None, dict(parsed or {}), require_proof, reporter)
        return run.show() if dry_run else run.apply(wait)


class _Run:
    """One run over a connection: what the database has, and what becomes of it."""

    def __init__(
        self,
        plan: plans.Plan,
        choice: targets.Choice,
        connection: libpq.Connection,
        keep: bool,
        parsed: dict[str, migration.Parsed],
        require_proof: bool,
        reporter: progress.Reporter,
    ) -> None:
        self._began = time.monotonic()
        self._plan, self._choice, self._connection, self._keep = plan, choice, connection, keep
        self._parsed, self._reporter = parsed, reporter
        settings = plan.settings
        with targets.answered(choice):
            self._target = targets.describe(choice, connection)
            self._compared = plan.compare(connection.query)
            self._pending = plan.selected(self._compared)
            self._missing = catalog.missing_schemas(connection.query, settings.schemas)
            self._actual = tables.History(settings.history_schema).read(connection.query)
            self._squashed = recognition.recognise(plan.sources, self._actual).recordable
        about = (self._target.database, self._target.server_version)
        self._unproved = demand.missing(settings, choice, connection, about, self._pending, asked=require_proof)
        rollbacks = () if plan.of_a_build else plans.rollback_notes(self._pending)
        self._notes = [*choice.notes, *plans.notes(self._compared), *rollbacks]
        # Before anything is made for them: a file that cannot run leaves an empty database empty.
        precheck.check(item for item in self._pending if not (item.transactional and item.id in parsed))

    def show(self) -> results.Migrated:
        """Return what would be applied; change nothing."""
        version = self._target.server_version
        known = locks.planned(self._plan.settings, self._connection, version, self._pending)
        planned = tuple(
            {
                **known[item.id],
                "id": item.id,
                "mode": item.directives.mode,
                "not_run": item.not_run,
                "transactional": item.transactional,
                "path": item.path,
                "sql": python_files.shown(item) if item.is_python else results.excerpt(item.sql, item.path),
            }
            for item in self._pending
        )
        return results.Migrated(
            self._target,
            "applied",
            planned=planned,
            notes=(*self._notes, *self._lock_file(), *self._backup(), *demand.note(self._unproved)),
            dry_run=True,
            revision=self._compared.database_revision,
        )

    def _lock_file(self) -> list[str]:
        problem = files.lock_problem(self._plan.settings.migrations, self._plan.sources)
        return [f"{problem}; write it again before the commit: inv lock"] if problem else []

    def _backup(self) -> list[str]:
        with targets.answered(self._choice):
            return before_deploy.planned(self._plan.settings, self._choice, self._connection.query, self._pending)

    def apply(self, wait: float) -> results.Migrated:
        """Apply what is pending under the deploy lock, for which it waits `wait` seconds."""
        if self._unproved:
            raise self._unproved
        done: list[results.Applied] = []
        revision = self._compared.database_revision
        if self._has_work():
            try:
                revision = self._deploy(wait, done) or revision
            except sessions.ConnectionLost as error:
                text = settled(self._plan.settings, self._choice, self._pending, done)
                raise ConnectionEnded(str(error), text) from error
            except transactional.ScriptFailed as error:
                if self._choice.is_dev:
                    # Imported here: it looks at the server's files, for which only a failure gives a reason.
                    from schemata.server import programs

                    error.hint = programs.explain(self._plan.settings, error.failure.message) or error.hint
                raise
        return results.Migrated(
            self._target,
            "applied",
            done=tuple(done),
            notes=tuple(self._notes),
            revision=revision,
            seconds=round(time.monotonic() - self._began, 3),
        )

    def _has_work(self) -> bool:
        unsettled = not self._actual.is_whole() or (self._actual.present and self._actual.head.structure is None)
        work = self._pending or self._missing or self._squashed or self._compared.of("failed", "interrupted")
        return bool(work or unsettled) and not self._compared.of("ahead")

    def _deploy(self, wait: float, done: list[results.Applied]) -> str:
        """Return the revision that was reached; nothing where another deployer did it all meanwhile."""

        def selected(ask: queries.Ask) -> tuple[migration.Migration, ...]:
            # Once more under the lock: what was seen before it may be another deployer's work by now.
            return self._plan.selected(self._plan.compare(ask))

        settings, reporter = self._plan.settings, self._reporter
        deployment.make_ready(self._connection, self._choice, self._pending)
        with deployment.opened(settings, self._choice, reporter, self._connection, keep=self._keep) as deploy:
            deploy.parsed.update(self._parsed)
            deploy.notes = self._notes
            unlocked = self._missing or self._squashed
            if not deploy.lock(wait, done=lambda: not unlocked and not selected(deploy.session.rows)):
                return ""
            self._notes += before_deploy.take(settings, self._choice, deploy.session, self._pending, reporter)
            ready = deploy.prepare(wait)
            deploy.note_straight(self._pending)
            if standing := recognition.recognise(self._plan.sources, ready).recordable:
                selected(deploy.session.rows)  # refuses what contradicts the files before anything is written
                deploy.record_squashed(standing, ready.head)
                ready = deploy.read()
            while True:
                try:
                    return apply_all(deploy, self._plan.sources, selected(deploy.session.rows), ready, done)
                except transactional.HistoryMoved:
                    # Through a pooler the lock is free between two migrations: plan again.
                    if not deploy.session.pooled:
                        raise
                    ready = deploy.read()


def _login(
    settings: config.Config, choice: targets.Choice, may_create: bool, reporter: progress.Reporter
) -> libpq.Connection:
    def connect() -> libpq.Connection:
        return waiting.connect(
            choice.url,
            application_name="schemata",
            attempts=settings.wait.attempts,
            delay=settings.wait.delay,
            info=reporter.info,
        )

    try:
        return connect()
    except waiting.DatabaseNotFound as error:
        name = waiting.database_of(choice.url)
        if not may_create:
            error.hint = f"Create it ({name}), or let this command do it: --create-database."
            raise
        if waiting.create_database(choice.url, name, application_name="schemata"):
            reporter.info(f"created the database {name}")
        return connect()


def apply_all(
    deploy: deployment.Deploy,
    sources: Sequence[migration.Migration],
    pending: Sequence[migration.Migration],
    actual: recorded.Recorded,
    done: list[results.Applied],
) -> str:
    """Apply what is pending, adding each to `done` as it is committed; return the revision reached."""
    precheck.check(item for item in pending if not (item.transactional and item.id in deploy.parsed))
    resumes = _resumes(deploy, sources, pending, actual)
    head = actual.head
    before = deploy.notice_drift(actual, pending[0].id) if pending else {}
    deploy.session.reset()
    number = alone = 0
    while number < len(pending):
        item = pending[number]
        deploy.reporter.step(number, len(pending), item.id)
        group = apply.batch(deploy, pending[number:]) if number >= alone else ()
        if group:
            applied, head = apply.apply_batch(deploy, group, head, pending[number + len(group) :])
            if len(applied) < len(group):
                # Something is wrong with one of them: to the end of this group each goes by itself.
                alone = number + len(group)
        else:
            applied, head = _apply_one(deploy, item, head, resumes, done, durable=number == len(pending) - 1)
        done += applied
        number += len(applied)
    deploy.reporter.step(len(pending), len(pending), "")
    if done or head.structure is None:
        deploy.note_structure(before, head.digest)
    return head.last_id


def advice(
    deploy: deployment.Deploy, failure: transactional.ScriptFailed, transactional: bool, before: str, again: str
) -> str:
    """Return what to do about a failed statement, what is left of its file, and what to type then."""
    # The table of remedies is needed only where something failed.
    from schemata.deploy import diagnosis

    found = diagnosis.of_script(deploy.session, failure, transactional=transactional)
    left = "Nothing of it is left"
    if failure.kept == 1:
        left = "Its first statement is committed and stays"
    elif failure.kept:
        left = f"Its first {failure.kept} statements are committed and stay"
    if failure.partly:
        left = "What the failed statement and those before it have committed stays"
    lines = [found.text] if found.text else []
    return "\n".join(
        [
            *lines,
            f"{left}; the migrations before it stay as they are ({before} in this run). {found.first}, then: {again}",
        ]
    )


def _apply_one(
    deploy: deployment.Deploy,
    item: migration.Migration,
    head: recorded.Head,
    resumes: Mapping[str, nontransactional.Resume],
    done: Sequence[results.Applied],
    *,
    durable: bool,
) -> tuple[list[results.Applied], recorded.Head]:
    try:
        applied, head = apply.apply(
            deploy, item, head, resumes.get(item.id, nontransactional.Resume()), durable=durable
        )
    except transactional.ScriptFailed as failure:
        failure.hint = advice(deploy, failure, item.transactional, f"{len(done)} applied", "inv migrate")
        raise
    return [applied], head


def _resumes(
    deploy: deployment.Deploy,
    sources: Sequence[migration.Migration],
    pending: Sequence[migration.Migration],
    actual: recorded.Recorded,
) -> dict[str, nontransactional.Resume]:
    """Return where interrupted migrations go on; refuse, before anything runs, what needs a person."""
    by_id = {item.id: item for item in sources}
    applied = actual.ids()
    resumes: dict[str, nontransactional.Resume] = {}
    for attempt in actual.open_attempts:
        rollback = attempt.direction == "rollback"
        if rollback != (attempt.id in applied):
            continue
        if rollback:
            raise errors.MigrationError(
                f"the rollback of {attempt.id} was interrupted after {attempt.statements_done} of "
                f"{attempt.statement_count} statements",
                f"Finish it: inv rollback --steps 1; or, if none of it was done: "
                f"inv migrate-resolve {attempt.id} --applied",
            )
        item = by_id.get(attempt.id)
        if item is None:
            raise errors.MigrationError(
                f"{attempt.id} was interrupted ({attempt.statements_done} of {attempt.statement_count} statements "
                "done), but this build has no file for it",
                "Deploy the build that has it, or undo it by hand and record that: "
                f"inv migrate-resolve {attempt.id} --rolled-back",
            )
        if item not in pending:
            continue
        resumes[item.id] = resume_of(deploy, item, attempt)
        deploy.reporter.info(f"{item.id}: {_going_on(resumes[item.id].done, attempt)}")
    return resumes


def _going_on(done: int, attempt: recorded.OpenAttempt) -> str:
    how = "a failed" if attempt.state == "failed" else "an interrupted"
    return f"going on at statement {done + 1} of {how} run" if done else f"starting again after {how} run"


def resume_of(
    deploy: deployment.Deploy, item: migration.Migration, attempt: recorded.OpenAttempt
) -> nontransactional.Resume:
    """Return where the interrupted file of a migration goes on, or raise NeedsResolve."""
    rollback = attempt.direction == "rollback"
    path, sql = (item.rollback_path, item.rollback_sql) if rollback else (item.path, item.sql)
    if item.is_python:
        # Only where such a migration was interrupted.
        from schemata.deploy.python import steps

        return steps.resume(attempt, item)
    structure = deploy.structure([item.schema])
    if nontransactional.is_of_python(attempt):
        raise nontransactional.NeedsResolve(attempt, path, ["  What ran was a file in Python; the file is SQL now."])
    if item.rollback_transactional if rollback else item.transactional:
        if attempt.statements_done or attempt.state != "failed":
            because = "The file is transactional now, so it cannot go on in the middle."
            raise nontransactional.needs_resolve(attempt, path, structure, because)
        # The server refused its first statement, so it starts again.
        return nontransactional.Resume()
    mode = item.rollback_mode if rollback else item.directives.mode
    return nontransactional.plan(attempt, path, precheck.check_script(path, sql, mode=mode), structure)


def settled(
    settings: config.Config,
    choice: targets.Choice,
    chosen: Sequence[migration.Migration],
    done: list[results.Applied],
    *,
    rollback: bool = False,
) -> str:
    """Ask the history what is applied, after a connection was lost in a moment that only it knows.

    `chosen` are the migrations to apply, or to roll back, in the order of the run.
    """
    try:
        with waiting.connect(choice.url, application_name="schemata", attempts=_SETTLE_TRIES, delay=1.0) as connection:
            found = tables.History(settings.history_schema).read(connection.query)
    except (waiting.ServerNotReady, libpq.QueryFailed, libpq.ConnectionLost):
        verb = "rolled back" if rollback else "applied"
        return f"{len(done)} migrations were {verb} before; the server does not answer, so nothing later is known."
    applied = found.ids()
    finished = {one.id for one in done}
    under_way = next((item.id for item in chosen if item.id not in finished), "")
    late = ""
    if under_way and (under_way in applied) != rollback:
        late = f"; {'the rollback of ' if rollback else ''}{under_way} was committed"
    return f"The history records: {len(applied)} applied, the last is {found.head.last_id or 'none'}{late}."
