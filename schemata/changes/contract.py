"""`inv change-contract` and `inv change-finish`: the phases that end a change."""

import contextlib
import time
from collections.abc import Sequence

from schemata import config, errors, targets
from schemata.backups.required import before_deploy
from schemata.changes import asked_for, conditions
from schemata.deploy import migrate, results
from schemata.history.held import rows
from schemata.migrations import files, migration
from schemata.postgres import libpq, queries
from schemata.report import progress

# Seconds between two looks for sessions of the old version.
_LOOK = 0.5


def contract(
    settings: config.Config,
    *,
    change: str,
    url: str = "",
    keep: float | None = None,
    drain: float | None = None,
    old_applications: Sequence[str] = (),
    old_roles: Sequence[str] = (),
    yes: bool = False,
    confirm: str = "",
    lock_wait: float | None = None,
    reporter: progress.Reporter = progress.SILENT,
) -> results.Migrated:
    """Apply the contract of a change, and what finishes it unless that is to be kept for `keep` seconds.

    Refuses unless the expand and the backfill are applied, every `-- verify:` answers 0 now, and no session of a
    version from before the change is connected which the contract breaks. With `drain` replicas of such a version are
    told that they are not ready, and their sessions are waited for, so many seconds. A refusal leaves everything as it
    was.
    """
    run = _Run(settings, change, url, old_applications, old_roles, reporter)
    standing = run.standing
    if keep is not None and not standing.change.of("finish"):
        raise errors.ConfigError(
            f"the change {change} has no last phase: nothing is set aside that could be kept",
            "Leave --keep out, or write a migration of `-- phase: finish`, which drops what the contract renames.",
        )
    if not standing.left("contract") and not standing.left("finish"):
        return run.nothing(f"the change {change} is complete")
    if not standing.left("contract"):
        return run.nothing(f"the contract of {change} is applied; what it has set aside goes with: inv change-finish")
    phases = ("contract",) if keep is not None else ("contract", "finish")
    return run.apply(phases, keep=keep, drain=drain, yes=yes, confirm=confirm, lock_wait=lock_wait)


def finish(
    settings: config.Config,
    *,
    change: str,
    url: str = "",
    yes: bool = False,
    confirm: str = "",
    lock_wait: float | None = None,
    reporter: progress.Reporter = progress.SILENT,
) -> results.Migrated:
    """Apply the last phase of a change: what its contract has set aside is dropped, and the window to undo it ends."""
    run = _Run(settings, change, url, (), (), reporter)
    if run.standing.left("contract"):
        raise errors.MigrationError(
            f"the contract of the change {change} is not applied, so there is nothing to finish",
            f"inv change-contract {change}",
        )
    if not run.standing.left("finish"):
        return run.nothing(f"the change {change} is complete")
    return run.apply(("finish",), keep=None, drain=None, yes=yes, confirm=confirm, lock_wait=lock_wait)


class _Run(asked_for.Asked):
    """A run that goes on."""

    def __init__(
        self,
        settings: config.Config,
        change: str,
        url: str,
        applications: Sequence[str],
        roles: Sequence[str],
        reporter: progress.Reporter,
    ) -> None:
        super().__init__(settings, files.read(settings.migrations, settings.schemas), change, url, reporter)
        self._applications = (*settings.changes.old_applications, *applications)
        self._roles = (*settings.changes.old_roles, *roles)

    def apply(
        self,
        phases: Sequence[str],
        *,
        keep: float | None,
        drain: float | None,
        yes: bool,
        confirm: str,
        lock_wait: float | None,
    ) -> results.Migrated:
        """Check what must hold, ask where a person is to be asked, and apply these phases under the deploy lock."""
        chosen = self.standing.left(*phases)
        with targets.named(self.choice):
            with targets.connect(self.choice) as connection:
                self._expect_ready()
                conditions.verify(connection.query, self.standing)
                if drain is None:
                    self._expect_no_old(connection.query)
                does = f"ends the change {self.change.id} and drops or renames what the old version used"
                unanswered = targets.guard(self.choice, self.target, connection, yes=yes, confirm=confirm, does=does)
            if unanswered:
                targets.ask(self._shown(chosen), "Go on?", "Add --yes once it is what you want.")
            if drain is not None:
                self._drain(drain)
            with self.locked(chosen, lock_wait) as (deploy, ready):
                # Once more, now that no other deploy can be between.
                conditions.verify(deploy.session.rows, self.standing)
                self._expect_no_old(deploy.session.rows)
                notes = before_deploy.take(self.settings, self.choice, deploy.session, chosen, self.reporter)
                deploy.notes = notes
                if keep is not None:
                    deploy.session.script(rows.keep(self.history.schema, self.change.id, keep))
                revision = migrate.apply_all(deploy, self.sources, chosen, ready, self.done)
        if keep is not None:
            notes.append(
                f"What it set aside is kept for {keep:g} s: bring the old version back with "
                f"inv change-undo {self.change.id}, or end it with inv change-finish {self.change.id}"
            )
        return self.result(notes, revision)

    def _expect_ready(self) -> None:
        change = self.change.id
        if self.standing.left("expand"):
            first = self.standing.left("expand")[0].id
            raise errors.MigrationError(
                f"the expand of the change {change} is not applied ({first}), so there is nothing to contract",
                "inv migrate",
            )
        if self.standing.left("backfill"):
            raise errors.MigrationError(
                f"the backfill of the change {change} is not complete, so rows would be lost",
                f"inv change-backfill {change}",
            )

    def _expect_no_old(self, ask: queries.Ask) -> None:
        conditions.expect_no_old(ask, self.standing, self._applications, self._roles)

    def _shown(self, chosen: Sequence[migration.Migration]) -> str:
        lines = [f"Target: {self.target.describe()}", f"The change {self.change.id} goes on with:"]
        for item in chosen:
            breaks = f" ({item.directives.breaking})" if item.directives.breaking else ""
            lines.append(f"  {item.id}{breaks}")
        return "\n".join(lines)

    def _drain(self, patience: float) -> None:
        """Have old replicas say that they are not ready, and wait for their sessions to end; else take it back."""
        deadline = time.monotonic() + patience
        with targets.login(self.choice, tries=targets.AGAIN) as connection:
            head = self.history.read(connection.query).head
            connection.query(rows.ask_to_stop(self.history.schema))
            self.reporter.info("replicas of the old version are told that they are not ready")
            try:
                while True:
                    try:
                        self._expect_no_old(connection.query)
                        return
                    except conditions.OldVersionConnected as error:
                        if time.monotonic() >= deadline:
                            raise
                        self.reporter.info(f"waiting for {len(error.sessions)} sessions of the old version to end")
                    time.sleep(_LOOK)
            except BaseException:
                with contextlib.suppress(libpq.QueryFailed, libpq.ConnectionLost):
                    connection.query(rows.let_go_on(self.history.schema, head.compatible, head.digest))
                raise
