"""`inv change-abort` and `inv change-undo`: back to the old version, with the application running."""

from collections.abc import Sequence

from schemata import config, errors, targets
from schemata.backups.required import before_deploy
from schemata.changes import asked_for
from schemata.changes.backfill import exclusion
from schemata.deploy import results, rollback
from schemata.deploy.preview import destroyed
from schemata.history import recorded
from schemata.history.held import rows
from schemata.migrations import files, migration, rollback_files
from schemata.report import progress
from schemata.sql import destructive, statement


def abort(
    settings: config.Config,
    *,
    change: str,
    url: str = "",
    yes: bool = False,
    confirm: str = "",
    lock_wait: float | None = None,
    reporter: progress.Reporter = progress.SILENT,
) -> results.Migrated:
    """Undo the expand of a change, and its backfill; the old version may go on all the time.

    Refuses once a contract is applied. A failure leaves what was undone before it undone, and names what is left.
    """
    run = _Run(settings, change, url, reporter)
    if run.standing.done("contract", "finish"):
        raise errors.MigrationError(
            f"the contract of the change {change} is applied, so its expand cannot be taken back any more",
            f"inv change-undo {change} brings the old version back as long as that is possible.",
        )
    return run.undo(("backfill", "expand"), yes=yes, confirm=confirm, lock_wait=lock_wait)


def undo(
    settings: config.Config,
    *,
    change: str,
    url: str = "",
    yes: bool = False,
    confirm: str = "",
    lock_wait: float | None = None,
    reporter: progress.Reporter = progress.SILENT,
) -> results.Migrated:
    """Undo the contract of a change without loss: the old version may come back, the new one goes on.

    Refuses where what the old version used is dropped and not set aside.
    """
    run = _Run(settings, change, url, reporter)
    if run.standing.done("finish"):
        raise errors.MigrationError(
            f"the last phase of the change {change} is applied: what the contract had set aside is dropped",
            "Write a new migration that corrects it (inv migrate-new), or look into a backup: inv backups. "
            "Next time keep it for a while: inv change-contract --keep 1h.",
        )
    dropped = [loss for item in run.standing.done("contract") for loss in _drops(item)]
    if dropped and not run.standing.change.of("finish"):
        raise errors.MigrationError(
            f"the contract of the change {change} has dropped what the old version used ({dropped[0]}), so undoing it "
            "would bring it back empty",
            "Look into a backup (inv backups), or take the loss: inv rollback. A contract that renames, with a last "
            "phase that drops, can be undone; `inv change-new` writes such ones.",
        )
    return run.undo(("contract",), yes=yes, confirm=confirm, lock_wait=lock_wait)


def _drops(item: migration.Migration) -> list[str]:
    found = destructive.destroys(statement.split(item.sql))
    return [f"{loss.kind} {loss.name}" for loss in found if loss.kind in ("drop table", "drop column")]


class _Run(asked_for.Asked):
    """A run that goes back."""

    verb = "rolled back"

    def __init__(self, settings: config.Config, change: str, url: str, reporter: progress.Reporter) -> None:
        sources = files.with_rollbacks(files.read(settings.migrations, settings.schemas))
        super().__init__(settings, sources, change, url, reporter)

    def _chosen(self, phases: Sequence[str], found: recorded.Recorded) -> tuple[migration.Migration, ...]:
        """Return what is to be undone, the last applied first; refuse what cannot be."""
        chosen = tuple(reversed(self.standing.done(*phases)))
        for item in chosen:
            if not item.rollback_path:
                raise rollback.Irreversible(item)
            rollback_files.check(item)
        rollback.check_needed(self.sources, [record.id for record in found.records], {item.id for item in chosen})
        return chosen

    def undo(self, phases: Sequence[str], *, yes: bool, confirm: str, lock_wait: float | None) -> results.Migrated:
        """Ask where a person is to be asked, and roll these phases back under the deploy lock."""
        with targets.named(self.choice):
            with targets.connect(self.choice) as connection:
                chosen = self._chosen(phases, self.history.read(connection.query))
                if not chosen:
                    return self.nothing(f"nothing of the change {self.change.id} is to be undone")
                planned = tuple(destroyed.preview(item, connection) for item in chosen)
                unanswered = targets.guard(self.choice, self.target, connection, yes=yes, confirm=confirm)
            if unanswered:
                targets.ask(rollback.shown(self.target, planned), "Roll back?", "Add --yes once it is what you want.")
            with self.locked(chosen, lock_wait) as (deploy, ready):
                # A backfill at work would go on filling what is being taken away.
                exclusion.Exclusion(deploy.session, self.history.schema, self.change.id).acquire(self.reporter.info)
                notes = before_deploy.take(
                    self.settings, self.choice, deploy.session, chosen, self.reporter, rollback=True
                )
                revision = rollback.undo_all(deploy, ready, chosen, self.done, self.sources)
                deploy.session.script(rows.forget(self.history.schema, self.change.id))
        return self.result(notes, revision)
