"""The end of a backfill: the last check that no row is left, and the record, in one transaction."""

from schemata import errors
from schemata.changes import progress_rows
from schemata.changes.backfill import batches, outcome, recording, work
from schemata.deploy import deployment, transactional
from schemata.history import recorded
from schemata.postgres import sessions
from schemata.sql import position

_SAMPLE = 5


class _Check:
    """Counts the rows that are not done, in the transaction of the record. Raises _NotDone."""

    def __init__(self, job: work.Work) -> None:
        self._job = job

    def send(self, session: sessions.Session, script: transactional.Script, before: str) -> int:
        """Open the transaction and count; one result more than `before` has statements."""
        count = len(session.script(before))
        session.script("SET LOCAL statement_timeout = 0")
        left = session.rows(self._job.verify)
        if len(left) != 1 or len(left[0]) != 1 or not str(left[0][0]).lstrip("-").isdecimal():
            raise errors.MigrationError(
                f"`-- verify:` of {self._job.item.path} does not answer one number",
                f"Write SELECT count(*) of the rows that are not done; then: {self._job.again}",
            )
        if left[0][0] != "0":
            raise NotDone(int(str(left[0][0])))
        return count + 1

    def place(
        self, script: transactional.Script, failure: sessions.StatementFailed, extra: int
    ) -> position.Position | None:
        """Return nothing: what failed is no statement of the file."""
        return None


class NotDone(Exception):
    """So many rows are not done."""

    def __init__(self, left: int) -> None:
        super().__init__(f"{left} rows are not done")
        self.left = left


def left(batches_: batches.Batches, job: work.Work, count: int, why: str) -> outcome.RowsLeft:
    """Return the error for rows that are not done, with the keys of a few."""
    sample = batches_.left(_SAMPLE)
    shown = [job.shown(values) for values in sample]
    if not shown and job.item.directives.verify:
        why = f"The WHERE of the UPDATE finds none of them, but `-- verify:` does. {why}".strip()
    return outcome.RowsLeft(job.change.id, job.update.name, count, shown, batches_.position.rows, why)


def record(deploy: deployment.Deploy, job: work.Work, expand_attempt: int) -> None:
    """Record the backfill as applied under the deploy lock, if no row is left. Raises NotDone."""
    wait = deploy.settings.locks.wait
    deploy.lock(wait)
    while True:
        ready = deploy.prepare(wait)
        expand = attempt_of(ready, job)
        if job.item.id in ready.ids():
            return
        if expand != expand_attempt:
            raise errors.MigrationError(
                f"the expand of {job.change.id} was rolled back while its backfill ran",
                "Nothing was recorded. `inv migrate-status` shows what is applied.",
            )
        before = deploy.notice_drift(ready, job.item.id)
        finish = progress_rows.finish(deploy.history.schema, job.change.id)
        try:
            after = recording.record(deploy, job.item, ready.head, _Check(job), finish)
        except transactional.HistoryMoved:
            # Through a pooler the lock is free between the reading of the history and the record.
            if not deploy.session.pooled:
                raise
            continue
        deploy.note_structure(before, after.digest)
        return


def attempt_of(history: recorded.Recorded, job: work.Work) -> int:
    """Return the number of the attempt that applied the last of the expand's files; 0 where one is not applied."""
    attempts = {record.id: record.attempt for record in history.records}
    return max((attempts.get(item.id, 0) for item in job.change.of("expand")), default=0)
