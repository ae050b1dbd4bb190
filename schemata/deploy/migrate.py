"""Migrations against a database: what is so, and making it so."""

import contextlib
import dataclasses
import itertools
import time
from collections.abc import Mapping, Sequence

from schemata import config, errors, targets
from schemata.deploy import apply, deployment, nontransactional, results, transactional
from schemata.history import comparison, recorded, status, tables
from schemata.migrations import files, lookup, migration, precheck
from schemata.postgres import catalog, libpq, sessions, waiting
from schemata.report import progress

#: Findings about the database alone: nothing may be applied over them.
OF_DATABASE = ("existing-objects", "history-damaged", "record-lost")
_REFUSED = (*OF_DATABASE, "changed", "missing", "ahead", "out-of-order")
_SETTLE_TRIES = 15
_INSUFFICIENT_PRIVILEGE = "42501"


class DeployRefused(errors.MigrationError):
    """Files and history contradict each other; nothing was applied."""

    def __init__(self, findings: Sequence[comparison.Finding]) -> None:
        parts = []
        # A build that is behind by a hundred migrations is told once what to do.
        for remedy, alike in itertools.groupby(findings, key=lambda finding: finding.remedy):
            for finding in alike:
                detail = f"\n{finding.detail.rstrip()}" if finding.detail else ""
                parts.append(f"{finding.subject}: {finding.text}{detail}")
            parts.append(f"  {remedy}")
        super().__init__("\n".join(parts), "Nothing was applied.")
        self.findings = tuple(findings)


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
    sources: tuple[migration.Migration, ...] | None = None,
    parsed: Mapping[str, migration.Parsed] | None = None,
    connection: libpq.Connection | None = None,
    reporter: progress.Reporter = progress.SILENT,
) -> results.Migrated:
    """Apply the pending migrations, each together with its record, in the one order.

    `to` ends with that migration, `schema` with the last pending one of that schema; whatever sorts
    before is applied too, because there is one order. `sources` are the files, where they were read
    already, and `parsed` what the parser found in them. Where nothing is recorded and the schemas hold objects, it
    refuses unless it is said to work `on_existing_objects`. A failure leaves everything before it applied and
    nothing of it, unless it is non-transactional: then the next run repairs it or says what is indeterminate.

    One connection does it all, from the first question to the last commit. That is `connection`, where the caller
    has one: it is left open, with the deploy lock, unless there is a failure; that closes it.
    """
    if sources is None:
        sources = files.read(settings.migrations, settings.schemas)
    plan = _Plan(settings, sources, schema, to, allow_out_of_order, on_existing_objects)
    plan.check()
    wait = settings.locks.wait if lock_wait is None else lock_wait
    may_create = create_database or settings.create_database
    with contextlib.ExitStack() as held:
        if connection is not None:
            held.push(lambda kind, *_: connection.close() if kind else None)
        choice = targets.choose(settings, url)
        opened = connection or held.enter_context(_login(settings, choice, may_create or choice.is_dev, reporter))
        run = _Run(plan, choice, opened, connection is not None, dict(parsed or {}), reporter)
        return run.show() if dry_run else run.apply(wait)


@dataclasses.dataclass(frozen=True)
class _Plan:
    """Which of the files are to be applied."""

    settings: config.Config
    sources: tuple[migration.Migration, ...]
    schema: str
    to: str
    allow_out_of_order: bool
    on_existing_objects: bool

    def check(self) -> None:
        """Refuse a schema or a migration that is none of the project's."""
        lookup.check_schema(self.settings, self.schema)
        if self.to:
            lookup.find(self.sources, self.to)

    def compare(self, ask: tables.Ask) -> comparison.Comparison:
        """Return what the database has against the files."""
        return status.compare(
            self.settings,
            self.sources,
            ask,
            full=False,
            allow_out_of_order=self.allow_out_of_order,
            on_existing_objects=self.on_existing_objects,
        )

    def selected(self, compared: comparison.Comparison) -> tuple[migration.Migration, ...]:
        """Return what is to be applied, in order. Raises DeployRefused."""
        return _selected(compared, self.sources, self.schema, self.to)


