"""`inv change-backfill`: the UPDATE of a change, batch by batch, until no row is left; then its record."""

import contextlib
import time
from collections.abc import Iterator

from schemata import config, errors, targets
from schemata.changes import named, progress_rows
from schemata.changes.backfill import batches, exclusion, finishing, keys, outcome, throttle, work
from schemata.deploy import deployment, transactional
from schemata.history import damage, recorded, tables
from schemata.history.held import rows as change_rows
from schemata.migrations import files, migration, precheck
from schemata.migrations.groups import changes
from schemata.postgres import libpq, sessions, waiting
from schemata.report import progress, results
from schemata.system import signals

# Rows of a batch of those that were locked when their turn came, and how many are looked for at a time.
_SMALL = 100
_MANY = 5000
# Passes over locked rows that may do nothing before each is waited for, and seconds between them.
_STILL = 3
_PAUSE = 0.3
# Rows of the first batch from which on it is no accident that none of them is done afterwards.
_TELLING = 20


def change_backfill(
    settings: config.Config,
    id_: str,
    *,
    batch: int = 1000,
    pause: float = 0.0,
    max_lag: float = 10.0,
    max_load: int | None = None,
    url: str = "",
    reporter: progress.Reporter = progress.SILENT,
) -> outcome.Backfilled:
    """Do the backfill of a change while its application runs, and record it; return what was done.

    The UPDATE of its file is run for `batch` rows at a time, in the order of the table's key, each batch in a
    transaction that also says how far it is: whatever ends a run, the next one goes on behind the last batch. No lock
    of the application's is waited for until nothing else is left. In the end no row may be left that is not done.

    :param pause: seconds between two batches. :param max_lag: seconds that a replica may be behind. :param max_load:
        other sessions that may be active. Raises outcome.AlreadyRunning, BatchFailed, RowsLocked, RowsLeft, work.Unfit.
    """
    if batch < 1:
        raise errors.ConfigError(f"--batch {batch} is not above 0", "Write how many rows a batch has, such as 1000.")
    if max_load is not None and max_load < 0:
        raise errors.ConfigError(f"--max-load {max_load} is below 0", "Write how many other sessions may be active.")
    change, item = _chosen(settings, id_)
    precheck.check([item])
    choice = targets.choose(settings, url)
    with targets.named(choice), waiting.connect(choice.url, application_name="schemata") as connection:
        with targets.answered(choice):
            target = targets.describe(choice, connection)
            found = _recorded(settings, connection, change, item)
        if item.id in found.ids():
            return outcome.Backfilled(target, change.id, item.id, before=True, notes=choice.notes)
        with _deploy(settings, choice, reporter, connection, change) as deploy:
            job = work.of(deploy.session.rows, change, item)
            run = _Run(deploy, job, finishing.attempt_of(found, job), batch)
            return run.complete(target, choice.notes, pause, max_lag, max_load)


def _chosen(settings: config.Config, id_: str) -> tuple[changes.Change, migration.Migration]:
    """Return a change by its name and its backfill, or refuse."""
    change = named.find(files.read(settings.migrations, settings.schemas), id_)
    backfills = change.of("backfill")
    if not backfills:
        raise errors.ConfigError(
            f"the change {id_} has no backfill: its phases are {', '.join(change.phases)}",
            "There is nothing to fill; `inv changes` shows what is next.",
        )
    return change, backfills[0]


def _recorded(
    settings: config.Config, connection: libpq.Connection, change: changes.Change, item: migration.Migration
) -> recorded.Recorded:
    """Return the history; refuse one that is damaged, or that lacks what the backfill builds on."""
    found = tables.History(settings.history_schema).read(connection.query)
    if refused := damage.refusals(found, accepted=False):
        raise damage.HistoryDamaged(settings.history_schema, refused, damage.remedy(found, settings.history_schema))
    needed = [*(one.id for one in change.of("expand")), *item.directives.depends]
    missing = [one for one in dict.fromkeys(needed) if one not in found.ids()]
    if missing and item.id not in found.ids():
        raise errors.MigrationError(
            f"{missing[0]} is not applied, and the backfill of {change.id} needs it",
            f"Apply it: inv migrate; then: inv change-backfill {change.id}",
        )
    return found


@contextlib.contextmanager
def _deploy(
    settings: config.Config,
    choice: targets.Choice,
    reporter: progress.Reporter,
    connection: libpq.Connection,
    change: changes.Change,
) -> Iterator[deployment.Deploy]:
    again = f"Go on: inv change-backfill {change.id}"
    try:
        with signals.raised(), deployment.of_session(settings, choice, reporter, connection) as deploy:
            yield deploy
    except sessions.ConnectionLost as error:
        raise errors.NotAvailable(
            f"the connection to the server was lost: {error}",
            f"Batches that were committed stay, and what was under way was rolled back or committed whole. {again}",
        ) from error


