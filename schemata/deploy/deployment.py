"""What every command that writes has in common: one session, the lock, the history."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence

from schemata import config, errors, targets
from schemata.attestations import demand
from schemata.deploy import lock, notices, transactional
from schemata.deploy.other_tool import ledger, lock_key
from schemata.history import damage, ledgers, recorded, tables
from schemata.history.drift import expectation, rows
from schemata.history.held import rows as changes
from schemata.history.squashed import rows as squashed_rows
from schemata.migrations import migration
from schemata.postgres import activity, catalog, libpq, query_client, sessions
from schemata.report import progress
from schemata.snapshot import fingerprints, reading
from schemata.system import signals

_INSUFFICIENT_PRIVILEGE = "42501"
_MONITOR_PATIENCE = 0.5
# Through a pooler there is another backend than the one of the login, and its locks are nobody's.
_HELD = (
    "SELECT ((classid::bigint << 32) | objid::bigint)::text FROM pg_locks WHERE locktype = 'advisory' "
    "AND objsubid = 1 AND pid = pg_backend_pid() AND pid = {}"
)


@dataclasses.dataclass
class Deploy:
    """A session that may change the database, with the lock once `lock` was called."""

    settings: config.Config
    session: sessions.Session
    history: tables.History
    budget: transactional.Budget
    monitor: activity.Monitor
    reporter: progress.Reporter
    notices: notices.Notices
    wait: float = 0.0
    parsed: dict[str, migration.Parsed] = dataclasses.field(default_factory=dict)
    notes: list[str] = dataclasses.field(default_factory=list)
    other_ledger: ledger.Ledger | None = None
    compatible: frozenset[tuple[str, str]] | None = None

    def proved(self, item: migration.Migration) -> bool:
        """Tell whether the release before was seen to run with a migration; read once, from the attestations."""
        if self.compatible is None:
            try:
                proofs = demand.compatible(self.settings.migrations)
            except errors.Error as error:
                # What is not proved is applied all the same; only an old build is not ready on it.
                self.notes.append(f"no migration counts as proved for the release before: {error.message}")
                proofs = {}
            major = int(str(self.session.rows("SHOW server_version_num")[0][0])) // 10000 if proofs else 0
            self.compatible = proofs.get(major, frozenset())
        return (item.id, item.checksum) in self.compatible

    def read(self) -> recorded.Recorded:
        """Return the history as this session sees it now."""
        return self.history.read(self.session.rows)

    def lock(self, wait: float, done: Callable[[], bool] = lambda: False) -> bool:
        """Take the deploy lock, or return False as soon as `done()` says that it is not needed.

        Through a pooler there is no session to hold it: each transaction then takes it for itself.
        """
        self.wait = wait
        if self.session.pooled:
            return True
        if not lock.acquire(self.session, wait, self.reporter.info, done):
            return False
        self._lock_others(wait)
        return True

    def _lock_others(self, wait: float) -> None:
        """Take the locks of the tools that still migrate the same database, where the settings say so."""
        tools = {"prisma"} if self.settings.prisma_lock else set()
        adoption = self.settings.adoption
        if adoption.hold_lock:
            tools.add(adoption.tool)
        for tool in sorted(tools):
            ask = self.session.rows
            found = ledger.find(ask, tool, adoption.ledger if tool == adoption.tool else "")
            database = str(ask("SELECT current_database()")[0][0])
            key = lock_key.key(tool, database, found.schema, found.table)
            lock.acquire_other(self.session, key, ledgers.ADOPTED[tool], wait, self.reporter.info)

    def _find_mirror(self) -> None:
        """Find the ledger that is kept true, where the settings ask for that."""
        adoption = self.settings.adoption
        if not adoption.mirror or self.other_ledger is not None:
            return
        found = ledger.find(self.session.rows, adoption.tool, adoption.ledger)
        if found.columns:
            self.other_ledger = found
        else:
            self.notes.append(f"{found.name}: not there, so no ledger of {adoption.tool} is kept")

    def prepare(
        self,
        wait: float,
        *,
        accepted: bool = False,
        check: Callable[[recorded.Recorded], None] = lambda _: None,
    ) -> recorded.Recorded:
        """Make the schemas and the history where they are missing, repair what can be derived; return the history.

        Needs the lock. Raises HistoryDamaged, with nothing changed, where the history lacks what nothing else tells,
        unless that is `accepted`: a person is about to say what is applied. The summary then stays as it is where it
        is lost or counts what is recorded nowhere else: it is the last that tells of it. `check` raises, before
        anything is changed, what speaks against the history as it is found.
        """

        def prepare() -> recorded.Recorded:
            return self._prepare(accepted, check)

        found = lock.pooled(prepare, self.session, wait, self.reporter.info) if self.session.pooled else prepare()
        if found.yoyo_lock_pid:
            lock.wait_for_yoyo(self.session, self.history.schema, wait, self.reporter.info)
            found = self.read()
        self.session.prepare(self.history.prepare_record())
        self._find_mirror()
        return found

    def _prepare(self, accepted: bool, check: Callable[[recorded.Recorded], None]) -> recorded.Recorded:
        guard = transactional.POOLED_LOCK if self.session.pooled else "SELECT 1"
        before = recorded.ABSENT
        try:
            with transactional.rolled_back(self.session):
                self.session.script(f"BEGIN; {guard}; SET LOCAL client_min_messages = warning")
                missing = catalog.missing_schemas(self.session.rows, self.settings.schemas)
                parts = [f'CREATE SCHEMA IF NOT EXISTS "{name}"' for name in missing]
                before = found = self._readable(accepted)
                check(found)
                if not found.present or found.faults:
                    parts += self.history.repair_tables(found.faults)
                parts += [self.history.restore(record) for record in found.records if record.id in found.restored]
                if parts:
                    self.session.script("; ".join(parts))
                    found = self._readable(accepted)
                kept = accepted and (found.summary_lost() or found.unexplained())
                if not found.head_agrees() and not kept:
                    self.session.script(self.history.repair_head(found))
                    found = self._readable(accepted)
                if not found.is_whole() and not accepted:
                    raise damage.HistoryDamaged(self.history.schema, [fault.text for fault in found.faults])
                self.session.script("COMMIT")
        except sessions.StatementFailed as failure:
            if self.session.pooled and transactional.taken(failure):
                raise lock.Taken from failure
            raise self._not_prepared(failure, before) from failure
        for line in damage.repaired(before, accepted=accepted):
            self.reporter.info(line)
        return found

    def _readable(self, accepted: bool) -> recorded.Recorded:
        found = self.read()
        refused = damage.refusals(found, accepted=accepted)
        if refused:
            raise damage.HistoryDamaged(self.history.schema, refused, damage.remedy(found, self.history.schema))
        return found

    def _not_prepared(self, failure: sessions.StatementFailed, actual: recorded.Recorded) -> errors.Error:
        advice, first = remedy(self.session, failure)
        hint = "Nothing was changed. The server's log may say more; then run again."
        if advice:
            hint = f"{advice}\nNothing was changed. {first}, then run again."
        if actual.faults and failure.sqlstate == _INSUFFICIENT_PRIVILEGE:
            _, role, _ = catalog.target(self.session.rows)
            hint = f'The role needs to own the tables of the history: GRANT their owner TO "{role}";'
        elif actual.faults:
            lines = [*(fault.text for fault in actual.faults), f"PostgreSQL {failure.sqlstate}: {failure.message}"]
            return damage.HistoryDamaged(self.history.schema, lines)
        return errors.Error(f"the schemas and the history could not be created: {failure.message}", hint)

    def note_straight(self, pending: Sequence[migration.Migration]) -> None:
        """Note the changes that these take through more than their expand: a run that is interrupted goes on so."""
        phases = [item.directives for item in pending if item.directives.phase != "expand"]
        through = {directives.change for directives in phases if directives.change}
        if through:
            self.session.script(changes.straight(self.history.schema, through))

    def record_squashed(self, items: Sequence[migration.Migration], head: recorded.Head) -> None:
        """Record baselines of which the database has all that they replace, in one transaction; nothing else changes.

        Where the role may not write so much of the history it is left for one that may: nothing depends on it.
        """
        # The parser is loaded by now, or there was something to deploy anyway.
        from schemata.sql import statement

        who, name = self.session.client, self.history.schema
        parts = [squashed_rows.create(name)]
        parts += [squashed_rows.record(name, item, head, who, statement.fingerprint(item.sql)) for item in items]
        names = ", ".join(item.id for item in items)

        def write() -> None:
            guard = transactional.POOLED_LOCK if self.session.pooled else "SELECT 1"
            with transactional.rolled_back(self.session):
                self.session.script(f"BEGIN; {guard}; " + ";\n".join(parts) + "; COMMIT")

        try:
            if self.session.pooled:
                lock.pooled(write, self.session, self.wait, self.reporter.info)
            else:
                write()
        except sessions.StatementFailed as failure:
            if failure.sqlstate != _INSUFFICIENT_PRIVILEGE:
                raise
            self.notes.append(f"{names}: not recorded, because {failure.message}; it counts as applied all the same")
            return
        self.notes.append(f"{names}: recorded as applied, because what was squashed had run; nothing of it was run")

    def script(self, item: migration.Migration, head: recorded.Head, *, rollback: bool = False) -> transactional.Script:
        """Return what runs for a migration when the history is at `head`, with the schema's search_path."""
        names = [part.format(schema=item.schema) for part in self.settings.search_path]
        if item.directives.imported_from:
            # Not named it comes first, as in the connection of the tool: what an extension has of the same name as the
            # server itself, such as gen_random_uuid of pgcrypto, would be another function else.
            names = [name for name in names if name != "pg_catalog"] or names
        path, sql = (item.rollback_path, item.rollback_sql) if rollback else (item.path, item.sql)
        if item.is_python:
            sql = ""  # it is no SQL: its steps are run, not its text
        mirrored = self.other_ledger.name if self.other_ledger and self.other_ledger.apply(item) else ""
        return transactional.Script(item.id, path, sql, names, self.history.unmoved(head), mirrored)

    def write(self, parts: Sequence[str]) -> None:
        """Run statements about the history in one transaction: all of them, or none."""
        with transactional.rolled_back(self.session):
            self.session.script("BEGIN; " + ";\n".join(parts) + "; COMMIT")

    def author(self, by: str) -> str:
        """Return in whose name something is accepted: the one named, else who runs this."""
        return by or f"{self.session.client.user}@{self.session.client.host}"

    def structure(self, schemas: Sequence[str]) -> dict[str, str]:
        """Return the structure's fingerprints; empty where an application's lock on a table is in the way."""
        try:
            return reading.observe(self.session.rows, schemas, self.settings.history_schema)
        except sessions.StatementFailed as failure:
            if failure.sqlstate != transactional.LOCK_NOT_AVAILABLE:
                raise
            self.reporter.info(
                f"the structure of the schemas was not recorded: {failure.message}; the next `inv migrate` records it"
            )
            return {}

    def notice_drift(self, actual: recorded.Recorded, before_id: str) -> dict[str, str]:
        """Remember each schema that is not what the last run left, before this one changes it; return what is so now.

        Nothing can be told, and nothing is returned, where no structure is remembered or somebody's lock is in the way.
        """
        remembered = actual.head.structure
        if not remembered:
            return {}
        now = self.structure(self.settings.schemas)
        drifted = fingerprints.differing(remembered, now)
        known = {(row.schema, row.actual) for row in actual.drift}
        if drifted and not actual.keeps_drift:
            self.session.script(rows.create_later(self.history.schema))
        for schema, classes in drifted.items():
            if (schema, now[schema]) not in known:
                self.session.script(rows.note(self.history.schema, schema, remembered[schema], now[schema], before_id))
            self.notes.append(
                f"drift: {fingerprints.describe(schema, classes)} is not what the last migrate left. This run works "
                "on it as it is; `inv migrate-status` names it until it is accounted for (`inv parity` shows it)."
            )
        return now

    def note_structure(self, before: Mapping[str, str] | None = None, digest: str = "") -> None:
        """Remember what the structure is now, so that drift can be told later.

        :param before: what it was before this run, where it was looked at.
        :param digest: of the migrations that are applied now: where the lock file knows what they make, drift that is
            gone is settled.
        """
        # The mark first: an edit between the two questions then shows as drift, never as none.
        mark = catalog.structure_mark(self.session.rows, self.settings.schemas)
        now = self.structure(self.settings.schemas)
        if not now:
            return
        parts = [self.history.set_structure(now, mark)]
        if before:
            major = fingerprints.major_of(now)
            deployer = catalog.deployer(self.session.rows, self.history.schema)
            expected = expectation.locked(self.settings, digest, major, deployer) if digest else None
            differing = fingerprints.differing(expected, now)
            for schema in {row.schema for row in self.read().drift}:
                if expected and schema in expected and schema not in differing:
                    parts.append(rows.settle(self.history.schema, schema))
                elif schema in now:
                    parts.append(rows.carry(self.history.schema, schema, before.get(schema, ""), now[schema]))
        self.session.script("; ".join(parts))