class _Run:
    """One run over a connection: what the database has, and what becomes of it."""

    def __init__(
        self,
        plan: _Plan,
        choice: targets.Choice,
        connection: libpq.Connection,
        keep: bool,
        parsed: dict[str, migration.Parsed],
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
        self._notes = [*choice.notes, *_notes(self._compared)]
        # Before anything is made for them: a file that cannot run leaves an empty database empty.
        precheck.check(item for item in self._pending if not (item.transactional and item.id in parsed))

    def show(self) -> results.Migrated:
        """Return what would be applied; change nothing."""
        planned = tuple(
            {
                "id": item.id,
                "transactional": item.transactional,
                "path": item.path,
                "sql": migration.excerpt(item.sql, item.path),
            }
            for item in self._pending
        )
        return results.Migrated(
            self._target,
            "applied",
            planned=planned,
            notes=tuple(self._notes),
            dry_run=True,
            revision=self._compared.database_revision,
        )

    def apply(self, wait: float) -> results.Migrated:
        """Apply what is pending under the deploy lock, for which it waits `wait` seconds."""
        done: list[results.Applied] = []
        revision = self._compared.database_revision
        if self._has_work():
            try:
                revision = self._deploy(wait, done) or revision
            except sessions.ConnectionLost as error:
                text = settled(self._plan.settings, self._choice, self._pending, done)
                raise ConnectionEnded(str(error), text) from error
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
        work = self._pending or self._missing or unsettled or self._compared.of("interrupted")
        return bool(work) and not self._compared.of("ahead")

    def _deploy(self, wait: float, done: list[results.Applied]) -> str:
        """Return the revision that was reached; nothing where another deployer did it all meanwhile."""

        def selected(ask: tables.Ask) -> tuple[migration.Migration, ...]:
            # Once more under the lock: what was seen before it may be another deployer's work by now.
            return self._plan.selected(self._plan.compare(ask))

        settings, reporter = self._plan.settings, self._reporter
        with deployment.opened(settings, self._choice, reporter, self._connection, keep=self._keep) as deploy:
            deploy.parsed.update(self._parsed)
            deploy.notes = self._notes
            if not deploy.lock(wait, done=lambda: not self._missing and not selected(deploy.session.rows)):
                return ""
            ready = deploy.prepare(wait)
            while True:
                try:
                    return _apply_all(deploy, self._plan.sources, selected(deploy.session.rows), ready, done)
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


def _selected(
    compared: comparison.Comparison, sources: Sequence[migration.Migration], schema: str, to: str
) -> tuple[migration.Migration, ...]:
    refused = [finding for finding in compared.of(*_REFUSED) if finding.exit_code != errors.DONE]
    if refused:
        raise DeployRefused(refused)
    pending = compared.pending
    if compared.of("ahead") and not pending:
        return ()
    if to:
        order = {item.id: number for number, item in enumerate(sources)}
        pending = tuple(item for item in pending if order[item.id] <= order[to])
    if schema:
        last = max((number for number, item in enumerate(pending) if item.schema == schema), default=-1)
        pending = pending[: last + 1]
    return pending


def _apply_all(
    deploy: deployment.Deploy,
    sources: Sequence[migration.Migration],
    pending: Sequence[migration.Migration],
    found: recorded.Recorded,
    done: list[results.Applied],
) -> str:
    """Apply what is pending, adding each to `done` as it is committed; return the revision reached."""
    precheck.check(item for item in pending if not (item.transactional and item.id in deploy.parsed))
    resumes = _resumes(deploy, sources, pending, found)
    head = found.head
    if pending:
        _warn_of_drift(deploy, found)
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
        deploy.note_structure()
    return head.last_id


def advice(failure: transactional.ScriptFailed, transactional: bool, before: str, again: str) -> str:
    """Return what is left after a failure, what stays, and what to type."""
    left = "Nothing of it is left" if transactional else "What its earlier statements did is done, and stays"
    fix = "Fix the file"
    if failure.sqlstate == _INSUFFICIENT_PRIVILEGE:
        fix = "Grant the role what it lacks, or use another role"
    return f"{left}; {before} before it stay so. {fix}, then: {again}"


def _warn_of_drift(deploy: deployment.Deploy, found: recorded.Recorded) -> None:
    """Note it when the database was edited since the last migrate: this one takes the edit as given."""
    expected = found.head.structure
    if not expected:
        return
    now = deploy.structure(deploy.settings.schemas)
    drifted = [schema for schema, value in expected.items() if now and now.get(schema) != value]
    if drifted:
        deploy.notes.append(
            f"drift: the structure of {', '.join(drifted)} is not what the last migrate left; "
            "from now on it is taken as it is"
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
        failure.hint = advice(failure, item.transactional, f"{len(done)} applied", "inv migrate")
        raise
    return [applied], head


def _resumes(
    deploy: deployment.Deploy,
    sources: Sequence[migration.Migration],
    pending: Sequence[migration.Migration],
    found: recorded.Recorded,
) -> dict[str, nontransactional.Resume]:
    """Return where interrupted migrations go on; refuse, before anything runs, what needs a person."""
    by_id = {item.id: item for item in sources}
    applied = found.ids()
    resumes: dict[str, nontransactional.Resume] = {}
    for attempt in found.open_attempts:
        rollback = attempt.direction == "rollback"
        if rollback != (attempt.id in applied):
            continue
        if rollback:
            raise errors.MigrationError(
                f"the rollback of {attempt.id} was interrupted after {attempt.statements_done} of "
                f"{attempt.statement_count} statements",
                f"Finish it: inv rollback --steps 1; or, if nothing of it happened: "
                f"inv migrate-resolve {attempt.id} --applied",
            )
        item = by_id.get(attempt.id)
        if item is None:
            raise errors.MigrationError(
                f"{attempt.id} was interrupted ({attempt.statements_done} of {attempt.statement_count} statements "
                "done), but this build has no file for it",
                "Deploy the build that has it, or undo it by hand and say so: "
                f"inv migrate-resolve {attempt.id} --rolled-back",
            )
        if item not in pending:
            continue
        resumes[item.id] = resume_of(deploy, item, attempt)
        deploy.reporter.info(f"{item.id}: going on at statement {resumes[item.id].done + 1} of an interrupted run")
    return resumes


def resume_of(
    deploy: deployment.Deploy, item: migration.Migration, attempt: recorded.OpenAttempt
) -> nontransactional.Resume:
    """Return where the interrupted file of a migration goes on, or raise NeedsResolve."""
    rollback = attempt.direction == "rollback"
    path, sql = (item.rollback_path, item.rollback_sql) if rollback else (item.path, item.sql)
    structure = deploy.structure([item.schema])
    if item.rollback_transactional if rollback else item.transactional:
        if attempt.statements_done or attempt.state != "failed":
            because = "The file is transactional now, so it cannot go on in the middle."
            raise nontransactional.needs_resolve(attempt, path, structure, because)
        # The server refused its first statement, so it starts from the beginning.
        return nontransactional.Resume()
    return nontransactional.plan(attempt, path, precheck.check_script(path, sql, transactional=False), structure)


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
        return f"{len(done)} migrations were {verb} before; the server does not answer to say more."
    applied = found.ids()
    finished = {one.id for one in done}
    under_way = next((item.id for item in chosen if item.id not in finished), "")
    late = ""
    if under_way and (under_way in applied) != rollback:
        late = f"; {'the rollback of ' if rollback else ''}{under_way} was committed"
    return f"The history says: {len(applied)} applied, the last is {found.head.last_id or 'none'}{late}."


def _notes(compared: comparison.Comparison) -> list[str]:
    notes = [f"{finding.subject}: {finding.text}" for finding in compared.of("reformatted", "unverified", "yoyo-lock")]
    notes += [
        "\n".join([f"{finding.subject}: {finding.text}", *filter(None, [finding.detail])])
        for finding in compared.of("existing-objects")
    ]
    ahead = compared.of("ahead")
    if ahead:
        notes.append(f"{ahead[-1].text}. {ahead[-1].remedy} Nothing is applied.")
    return notes
