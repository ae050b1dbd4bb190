"""The rehearsal: each pending migration on a fresh database, and under observation on one that has rows."""

import dataclasses
import functools
import time
from collections.abc import Callable, Collection

from schemata import config, errors
from schemata.backups import restoring
from schemata.deploy import transactional
from schemata.migrations import files, migration, precheck
from schemata.parity import expected
from schemata.postgres import queries, sessions
from schemata.rehearsal import aims, attesting, choosing, comparing, outcome, proof, running, scratch, server_wide
from schemata.rehearsal.trace import codes, effect, judging, states, traces, tracing
from schemata.report import document, progress
from schemata.samples import rows
from schemata.system import signals

#: Fills an empty database with what an existing one has, such as the last backup, and tells in words what that is.
Existing = Callable[[str], str]
_NOT_NULL = "23502"
# NOT NULL, a foreign key, a unique or exclusion constraint, a check, a value that cannot be converted.
_OF_ROWS = (_NOT_NULL, "23503", "23505", "23P01", "23514", "22P02", "22001", "22003", "22007", "22008")
_SEEDED = "the earlier migrations and a few made-up rows in each table"


def rehearse(
    settings: config.Config,
    names: Collection[str] = (),
    *,
    everything: bool = False,
    url: str = "",
    target: str = "",
    rollbacks: bool = False,
    attest: bool = False,
    accept: str = "",
    backup: str = "",
    existing: Existing | None = None,
    reporter: progress.Reporter = progress.SILENT,
) -> outcome.Rehearsed:
    """Run each pending migration in databases that are dropped afterwards, and return what it did to what was there.

    Once on a fresh database, by the engine's own run; once, statement by statement, on an existing one: what a `backup`
    holds, by its name, or what `existing` gives, else one that is filled with made-up rows. With `rollbacks` each is
    also cycled up and down. `target` is asked by SELECTs on its catalog only; without one
    the scale file says how large the tables are. Nothing is left of the databases, also
    after a failure.

    With `attest` what was proved is written to `migrations/attestations`; errors only where they are accepted, for the
    reason `accept`. Raises ServerWide where one would change more of the server at `url` than its own databases.
    """
    began = time.monotonic()
    if accept and not attest:
        raise errors.ConfigError("--accept has no effect without --attest", "Add it, or leave --accept out.")
    restored = restoring.named(settings, backup) if backup else None
    if restored:
        existing = functools.partial(restoring.fill, settings, restored)
    sources = files.with_rollbacks(files.read(settings.migrations, settings.schemas))
    aim = aims.ask(settings, target, sources) if target else None
    chosen = choosing.choose(settings, sources, names, everything=everything, aim=aim)
    if aim is not None and url:
        scratch.refuse_same(settings, url, aim.identity)
    if not chosen.ids:
        return outcome.Rehearsed("no server", 0, chosen.why, _SEEDED, (), (), target=aim.target if aim else None)
    if url:
        server_wide.refuse(chosen.order, rollbacks=rollbacks or attest)
    rates = settings.rehearsal
    known = outcome.known_sizes(
        aim.tables if aim else aims.of_scale(settings),
        rates.large_rows,
        rates.scan_rate,
        rates.rewrite_rate,
        rates.index_rate,
        whole=aim is not None,
    )
    with (
        signals.ending("; the databases of the rehearsal are dropped"),
        scratch.server(settings, url, aim.major if aim else 0, reporter) as server,
    ):
        run = _Run(settings, server, chosen, reporter, rollbacks or attest)
        try:
            run.start(existing)
            run.all()
        finally:
            run.close()
        findings = [*run.refused, *(one for trace in run.traces for one in judging.judge(trace, known))]
        found = outcome.Rehearsed(
            f"PostgreSQL {server.version}",
            server.major,
            chosen.why,
            f"the existing database is {run.existing}",
            tuple(run.traces),
            tuple(findings),
            tuple(run.proofs),
            run.empty,
            tuple(run.notes),
            aim.target if aim else None,
            time.monotonic() - began,
            backup=restored.name if restored and run.real else "",
        )
    return attesting.attest(settings, sources, found, accept) if attest else found