def remedy(session: sessions.Session, failure: sessions.StatementFailed) -> tuple[str, str]:
    """Return what to do about a statement of the engine's own that was refused, and what comes before running again."""
    # The table of remedies is needed only where something failed.
    from schemata.deploy import diagnosis

    found = diagnosis.of_setup(session, failure)
    return found.text, found.first


def _refused(session: sessions.Session, failure: sessions.StatementFailed) -> errors.Error:
    """Return the error for a statement of the engine's own that the server refused, such as a note in the history."""
    advice, first = remedy(session, failure)
    return errors.Error(
        f"PostgreSQL refused a write to the history of migrations: {failure.sqlstate}: {failure.message}",
        f"{advice}\n{first}, then run again." if advice else "`inv migrate-status` shows which migrations are applied.",
    )


def make_ready(connection: libpq.Connection, choice: targets.Choice, chosen: Sequence[migration.Migration]) -> None:
    """Make a connection fit for these migrations: where one of them is in Python it is made again through psycopg.

    Then the connection that its steps are given is psycopg's own over this session. The old one is closed first: one
    may be all that a role has. Locks that it held, such as the one of the queue of boots, are taken again if they are
    free.
    """
    if not any(item.is_python for item in chosen) or query_client.is_through_psycopg(connection):
        return
    held = connection.query(_HELD.format(connection.backend_pid))
    connection.close()
    again = targets.login(choice, tries=targets.AGAIN, through_psycopg=True)
    vars(connection).update(vars(again))
    for (key,) in held:
        connection.query(f"SELECT pg_try_advisory_lock({key})")


