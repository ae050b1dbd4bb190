"""`inv rehearse-release`: the application of the release before on a database with this release's expands."""

import contextlib
import datetime
import time
from collections.abc import Sequence

from schemata import config, errors, targets
from schemata.attestations import attestation, stored
from schemata.changes.backfill import backfill
from schemata.history.held import phases
from schemata.migrations import files, migration
from schemata.migrations.groups import changes
from schemata.postgres import libpq, waiting
from schemata.rehearsal import running, scratch
from schemata.releases import application, outcome, statements, worktree
from schemata.report import progress
from schemata.samples import rows
from schemata.seed import seed

_WANTED = 200
_BEFORE, _THIS = "the release before", "this release"


def rehearse_release(
    settings: config.Config,
    revision: str,
    *,
    url: str = "",
    reporter: progress.Reporter = progress.SILENT,
) -> outcome.Rehearsed:
    """Run what the application of `revision` does on a database with rows, before and after each new migration.

    On a scratch database, of which nothing is left: the migrations of the revision, rows, then those of this release
    that are not held, one after the other, then the backfills. What was possible before must be possible after each.
    The verdict is written to `migrations/attestations`, where a deploy finds it.

    Raises ConfigError for a revision that is none, and migrations that are not committed.
    """
    if not revision:
        raise errors.ConfigError("which release was before is not said", "inv rehearse-release --from v1.4.0")
    began = time.monotonic()
    with worktree.at(settings, revision) as (commit, old):
        worktree.refuse_uncommitted(settings)
        with scratch.server(settings, url, 0, reporter) as server:
            run = _Run(settings, old, server, reporter)
            try:
                run.all()
            finally:
                run.close()
            found = outcome.Rehearsed(
                commit,
                f"PostgreSQL {server.version}",
                server.major,
                tuple(item.id for item in run.applied),
                tuple(run.held),
                tuple(run.backfills),
                run.asked,
                tuple(run.failures),
                tuple(run.notes),
                time.monotonic() - began,
            )
    _attest(settings, run.applied, found)
    return found


