"""What every command that writes has in common: one session, the lock, the history, one migration at a time."""

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence

from schemata import config, errors
from schemata.adapters import catalog, executor, history, lock, postgres, signals, stepwise, watch
from schemata.commands import targets
from schemata.core import checks, migration, outcome, recorded, statement, voice

_WATCH_PATIENCE = 0.5

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


@dataclasses.dataclass
class Deploy:
    """A session that may change the database, with the lock once `lock` was called."""

    settings: config.Config
    session: postgres.Session
    history: history.History
    budget: executor.Budget
    eyes: watch.Watch
    voice: voice.Voice
    wait: float = 0.0
    fingerprints: dict[str, str] = dataclasses.field(default_factory=dict)

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
        if not lock.acquire(self.session, wait, self.voice.say, done):
            return False
        if self.settings.prisma_lock:
            lock.acquire_prisma(self.session, wait, self.voice.say)
        return True

    def prepare(self, wait: float) -> recorded.Recorded:
        """Make the schemas and the history where they are missing; return the history. Needs the lock."""
        if self.session.pooled:
            found = lock.pooled(self._prepare, self.session, wait, self.voice.say)
        else:
            found = self._prepare()
        if found.yoyo_lock_pid:
            lock.wait_for_yoyo(self.session, self.history.schema, wait, self.voice.say)
            found = self.read()
        self.session.prepare(self.history.prepare_record())
        return found

    def _prepare(self) -> recorded.Recorded:
        guard = executor.POOLED_LOCK if self.session.pooled else "SELECT 1"
        try:
            with executor.rolled_back(self.session):
                self.session.script(f"BEGIN; {guard}; SET LOCAL client_min_messages = warning")
                missing = catalog.missing_schemas(self.session.rows, self.settings.schemas)
                parts = [f'CREATE SCHEMA IF NOT EXISTS "{name}"' for name in missing]
                if not self.read().present:
                    parts.append(self.history.create())
                if parts:
                    self.session.script("; ".join(parts))
                found = self.read()
                if not found.head_is_true():
                    self.session.script(self.history.repair_head(found))
                    found = self.read()
                self.session.script("COMMIT")
                return found
        except postgres.StatementFailed as failure:
            if self.session.pooled and executor.taken(failure):
                raise lock.Taken from failure
            raise errors.Error(
                f"the schemas and the history could not be made: {failure.message}",
                "The role needs CREATE on the database: GRANT CREATE ON DATABASE <name> TO <role>;",
            ) from failure

    def script(self, item: migration.Migration, head: recorded.Head, *, rollback: bool = False) -> executor.Script:
        """Return what runs for a migration when the history is at `head`, with the schema's search_path."""
        names = [part.format(schema=item.schema) for part in self.settings.search_path]
        path, sql = (item.rollback_path, item.rollback_sql) if rollback else (item.path, item.sql)
        return executor.Script(item.id, path, sql, names, self.history.unmoved(head))

    def apply(
        self,
        item: migration.Migration,
        head: recorded.Head,
        resume: stepwise.Resume,
        *,
        durable: bool,
        then: migration.Migration | None = None,
    ) -> tuple[outcome.Applied, recorded.Head]:
        """Apply one migration and record it; return what was done and the head after it.

        While the server works, what the next one (`then`) needs is computed.
        """
        after = history.head_after_apply(head, item)
        fingerprint = self._fingerprint(item)
        script = self.script(item, head)
        prepared = item.transactional and self.session.keeps_prepared(item.sql)

        def record(count: int, number: int | None) -> str:
            return self.history.record_apply(
                item,
                head,
                after,
                self.session.client,
                fingerprint=fingerprint,
                statement_count=count,
                attempt_number=number,
                prepared=prepared,
            )

        if item.transactional:
            ran = self._whole(item, script, record, durable=durable, direction="apply", then=then)
        else:
            ran = self._stepwise(item, script, record, resume, direction="apply", fingerprint=fingerprint)
        return outcome.Applied(item.id, item.schema, ran.statements, ran.tries, round(ran.seconds, 4)), after

    def undo(
        self,
        item: migration.Migration,
        found: recorded.Recorded,
        head: recorded.Head,
        gone: Sequence[str],
        resume: stepwise.Resume,
    ) -> tuple[outcome.Applied, recorded.Head]:
        """Roll one migration back and record it; return what was done and the head after it."""
        after = history.head_after_rollback(found, head, item, gone)
        script = self.script(item, head, rollback=True)

        def record(count: int, number: int | None) -> str:
            return self.history.record_rollback(item, head, after, self.session.client, attempt_number=number)

        if item.rollback_transactional:
            ran = self._whole(item, script, record, durable=True, direction="rollback")
        else:
            ran = self._stepwise(item, script, record, resume, direction="rollback", fingerprint=None)
        return outcome.Applied(item.id, item.schema, ran.statements, ran.tries, round(ran.seconds, 4)), after

    def _fingerprint(self, item: migration.Migration) -> str:
        if item.id not in self.fingerprints:
            self.fingerprints[item.id] = statement.fingerprint(item.sql)
        return self.fingerprints[item.id]

    def _prefetch(self, item: migration.Migration) -> None:
        self._fingerprint(item)

    def structure(self, schemas: Sequence[str]) -> dict[str, str]:
        """Return the structure's digest by schema; empty where an application's lock on a table is in the way."""
        try:
            return catalog.structure(self.session.rows, schemas)
        except postgres.StatementFailed as failure:
            if failure.sqlstate != executor.LOCK_NOT_AVAILABLE:
                raise
            self.voice.say(f"the structure was not noted: {failure.message}; the next migrate does it")
            return {}

    def note_structure(self) -> None:
        """Remember what the structure is now, so that drift can be told later."""
        digest = self.structure(self.settings.schemas)
        if digest:
            self.session.script(self.history.set_structure(digest))

    def _whole(
        self,
        item: migration.Migration,
        script: executor.Script,
        record: Record,
        *,
        durable: bool,
        direction: str,
        then: migration.Migration | None = None,
    ) -> executor.Ran:
        began = time.monotonic()

        def run() -> executor.Ran:
            return executor.run(
                self.session,
                script,
                lambda count: record(count, None),
                self.budget,
                durable=durable,
                eyes=self.eyes,
                say=self.voice.say,
                meanwhile=(lambda: self._prefetch(then)) if then is not None else None,
            )

        try:
            return lock.pooled(run, self.session, self.wait, self.voice.say) if self.session.pooled else run()
        except (executor.ScriptFailed, executor.LockTimeout) as error:
            sqlstate = error.sqlstate if isinstance(error, executor.ScriptFailed) else executor.LOCK_NOT_AVAILABLE
            line = error.line if isinstance(error, executor.ScriptFailed) else None
            self._remember(item, direction, "failed", began, sqlstate, line, error.message)
            raise
        except KeyboardInterrupt:
            self._remember(item, direction, "interrupted", began, "57014", None, "a signal stopped it")
            raise

    def _remember(
        self,
        item: migration.Migration,
        direction: str,
        state: str,
        began: float,
        sqlstate: str,
        line: int | None,
        message: str,
    ) -> None:
        # What is remembered of a failure is a help, never a reason to hide the failure itself.
        with signals.held(), contextlib.suppress(postgres.ConnectionLost, postgres.StatementFailed):
            self.session.rollback()
            self.session.script(
                self.history.failed_attempt(
                    item,
                    self.session.client,
                    direction=direction,
                    state=state,
                    seconds=time.monotonic() - began,
                    sqlstate=sqlstate,
                    line=line,
                    message=message,
                )
            )

    def _stepwise(
        self,
        item: migration.Migration,
        script: executor.Script,
        record: Record,
        resume: stepwise.Resume,
        *,
        direction: str,
        fingerprint: str | None,
    ) -> executor.Ran:
        if self.session.pooled:
            raise PoolerRefused(item.id)
        statements = checks.check_script(script.path, script.sql, transactional=False)
        began = time.monotonic()
        structure = self.structure([item.schema])
        name = self.session.client.application_name(item.id).replace("'", "''")
        number = int(
            str(
                self.session.rows(
                    f"SET application_name = '{name}'; "
                    + self.history.start_attempt(
                        item,
                        self.session.client,
                        direction=direction,
                        fingerprint=fingerprint or "",
                        statement_count=len(statements),
                        statements_done=resume.done,
                        structure=structure,
                    )
                )[0][0]
            )
        )
        steps = stepwise.Steps(
            self.session,
            script,
            item.schema,
            lambda done: self.history.progress(number, done),
            self.budget,
            self.eyes,
            self.voice.say,
        )
        try:
            steps.run(statements, resume)
            self.session.script("RESET SESSION AUTHORIZATION; RESET ROLE")
            with executor.rolled_back(self.session):
                self.session.script(f"BEGIN; {record(len(statements), number)}; COMMIT")
            self.session.reset()
        except errors.Error as error:
            failed = error if isinstance(error, executor.ScriptFailed) else None
            self._end(
                number, "failed", failed.sqlstate if failed else "", failed.line if failed else None, error.message
            )
            raise
        except KeyboardInterrupt:
            self._end(number, "interrupted", "57014", None, "a signal stopped it")
            raise
        return executor.Ran(len(statements), 1, time.monotonic() - began)

    def _end(self, number: int, state: str, sqlstate: str, line: int | None, message: str) -> None:
        with signals.held(), contextlib.suppress(postgres.ConnectionLost, postgres.StatementFailed):
            self.session.rollback()
            self.session.script(
                "RESET SESSION AUTHORIZATION; RESET ROLE; "
                + self.history.end_attempt(number, state, sqlstate, line, message)
            )