@contextlib.contextmanager
def opened(
    settings: config.Config,
    choice: targets.Choice,
    reporter: progress.Reporter,
    connection: libpq.Connection,
    *,
    keep: bool = False,
) -> Iterator[Deploy]:
    """Make a session for a deploy of a connection; on the way out it is closed, and with it goes the lock.

    There is no second one that the deploy needs: where one connection is all that a role, a database or a pooler
    has, it goes through. With `keep` the connection is closed only when the block fails.

    A signal in the block becomes errors.Interrupted, a lost connection errors.NotAvailable, each after
    what was under way was rolled back, cancelled or left for the server to end.
    """
    hint = "The migrations applied before it stay. Run again to go on; `inv migrate-status` shows the state."
    with (
        signals.ending("; the statement was cancelled", hint),
        of_session(settings, choice, reporter, connection, keep=keep) as deploy,
    ):
        yield deploy


@contextlib.contextmanager
def of_session(
    settings: config.Config,
    choice: targets.Choice,
    reporter: progress.Reporter,
    connection: libpq.Connection,
    *,
    keep: bool = False,
) -> Iterator[Deploy]:
    """As `opened`, for a caller that heeds signals by itself because it has several such sessions."""
    budget = transactional.Budget(
        lock_timeout=settings.locks.lock_timeout,
        statement_timeout=settings.locks.statement_timeout,
        attempts=settings.locks.attempts,
        backoff=settings.locks.backoff,
        backoff_cap=settings.locks.backoff_cap,
    )
    who = sessions.this_client()
    heard = notices.Notices(reporter.info, verbose=reporter.verbose)
    with (
        contextlib.closing(heard),
        sessions.session(connection, who, keep=keep, notice=heard) as session,
        activity.Monitor(
            choice.url, session.pid, min(_MONITOR_PATIENCE, settings.locks.lock_timeout / 2), reporter.info
        ) as monitor,
    ):
        deploy = Deploy(settings, session, tables.History(settings.history_schema), budget, monitor, reporter, heard)
        try:
            yield deploy
        except sessions.StatementFailed as failure:
            raise _refused(session, failure) from failure