class _Run:
    """One scratch database, which goes from the release before to this one."""

    def __init__(
        self, settings: config.Config, old: config.Config, server: scratch.Server, reporter: progress.Reporter
    ) -> None:
        self._settings, self._old, self._reporter = settings, old, reporter
        self._before = files.read(old.migrations, old.schemas)
        self._now = files.read(settings.migrations, settings.schemas)
        python = any(item.is_python for item in (*self._before, *self._now))
        self._database = running.Database(settings, server, "release", through_psycopg=python)
        self._stack = contextlib.ExitStack()
        self._connection: libpq.Connection
        self._probes: list[tuple[statements.Probe, application.Answer]] = []
        self._smoke: dict[str, str] = {}
        self.applied: list[migration.Migration] = []
        self.held: list[str] = []
        self.backfills: list[str] = []
        self.failures: list[outcome.Failure] = []
        self.notes: list[str] = []
        self.asked = 0

    def close(self) -> None:
        """End the sessions."""
        self._stack.close()
        self._database.close()

    def all(self) -> None:
        """Go through it."""
        self._database.apply(self._before)
        self._database.close()
        url = self._database.url
        self._fill(url)
        self._connection = self._stack.enter_context(waiting.connect(url, application_name="schemata release"))
        self._prepare()
        there = {item.id for item in self._before}
        held = phases.held(self._now, there)
        self.held = list(held)
        new = [item for item in self._now if item.id not in there and item.id not in held]
        for number, item in enumerate(new):
            self._reporter.step(number, len(new), item.id)
            try:
                self._database.apply([item])
            except errors.MigrationError as error:
                self._fail(_BEFORE, item.id, "", "", item.path, f"it does not run on its rows: {error.message}")
                break
            self.applied.append(item)
            self._check(item.id)
        else:
            self._fill_back(new)
            self._new_release()

    def _fill(self, url: str) -> None:
        """Give each table rows: as many as a seed makes, and a few where it can make none."""
        choice = targets.choose(self._old, url)
        try:
            with targets.connect(choice) as connection:
                name = targets.describe(choice, connection).database
            seed.seed(self._old, url=url, wanted=_WANTED, yes=True, confirm=name)
        except errors.Error as error:
            self.notes.append(f"The seed cannot be used: {error.message}")
        session = self._database.deploy.session
        empty = rows.fill(session, self._settings.history_schema, 3)
        self.notes += [f"{table} has no rows: {reason}" for table, reason in empty.items()]

    def _prepare(self) -> None:
        """Ask everything on the database as the release before has it: what it refuses there is nobody's fault."""
        connection, history = self._connection, self._settings.history_schema
        shapes = application.shapes(connection, history)
        probes = [probe for shape in shapes.values() for probe in statements.reads(shape)]
        for table in rows.tables(self._database.deploy.session, history):
            if table.plain not in shapes:
                continue
            first = application.row(connection, table, 8)
            if first is None:
                self.notes.append(f"{table.plain}: no row of its own could be written, so only its columns are read")
                continue
            other = application.row(connection, table, 9, first)
            probes += statements.writes(table, shapes[table.plain], first, other)
        probes += application.of_pages(connection, self._old)
        for probe in probes:
            answer = application.ask(connection, probe)
            if not isinstance(answer, str):
                self._probes.append((probe, answer))
        self._smoke = application.of_smoke(self._old, self._database.url)

    def _check(self, after: str) -> None:
        """Ask everything again; what fails now and did not before is the fault of the last migration."""
        left = []
        for probe, before in self._probes:
            self.asked += 1
            answer = application.ask(self._connection, probe)
            if isinstance(answer, str):
                self._fail(_BEFORE, after, probe.table, probe.column, probe.shown, answer)
            elif not statements.same(before, answer):
                told = f"it wrote {_shown(before)} before, and finds {_shown(answer)} now"
                self._fail(_BEFORE, after, probe.table, probe.column, probe.shown, told)
            else:
                left.append((probe, before))
        self._probes = left
        for name, problem in application.of_smoke(self._old, self._database.url).items():
            if name not in self._smoke:
                self._smoke[name] = problem
                self._fail(_BEFORE, after, "", "", f"smoke: {name}", problem)

    def _fill_back(self, new: Sequence[migration.Migration]) -> None:
        begun = {item.directives.change for item in new if item.directives.phase == "expand"}
        for change in changes.of(self._now).values():
            for item in change.of("backfill"):
                if change.id not in begun:
                    continue
                self._database.close()
                backfill.change_backfill(self._settings, change.id, url=self._database.url)
                self.backfills.append(change.id)
                self.applied.append(item)
                self._check(item.id)

    def _new_release(self) -> None:
        """Ask this release's pages and smoke, and read all of its columns."""
        last = self.applied[-1].id if self.applied else "this release"
        probes = list(application.of_pages(self._connection, self._settings))
        for shape in application.shapes(self._connection, self._settings.history_schema).values():
            probes += statements.reads(shape)
        for probe in probes:
            self.asked += 1
            answer = application.ask(self._connection, probe)
            if isinstance(answer, str):
                self._fail(_THIS, last, probe.table, probe.column, probe.shown, answer)
        for name, problem in application.of_smoke(self._settings, self._database.url).items():
            self._fail(_THIS, last, "", "", f"smoke: {name}", problem)

    def _fail(self, side: str, after: str, table: str, column: str, statement: str, message: str) -> None:
        known = any((one.migration_id, one.table, one.column, one.message) == (after, table, column, message)
                    for one in self.failures)  # fmt: skip
        if not known:
            self.failures.append(outcome.Failure(side, after, table, column, statement, message, _instead(message)))


def _shown(answer: Sequence[Sequence[str | None]]) -> str:
    return ", ".join("NULL" if value is None else repr(value) for row in answer for value in row)[:80] or "no row"


def _instead(message: str) -> str:
    """Return what to type, by what the server says."""
    kinds = (
        ("null value", "inv change-new add-column-not-null"),
        ("contains null values", "inv change-new add-column-not-null"),
        ("check constraint", "inv change-new add-check"),
        ("unique", "inv change-new add-unique"),
        ("foreign key", "inv change-new add-foreign-key"),
        ("column", "inv change-new rename-column, or drop-column"),
        ("relation", "inv change-new rename-table, or drop-table"),
    )
    kind = next((what for words, what in kinds if words in message), "inv change-new change-type")
    return f"Do it in phases, with both forms alive: {kind}"


def _attest(settings: config.Config, judged: Sequence[migration.Migration], found: outcome.Rehearsed) -> None:
    """Write the verdict on each migration, bound to its text, into the file of attestations."""
    at = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    # One that fails makes every one of the release unproved: they are deployed together.
    verdict = f"{found.revision[:12]}" if found.ok else attestation.NOT_PROVED
    new = [
        attestation.Attestation(
            item.id,
            item.checksum,
            attestation.rollback_checksum(item),
            found.major,
            {attestation.PREVIOUS: verdict},
            at=at,
        )
        for item in files.with_rollbacks(judged)
    ]
    sources = files.read(settings.migrations, settings.schemas)
    if new:
        stored.add(settings.migrations, new, [item.id for item in sources])