@contextlib.contextmanager
def opened(settings: config.Config, choice: targets.Choice, speak: voice.Voice) -> Iterator[Deploy]:
    """Open a session for a deploy; on the way out it is closed, and with it goes the lock.

    A signal in the block becomes errors.Interrupted, a lost connection errors.NotAvailable, each after
    what was under way was rolled back, cancelled or left for the server to end.
    """
    budget = executor.Budget(
        lock_timeout=settings.locks.lock_timeout,
        statement_timeout=settings.locks.statement_timeout,
        attempts=settings.locks.attempts,
        backoff=settings.locks.backoff,
        backoff_cap=settings.locks.backoff_cap,
    )
    who = postgres.this_client()
    with signals.raised():
        try:
            with (
                postgres.session(choice.url, who, notice=speak.say) as session,
                watch.Watch(
                    choice.url, session.pid, min(_WATCH_PATIENCE, settings.locks.lock_timeout / 2), speak.say
                ) as eyes,
            ):
                yield Deploy(settings, session, history.History(settings.history_schema), budget, eyes, speak)
        except KeyboardInterrupt as error:
            terminated = isinstance(error, signals.Terminated)
            raise errors.Interrupted(
                f"stopped by {'SIGTERM' if terminated else 'SIGINT'}; the statement was cancelled and rolled back",
                "Run again to go on; `inv migrate-status` shows what is applied.",
                errors.TERMINATED if terminated else errors.INTERRUPTED,
            ) from error
