"""The backend: whatever yoyo's command line asks of one, done by the engine."""

import contextlib
import dataclasses
import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any

from yoyo import exceptions
from yoyo import migrations as yoyo_migrations
from yoyo.backends.core import postgresql

from schemata import errors, targets
from schemata.deploy import apply, deployment, lock, migrate, plans, repair, results, rollback
from schemata.deploy.python import connection as python_connection
from schemata.history import recorded, status, tables
from schemata.migrations import files, migration, precheck, rollback_files
from schemata.postgres import catalog, libpq, lock_holder, queries, sessions
from schemata.report import progress
from schemata.yoyo_backend import command_line, connecting, sources

_REFUSED = (*plans.OF_DATABASE, "changed", "squash-behind")

_PAUSE = 0.1  # seconds between two tries at the lock


class LockTimeout(lock.LockNotAvailable, exceptions.LockTimeout):  # type: ignore[misc]
    """The deploy lock stayed with somebody else; for yoyo it is its own error of that name."""


class SchemataBackend(postgresql.PostgresqlPsycopgBackend):  # type: ignore[misc]
    """A database of yoyo's whose lock, records and transactions are the engine's."""

    def __init__(self, dburi: Any, migration_table: str) -> None:
        if migration_table != yoyo_migrations.default_migration_table:
            raise errors.ConfigError(
                f"--migration-table {migration_table}: the history of the engine has tables of its own",
                "Leave it out. Another schema for them: schemata+postgresql://…?history_schema=NAME",
            )
        command_line.show_errors_plainly()
        self.uri = dburi
        self.DatabaseError = self.driver.DatabaseError
        self.migration_table = migration_table
        self.has_transactional_ddl = True
        self.schema = dburi.args.get("schema")
        self._settings = connecting.settings_of(dburi)
        self._choice = targets.Choice(connecting.libpq_url(dburi), "yoyo's -d")
        self._given: dict[str, Any] = {}
        self._is_locked: bool = False
        self._deploy: deployment.Deploy | None = None
        self._log_in()
        self._reporter = progress.Reporter(command_line.report, lambda *_: None)

    def _log_in(self) -> None:
        with targets.named(self._choice):
            self._session = targets.login(self._choice, tries=targets.AGAIN, through_psycopg=True)
        self._connection = python_connection.own(self._session)
        self.init_connection(self._connection)

    @property
    def connection(self) -> Any:
        """Return psycopg's connection, made again where a failed deploy has ended the one before."""
        if self._session.closed:
            self._log_in()
        return self._connection

    def _ask(self, sql: str, *values: str | None) -> list[tuple[str | None, ...]]:
        if self._session.closed:
            self._log_in()
        return self._session.query(sql, *values)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the session, which frees every lock that it holds."""
        self._session.close()

    def init_database(self) -> None:
        """Do nothing: what is missing is made by the first command that writes."""

    def ensure_internal_schema_updated(self) -> None:
        """Do nothing: the history is the engine's to make and to repair."""

    def get_applied_migration_hashes(self) -> list[str]:
        """Return yoyo's hashes of what is applied. Reads only, and needs no more than SELECT on the history."""
        with targets.answered(self._choice):
            found = tables.History(self._settings.history_schema).read(self._ask)
        return [tables.yoyo_hash(record.id) for record in found.records]

    def to_apply(self, migrations: Any) -> Any:
        """Return what is not applied, and remember what was given: an edit of what is applied is told later."""
        self._given |= {found.id: found for found in migrations}
        return super().to_apply(migrations)

    def to_rollback(self, migrations: Any) -> Any:
        """Return what is applied, the last first."""
        self._given |= {found.id: found for found in migrations}
        return super().to_rollback(migrations)

    @contextlib.contextmanager
    def lock(self, timeout: float | None = None) -> Iterator[None]:
        """Hold the deploy lock for the block; without a timeout the engine's `locks.wait` is how long it is waited for.

        `list`, which reads only, gets none and waits for nobody; nor does a pooler, where each transaction takes it.
        """
        if self._is_locked:
            yield
            return
        pooled = self._ask("SELECT pg_backend_pid()::text") != [(str(self._session.backend_pid),)]
        if not pooled and not command_line.only_lists():
            self._take_lock(self._settings.locks.wait if timeout is None else timeout)
        self._is_locked = True
        try:
            yield
        finally:
            self._is_locked = False
            if not self._session.closed and not pooled:
                self._session.query("SELECT pg_advisory_unlock_all()")

    def _take_lock(self, wait: float) -> None:
        deadline = time.monotonic() + wait
        while self._ask(f"SELECT pg_try_advisory_lock({lock_holder.KEY})") != [("t",)]:
            if time.monotonic() > deadline:
                raise LockTimeout("the deploy lock", catalog.holders(self._ask), wait)
            time.sleep(_PAUSE)

    def break_lock(self) -> None:
        """Take away the row of a plain yoyo's lock. The engine's own ends with its session: there is none to break."""
        table = f"{queries.identifier(self._settings.history_schema)}.yoyo_lock"
        try:
            if self._ask("SELECT to_regclass($1)::text", table) != [(None,)]:
                self._ask(f"DELETE FROM {table}")
        except libpq.QueryFailed as failure:
            raise errors.Error(
                f"{table} could not be emptied: {failure.message}",
                "It holds the lock of a plain yoyo; the role needs DELETE on it.",
            ) from failure
        holders = catalog.holders(self._ask)
        for holder in holders:
            command_line.report(
                f"the deploy lock is held by {holder.describe()}: it works, and its lock ends with it. To end it: "
                f"SELECT pg_terminate_backend({holder.pid});"
            )

    def apply_migrations(self, migrations: Any, force: bool = False) -> None:
        """Apply what is pending of these, each in one transaction with its record, and then what is to come after."""
        done = self._apply(migrations, force=force)
        if done:
            self.run_post_apply(migrations, force=force)

    def apply_migrations_only(self, migrations: Any, force: bool = False) -> None:
        """Apply what is pending of these."""
        self._apply(migrations, force=force)

    def run_post_apply(self, migrations: Any, force: bool = False) -> None:
        """Run what yoyo calls post-apply: in a transaction of its own, and not recorded."""
        for found in migrations.post_apply:
            self.apply_one(found, force=force, mark=False)

    def apply_one(self, migration: Any, force: bool = False, mark: bool = True) -> None:
        """Apply one migration, or run it without a record."""
        if mark:
            self._apply([migration], force=force)
            return
        _refuse_force(force)
        item = self._read(migration)
        precheck.check([item])
        with self._deploying() as (deploy, found):
            apply.run_unrecorded(deploy, item, found.head)

    def rollback_migrations(self, migrations: Any, force: bool = False) -> None:
        """Roll these back, each in one transaction with its record; refuse all where one has no rollback."""
        _refuse_force(force)
        wanted = [found.id for found in migrations]
        if not wanted:
            return
        known = files.with_rollbacks(self._known(migrations))
        with self._deploying() as (deploy, actual):
            self._refuse(known, deploy, wanted)
            applied = [record.id for record in actual.records]
            by_id = {item.id: item for item in known}
            chosen = [by_id[id_] for id_ in reversed(applied) if id_ in wanted]
            for item in chosen:
                if not item.rollback_path:
                    raise rollback.Irreversible(item)
                rollback_files.check(item)
            rollback.check_needed(known, applied, {item.id for item in chosen})
            done: list[results.Applied] = []
            if chosen:
                with self._settled(chosen, done, rollback=True):
                    rollback.undo_all(deploy, actual, chosen, done, known)

    def rollback_one(self, migration: Any, force: bool = False) -> None:
        """Roll one migration back."""
        self.rollback_migrations([migration], force=force)

    def mark_migrations(self, migrations: Any) -> None:
        """Record these as applied without running them, in one transaction."""
        with self._deploying() as (deploy, actual):
            head, parts = actual.head, []
            for item in sources.in_order(map(self._read, migrations)):
                if item.id in actual.ids():
                    continue
                sql, head = repair.without_running(deploy, item, head, state="baselined", comment="yoyo mark")
                parts.append(sql)
            self._write(deploy, parts)

    def mark_one(self, migration: Any, log: bool = True) -> None:
        """Record one migration as applied without running it."""
        self.mark_migrations([migration])

    def unmark_migrations(self, migrations: Any) -> None:
        """Record these as not applied without undoing them, in one transaction."""
        with self._deploying() as (deploy, actual):
            head, parts, gone = actual.head, [], []
            for item in files.with_rollbacks(map(self._read, migrations)):
                if item.id not in actual.ids():
                    continue
                gone.append(item.id)
                after = recorded.head_after_rollback(actual, head, item, gone)
                parts.append(
                    deploy.history.record_rollback(item, head, after, deploy.session.client, operation="unmark")
                )
                head = after
            self._write(deploy, parts)

    def unmark_one(self, migration: Any, log: bool = True) -> None:
        """Record one migration as not applied without undoing it."""
        self.unmark_migrations([migration])

    def _apply(self, migrations: Any, *, force: bool) -> list[results.Applied]:
        _refuse_force(force)
        known = self._known(migrations)
        wanted = {found.id for found in migrations}
        done: list[results.Applied] = []
        with self._deploying() as (deploy, actual):
            self._refuse(known, deploy, [item.id for item in known])
            applied = actual.ids()
            pending = [item for item in known if item.id in wanted and item.id not in applied]
            there = applied | {item.id for item in pending}
            for item in pending:
                missing = [need for need in item.directives.depends if need not in there]
                if missing:
                    raise errors.MigrationError(
                        f"{item.id} needs {missing[0]}, which is neither applied nor among those to be applied",
                        "Give the folder that it lies in as well, or choose it too.",
                    )
            if pending:
                with self._settled(pending, done):
                    migrate.apply_all(deploy, known, pending, actual, done)
        return done

    def _read(self, found: Any) -> migration.Migration:
        schemas = self._settings.schemas
        return sources.read(found, self.schema or next(iter(schemas), "public"), schemas)

    def _known(self, migrations: Any) -> tuple[migration.Migration, ...]:
        """Return all that yoyo was given, in the engine's order."""
        found = self._given | {one.id: one for one in migrations}
        return sources.in_order(self._read(one) for one in found.values())

    def _refuse(self, known: tuple[migration.Migration, ...], deploy: deployment.Deploy, ids: Iterable[str]) -> None:
        """Refuse what contradicts the files. That others are recorded says nothing: yoyo is given a part of them."""
        wanted = set(ids)
        compared = status.compare(
            deploy.settings, known, deploy.session.rows, full=False, allow_out_of_order=True, on_existing_objects=True
        )
        refused = [
            finding
            for finding in compared.of(*_REFUSED)
            if finding.exit_code != errors.DONE and (finding.code != "changed" or finding.subject in wanted)
        ]
        if refused:
            raise plans.DeployRefused(refused)

    @contextlib.contextmanager
    def _deploying(self) -> Iterator[tuple[deployment.Deploy, recorded.Recorded]]:
        """Give a deploy that holds the lock, and the history as it is under it."""
        settings = self._settings
        if self._session.closed:
            self._log_in()
        if not settings.schemas:
            named = {self._read(found).schema for found in self._given.values()}
            settings = dataclasses.replace(settings, schemas=tuple(sorted(named)) or (self.schema or "public",))
        with (
            targets.named(self._choice),
            self.lock(),
            deployment.opened(settings, self._choice, self._reporter, self._session, keep=True) as deploy,
        ):
            deploy.lock(settings.locks.wait)
            yield deploy, deploy.prepare(settings.locks.wait)

    @contextlib.contextmanager
    def _settled(
        self, chosen: list[migration.Migration], done: list[results.Applied], *, rollback: bool = False
    ) -> Iterator[None]:
        try:
            yield
        except sessions.ConnectionLost as error:
            text = migrate.settled(self._settings, self._choice, chosen, done, rollback=rollback)
            raise migrate.ConnectionEnded(str(error), text) from error

    def _write(self, deploy: deployment.Deploy, parts: list[str]) -> None:
        if parts:
            deploy.write(parts)
            deploy.note_structure()


def _refuse_force(force: bool) -> None:
    if force:
        raise errors.ConfigError(
            "--force: steps that failed would be recorded as applied",
            "Leave it out, and fix what fails; a step that may fail says so itself: ignore_errors.",
        )
