"""A change that a person asks to go on or back: as it was found, and still is under the deploy lock."""

import contextlib
import time
from collections.abc import Iterator, Sequence

from schemata import config, errors, targets
from schemata.changes import named
from schemata.deploy import deployment, migrate, plans, results
from schemata.history import recorded, tables
from schemata.migrations import migration
from schemata.postgres import sessions
from schemata.report import progress


class Asked:
    """One run: the change as it was found, and what becomes of it.

    :param sources: the project's migrations, with their rollbacks where these are to be run. Raises ConfigError for a
        change that there is not, DeployRefused where files and history contradict each other.
    """

    #: What a result calls its migrations.
    verb = "applied"

    def __init__(
        self,
        settings: config.Config,
        sources: tuple[migration.Migration, ...],
        change: str,
        url: str,
        reporter: progress.Reporter,
    ) -> None:
        self.settings, self.sources, self.reporter = settings, sources, reporter
        self.change = named.find(sources, change)
        self.choice = targets.choose(settings, url)
        self.history = tables.History(settings.history_schema)
        self.done: list[results.Applied] = []
        self._began = time.monotonic()
        with targets.named(self.choice), targets.connect(self.choice) as connection:
            self.target = targets.describe(self.choice, connection)
            plan = plans.Plan(settings, sources, "", "", False, False, False)
            compared = plan.compare(connection.query)
            plan.selected(compared)  # refuses what contradicts the files
            self._revision = compared.database_revision
            self.standing = self._standing(self.history.read(connection.query))

    def _standing(self, found: recorded.Recorded) -> named.Standing:
        return named.standing(self.change, found.ids())

    def nothing(self, note: str) -> results.Migrated:
        """Return that there is nothing to do."""
        return results.Migrated(self.target, self.verb, notes=(note,), revision=self._revision)

    @contextlib.contextmanager
    def locked(
        self, chosen: Sequence[migration.Migration], lock_wait: float | None
    ) -> Iterator[tuple[deployment.Deploy, recorded.Recorded]]:
        """Give a deploy that has the lock, and the history as it is then; `done` is filled in the block.

        Raises Busy, with nothing changed, where the change is not as it was found; ConnectionEnded, which says what of
        `chosen` is settled.
        """
        wait = self.settings.locks.wait if lock_wait is None else lock_wait
        rollback = self.verb == "rolled back"
        try:
            connection = targets.login(self.choice, tries=targets.AGAIN)
            with connection, deployment.opened(self.settings, self.choice, self.reporter, connection) as deploy:
                deploy.lock(wait)
                yield deploy, deploy.prepare(wait, check=self._expect_same)
        except sessions.ConnectionLost as error:
            settled = migrate.settled(self.settings, self.choice, chosen, self.done, rollback=rollback)
            raise migrate.ConnectionEnded(str(error), settled) from error

    def _expect_same(self, found: recorded.Recorded) -> None:
        if self._standing(found) != self.standing:
            left = "rolled back" if self.verb == "rolled back" else "changed"
            raise errors.Busy(
                f"another process changed the history after this one had looked; nothing was {left}", "Run again."
            )

    def result(self, notes: Sequence[str], revision: str) -> results.Migrated:
        """Return what was done."""
        seconds = round(time.monotonic() - self._began, 3)
        return results.Migrated(
            self.target, self.verb, done=tuple(self.done), notes=tuple(notes), revision=revision, seconds=seconds
        )