class _Run:
    """Two databases, one made by the engine alone and one with rows, which go through the migrations together."""

    def __init__(
        self,
        settings: config.Config,
        server: scratch.Server,
        chosen: choosing.Chosen,
        reporter: progress.Reporter,
        rollbacks: bool,
    ) -> None:
        self._settings, self._server, self._chosen, self._reporter = settings, server, chosen, reporter
        self._rollbacks = rollbacks
        self._done: list[migration.Migration] = list(chosen.before)
        python = any(item.is_python for item in chosen.order)
        self._fresh = running.Database(settings, server, "fresh", through_psycopg=python)
        self._existing = running.Database(settings, server, "existing", made=False, through_psycopg=python)
        self.existing = _SEEDED
        # Whether its rows are real: then none are made up, and what they refuse is refused in earnest.
        self.real = False
        self.traces: list[traces.Trace] = []
        self.refused: list[codes.Finding] = []
        self.proofs: list[outcome.Proved] = []
        # The structure after the migration before, where its proof has looked at it.
        self._left: comparing.Moment | None = None
        self.empty: dict[str, str] = {}
        self.notes: list[str] = []

    def start(self, existing: Existing | None) -> None:
        """Bring both databases to where the first migration is pending. Raises ReplayFailed where that fails."""
        try:
            self._fresh.apply(self._done)
        except errors.MigrationError as error:
            raise expected.ReplayFailed(
                f"the migrations before the first pending one do not run on an empty database: {error.message}",
                error.hint,
            ) from error
        if existing is None:
            self._copy()
            return
        self._existing.url = self._server.create(self._existing.name)
        self.existing = existing(self._existing.url)
        self.real = True
        known = self._existing.deploy.read().ids()
        self._existing.apply([item for item in self._done if item.id not in known])
        self._fill()

    def close(self) -> None:
        """End both sessions."""
        self._fresh.close()
        self._existing.close()

    def all(self) -> None:
        """Rehearse one after the other; end at the first that does not run on a fresh database."""
        rest = self._chosen.order[len(self._done) :]
        for number, item in enumerate(rest):
            self._reporter.step(number, len(rest), item.id)
            if not self._one(item, last=number == len(rest) - 1):
                left = len(rest) - number - 1
                if left:
                    self.notes.append(f"{document.number(left, 'migration')} after {item.id} could not be rehearsed.")
                break
        self._reporter.step(len(rest), len(rest), "")

    def _one(self, item: migration.Migration, *, last: bool) -> bool:
        """Rehearse one migration; return False where those after it cannot be."""
        roles = self._server.roles()
        traced = True
        try:
            precheck.check([item])
            if item.id in self._chosen.ids:
                if self._rollbacks:
                    self._prove(item, roles)
                traced = self._observe(item)
            else:
                self._existing.apply([item])
                self._left = None  # it is older than this migration
            # Roles belong to the server: the other database is to make them as well.
            self._server.set_aside(self._server.roles() - roles - self._existing.needed)
            self._fresh.apply([item])
        except (errors.MigrationError, transactional.LockTimeout) as error:
            self._refuse(item, error)
            return False
        if last:
            return True
        if traced:
            self._fill()
        else:
            self._copy(f"{item.id} does not run on them")
        return True

    def _prove(self, item: migration.Migration, roles: frozenset[str]) -> None:
        """Cycle a migration; where it does not run on made-up rows, without any."""
        for database in (self._existing, self._fresh):
            database.close()
            proved, left = proof.prove(self._settings, self._server, database.name, item, self._left)
            self._server.drop("cycle")
            self._server.drop_roles(self._server.roles() - roles)
            if left is not None:
                break
        self._left = left
        self.proofs.append(proved)

    def _observe(self, item: migration.Migration) -> bool:
        """Run a migration under observation; where made-up rows stop it, once more without any.

        Returns whether the existing database has it then.
        """
        trace = self._trace(item)
        while (
            (failed := trace.failure)
            and failed.failure
            and self._existing.provide_role(failed.failure.sqlstate, failed.failure.message)
        ):
            self._copy(f"{item.id} names a role that this server lacks")
            trace = self._trace(item)
        if trace.failure and _is_of_rows(trace) and not self.real:
            self._existing.copy_of(self._fresh)
            again = self._trace(item)
            if not again.failure:
                trace = dataclasses.replace(again, refused=trace.failure)
        self.traces.append(trace)
        return trace.failure is None

    def _copy(self, why: str = "") -> None:
        """Make the existing database again as the fresh one is, and fill it; `why` no real rows can be used."""
        if self.real:
            self.notes.append(f"{why}: from there on the rows are made up, not those of {self.existing}.")
            self.existing = f"{self.existing}, then {_SEEDED}" if self.traces else _SEEDED
        self._existing.copy_of(self._fresh)
        self.real = False
        self._fill()

    def _fill(self) -> None:
        if self.real:
            return
        session = self._existing.deploy.session
        self.empty |= rows.fill(session, self._settings.history_schema, self._settings.rehearsal.rows, self.empty)

    def _refuse(self, item: migration.Migration, error: errors.Error) -> None:
        line = getattr(error, "line", None) or 1
        self.refused.append(codes.refused(item.id, f"{self._path(item)}:{line}", error.message, error.hint))

    def _path(self, item: migration.Migration) -> str:
        """Return the path of a file as lint shows it: from the project's root."""
        return files.shown(item.path, self._settings.root)

    def _trace(self, item: migration.Migration) -> traces.Trace:
        if item.not_run:
            self._existing.apply([item])
            return traces.Trace(item.id, self._path(item), ())
        began = time.monotonic()
        deploy = self._existing.deploy
        there = rows.count(deploy.session, self._settings.history_schema)
        tracer = tracing.Tracer(deploy, item, self._existing.url)
        try:
            if item.is_python:
                # As in deploy.apply: it needs psycopg, and yoyo.
                from schemata.rehearsal.trace import python_steps

                python_steps.run(tracer)
            else:
                tracing.run(tracer)
        except sessions.ConnectionLost as error:
            raise errors.NotAvailable(f"the connection was lost while {item.id} ran: {error}", "Run again.") from error
        left: tuple[tuple[str, str, str], ...] = ()
        bodies: tuple[tuple[str, str], ...] = ()
        if not tracer.failed:
            now = tracer.look()
            left = _left(deploy.session.rows, tracer.first, now)
            bodies = self._bodies(deploy.session, tracer.first, now)
            self._existing.record(item, len(tracer.statements))
        return traces.Trace(
            item.id,
            self._path(item),
            tracer.statements,
            there,
            left,
            bodies,
            present=effect.present(tracer.last),
            breaking=item.directives.breaking,
            seconds=time.monotonic() - began,
        )

    def _bodies(
        self, session: sessions.Session, before: states.State, now: states.State
    ) -> tuple[tuple[str, str], ...]:
        """Return what plpgsql_check says of functions that are new or changed; nothing where the server lacks it."""
        oids = [oid for oid, digest in now.bodies.items() if before.bodies.get(oid) != digest]
        if not oids:
            return ()
        try:
            session.script("BEGIN; CREATE EXTENSION IF NOT EXISTS plpgsql_check")
            query = tracing.SQL["bodies"].format(oids=", ".join(map(str, oids)))
            told = traces.loaded(session.rows(query))
            found = []
            for oid, name, table in told:
                for (line,) in session.rows(f"SELECT plpgsql_check_function({oid}, {table}, other_warnings => false)"):
                    if line and line.startswith("error:"):
                        found.append((name, line.removeprefix("error:")))
            return tuple(found)
        except sessions.StatementFailed:
            return ()
        finally:
            session.rollback()


def _is_of_rows(trace: traces.Trace) -> bool:
    """Tell whether a statement failed for what the rows hold; a column that is required from the start is no such."""
    failed = trace.failure
    if failed is None or failed.failure is None or failed.failure.sqlstate not in _OF_ROWS:
        return False
    return not (failed.failure.sqlstate == _NOT_NULL and failed.failure.is_new)


def _left(ask: queries.Ask, before: states.State, now: states.State) -> tuple[tuple[str, str, str], ...]:
    """Return what a migration leaves for a later step."""
    found = []
    for oid, (table, valid) in now.indexes.items():
        if not valid and before.indexes.get(oid, (0, True))[1] and now.relations[oid].kind == "i":
            found.append(("invalid-index", now.name_of(table), now.relations[oid].full))
    for oid, item in now.constraints.items():
        if not item.validated and oid not in before.constraints:
            found.append(("not-validated", now.name_of(item.relation), item.name))
    for oid, name, table, _, columns in traces.loaded(ask(tracing.SQL["without_index"])):
        if oid not in before.constraints:
            found.append(("foreign-key-without-index", table, f"{name} {columns}"))
    return tuple(found)