class _Run:
    """One run over one session."""

    def __init__(self, deploy: deployment.Deploy, job: work.Work, expand_attempt: int, size: int) -> None:
        self._deploy, self._job, self._expand_attempt, self._size = deploy, job, expand_attempt, size
        self._session = deploy.session
        self._history = deploy.history.schema
        self._mine = exclusion.Exclusion(deploy.session, self._history, job.change.id)
        self._began = time.monotonic()
        self._skipped = 0

    def complete(
        self,
        target: results.Target,
        notes: tuple[str, ...],
        pause: float,
        max_lag: float,
        max_load: int | None,
    ) -> outcome.Backfilled:
        """Do what is left, check, and record."""
        job, info = self._job, self._deploy.reporter.info
        position = batches.Position()
        wait = throttle.Throttle(self._session.rows, pause, max_lag, max_load, info, self._mine.renew)
        try:
            self._session.script(change_rows.create(self._history))
            position = self._take()
            done = batches.Batches(self._deploy, job, self._mine, position, self._size)
            self._walk(done, wait)
            self._sweep(done, wait)
            self._record(done)
        except KeyboardInterrupt as error:
            rest = f" between two batches: {position.reached}"
            raise signals.interrupted(error, rest, f"Go on: {job.again}") from error
        finally:
            self._release()
        seconds = time.monotonic() - self._began
        return outcome.Backfilled(
            target,
            job.change.id,
            job.item.id,
            job.update.name,
            position.rows,
            position.updated,
            position.batches,
            self._skipped,
            seconds,
            notes=(*notes, *self._deploy.notes),
        )

    def _take(self) -> batches.Position:
        """Make the backfill ours, and return where it goes on."""
        job, info = self._job, self._deploy.reporter.info
        while True:
            row = self._mine.acquire(info)
            before = row.runner if row else ""
            if row and self._counts(row):
                taken = self._session.rows(progress_rows.go_on(self._history, job.change.id, self._mine.runner, before))
                if taken:
                    if row.rows or row.last_key:
                        info(f"going on: {outcome.reached(row.rows, row.fraction)}")
                    return batches.Position(row.last_key, row.max_key, row.rows, row.total_estimate)
            else:
                maximum = self._maximum()
                new = progress_rows.Progress(
                    job.change.id,
                    job.item.id,
                    job.item.checksum,
                    self._expand_attempt,
                    job.key.names,
                    max_key=maximum,
                    total_estimate=job.estimate,
                    runner=self._mine.runner,
                )
                if self._session.rows(progress_rows.start(self._history, new, before)):
                    return batches.Position(None, maximum, 0, job.estimate)

    def _counts(self, row: progress_rows.Progress) -> bool:
        """Tell whether what a row says is of this expand, this text and this key."""
        job = self._job
        now = (job.item.id, job.item.checksum, self._expand_attempt, job.key.names)
        return (row.migration_id, row.checksum, row.expand_attempt, row.key_columns) == now and not row.finished_at

    def _maximum(self) -> keys.Values | None:
        """Return the last key of the table: rows behind it were written after the expand, which keeps them in step."""
        job = self._job
        query = f"SELECT {job.key.values} FROM {job.update.target} ORDER BY {job.key.order(descending=True)} LIMIT 1"
        rows = self._session.rows(query)
        return tuple(str(value) for value in rows[0]) if rows else None

    def _walk(self, done: batches.Batches, wait: throttle.Throttle) -> None:
        """Go through the table once; rows that others have locked are left."""
        start = done.position.rows
        passed = 0
        checked = False
        high = done.next_high()
        while high is not None:
            low, up_to = done.position.last, high
            rows, high = done.run(up_to)
            passed += self._size
            if rows >= _TELLING and not checked:
                checked = True
                self._check_first(done, low, up_to, rows)
            self._step(done.position, start + passed, passed)
            wait.wait()

    def _check_first(self, done: batches.Batches, low: keys.Values | None, high: keys.Values, rows: int) -> None:
        """Refuse an UPDATE after which its own WHERE still finds the rows: hours later it would be no better."""
        job = self._job
        ((count,),) = done.read(job.update.selected("count(*)", job.key.between(low, high)))
        if int(str(count)) >= rows:
            why = f"The first batch updated {rows} rows, and the WHERE of the UPDATE still calls them not done."
            raise finishing.left(done, job, int(str(count)), why)

    def _step(self, position: batches.Position, passed: int, here: int) -> None:
        """Move the bar: it counts the rows that were gone through, whether or not there was something to do."""
        seconds = max(time.monotonic() - self._began, 0.001)
        total = max(position.estimate, passed)
        left = (total - passed) * seconds / here
        what = f"{self._job.update.name} {outcome.advancing(position.updated / seconds, left)}".strip()
        self._deploy.reporter.step(passed, total, what)

    def _sweep(self, done: batches.Batches, wait: throttle.Throttle) -> None:
        """Do the rows that were locked: again and again without waiting, then one by one, each waited for."""
        if done.position.maximum is None:
            return
        within = self._job.key.between(None, done.position.maximum)
        still, before = 0, _MANY + 1
        while still < _STILL:
            left = done.left(_MANY, within)
            self._skipped = self._skipped or len(left)
            if not left:
                return
            updated = 0
            for number in range(0, len(left), _SMALL):
                updated += done.run_rows(left[number : number + _SMALL])
                wait.wait()
            if updated and len(left) >= before:
                return  # it updates them, and they are as before: the check tells
            still = 0 if updated else still + 1
            before = len(left)
            if not updated:
                time.sleep(_PAUSE)
        for values in done.left(_MANY, within):
            done.run_rows([values], wait=True)
            self._mine.renew()

    def _record(self, done: batches.Batches) -> None:
        try:
            finishing.record(self._deploy, self._job, self._expand_attempt)
        except finishing.NotDone as error:
            self._session.rollback()
            raise finishing.left(done, self._job, error.left, "") from error
        except transactional.ScriptFailed as error:
            error.hint = error.hint or f"Nothing was recorded; the updated rows stay. Then: {self._job.again}"
            raise

    def _release(self) -> None:
        with signals.held(), contextlib.suppress(sessions.ConnectionLost, sessions.StatementFailed):
            self._session.rollback()
            self._mine.release()
