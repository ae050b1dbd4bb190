"""What a deploy asks before it runs: whether a backup is needed, and then for it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from schemata import config, errors, lazy, targets
from schemata.backups import contents
from schemata.backups.required import policy
from schemata.migrations import migration
from schemata.postgres import queries, sessions
from schemata.report import progress

# Loaded when one is taken: most of what is pending destroys nothing.
if TYPE_CHECKING:
    from schemata.backups import making
else:
    making = lazy.Module("schemata.backups.making")


class BackupRequired(errors.MigrationError):
    """What is to run destroys something, and no backup could be taken, so nothing was run."""

    def __init__(self, decision: policy.Decision, problem: errors.Error) -> None:
        super().__init__(
            f"nothing was run, because no backup could be taken before it ({decision.reason}): {problem.message}",
            problem.hint,
        )


def decide(
    settings: config.Config,
    choice: targets.Choice,
    ask: queries.Ask,
    items: Sequence[migration.Migration],
    *,
    rollback: bool = False,
) -> policy.Decision:
    """Return whether a backup comes before these, by the policy of the settings; asks the database what it holds."""
    chosen = policy.policy_of(settings.backups.policy, is_dev=choice.is_dev)
    held = contents.held(ask, settings.schemas) if chosen != policy.NEVER and items else ()
    return policy.decide(chosen, items, held, settings.schemas, rollback=rollback)


def planned(
    settings: config.Config,
    choice: targets.Choice,
    ask: queries.Ask,
    items: Sequence[migration.Migration],
    *,
    rollback: bool = False,
) -> list[str]:
    """Return what a dry run says: whether a backup will be taken, and why; nothing where nothing would run."""
    return [decide(settings, choice, ask, items, rollback=rollback).describe()] if items else []


def take(
    settings: config.Config,
    choice: targets.Choice,
    session: sessions.Session,
    items: Sequence[migration.Migration],
    reporter: progress.Reporter,
    *,
    rollback: bool = False,
) -> list[str]:
    """Take and verify a backup where the policy asks for one before these; return a note on it. Needs the deploy lock.

    Raises BackupRequired, with nothing changed, where none can be had or it does not verify.
    """
    decision = decide(settings, choice, session.rows, items, rollback=rollback)
    if not decision.needed:
        return []
    reporter.info(decision.describe())
    if not session.pooled:
        # It may take longer than a deployer is allowed to be silent.
        session.script("SET idle_session_timeout = 0")
    try:
        made, _ = making.backup(settings, choice, decision.schemas, reason=decision.reason, reporter=reporter)
    except errors.Interrupted:
        raise
    except errors.Error as problem:
        raise BackupRequired(decision, problem) from problem
    if not session.pooled:
        session.reset()
    return [f"{making.describe(made)} To look into it: inv restore {made.name} --into NAME"]
