"""Rolling back: show first what it destroys, then undo in the reverse order of application."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from schemata import config, errors, targets
from schemata.backups.required import before_deploy
from schemata.deploy import apply, deployment, migrate, nontransactional, plans, results, transactional
from schemata.deploy.preview import destroyed
from schemata.history import damage, recorded, status, tables
from schemata.migrations import files, lookup, migration, python_files, rollback_files
from schemata.migrations.groups import replaced
from schemata.postgres import libpq, sessions
from schemata.report import progress
from schemata.report import results as report_results


class Irreversible(errors.MigrationError):
    """A migration on the way has no rollback."""

    def __init__(self, item: migration.Migration) -> None:
        reason = item.directives.irreversible or "there is no rollback file beside it"
        if item.is_python and not item.directives.irreversible:
            step = python_files.without_rollback(item.sql, item.path)
            reason = f"its step in line {step.line if step else 0} has no rollback"
        super().__init__(
            f"{item.id} cannot be rolled back: {reason}",
            "Nothing was rolled back. Write a new migration that corrects it: inv migrate-new",
        )


class SquashedAway(errors.MigrationError):
    """A migration on the way was replaced by a baseline, and its rollback went with its file."""

    def __init__(self, migration_id: str, baseline: migration.Migration) -> None:
        super().__init__(
            f"{migration_id} is applied, but {baseline.id} has replaced it (inv squash): its rollback file is gone, so "
            "nothing is rolled back across a squash",
            "Nothing was rolled back. Write a new migration that corrects it (inv migrate-new), or roll back with the "
            f"release before the squash: git log -1 --diff-filter=D --format=%h -- 'migrations/*/{migration_id}.sql'",
        )


def _stands_for(item: migration.Migration, migration_id: str) -> bool:
    return any(one.id == migration_id for one in item.directives.replaces)


def rollback(
    settings: config.Config,
    *,
    to: str = "",
    steps: int | None = None,
    dry_run: bool = False,
    yes: bool = False,
    confirm: str = "",
    lock_wait: float | None = None,
    url: str = "",
    reporter: progress.Reporter = progress.SILENT,
) -> results.Migrated:
    """Undo the last applied migration, the last `steps`, or all applied after `to`.

    Shows first what would be destroyed. Each rollback is committed together with its record, so a
    failure leaves the ones before it undone and nothing of its own. Refuses the whole run when one of them
    has no rollback, was edited since, or is needed by one that stays.
    """
    began = time.monotonic()
    if to and steps is not None:
        raise errors.ConfigError("--to and --steps exclude each other", "Give one of them.")
    if steps is not None and steps < 1:
        raise errors.ConfigError(f"--steps {steps} is less than one", "Give the number of migrations to roll back.")
    sources = files.with_rollbacks(files.read(settings.migrations, settings.schemas))
    choice = targets.choose(settings, url)
    with targets.named(choice):
        with targets.connect(choice) as connection:
            target = targets.describe(choice, connection)
            found = tables.History(settings.history_schema).read(connection.query)
            refused = damage.refusals(found, accepted=False)
            if refused:
                # What lost its record may be what was applied last.
                name = settings.history_schema
                raise damage.HistoryDamaged(name, refused, damage.remedy(found, name))
            if doubts := damage.doubts(sources, found):
                # To go on would make a summary that calls them pending.
                raise plans.DeployRefused(doubts, "rolled back")
            chosen = select(sources, found, to, steps)
            _refuse_changed(settings, sources, chosen, connection)
            planned = tuple(destroyed.preview(item, connection) for item in chosen)
            if dry_run or not chosen:
                backup = before_deploy.planned(settings, choice, connection.query, chosen, rollback=True)
                return results.Migrated(
                    target,
                    "rolled back",
                    planned=planned,
                    notes=tuple(backup) if dry_run else (),
                    dry_run=dry_run,
                    revision=found.head.last_id,
                )
            unanswered = targets.guard(choice, target, connection, yes=yes, confirm=confirm)
        if unanswered:
            targets.ask(shown(target, planned), "Roll back?", "See what it would do with --dry-run, then add --yes.")
        done: list[results.Applied] = []
        revision = found.head.last_id
        try:
            # The connection that asked is closed: a person may take long to answer.
            connection = targets.login(
                choice, tries=targets.AGAIN, through_psycopg=any(item.is_python for item in chosen)
            )
            with connection, deployment.opened(settings, choice, reporter, connection) as deploy:
                wait = settings.locks.wait if lock_wait is None else lock_wait
                deploy.lock(wait)
                again = deploy.prepare(wait)
                if [item.id for item in select(sources, again, to, steps)] != [item.id for item in chosen]:
                    raise errors.Busy(
                        "another process changed the history after the list was made; nothing was rolled back",
                        "Run again.",
                    )
                notes = before_deploy.take(settings, choice, deploy.session, chosen, reporter, rollback=True)
                revision = undo_all(deploy, again, chosen, done, sources)
        except sessions.ConnectionLost as error:
            settled = migrate.settled(settings, choice, chosen, done, rollback=True)
            raise migrate.ConnectionEnded(str(error), settled) from error
        return results.Migrated(
            target,
            "rolled back",
            done=tuple(done),
            notes=tuple(notes),
            revision=revision,
            seconds=round(time.monotonic() - began, 3),
        )


def select(
    sources: Sequence[migration.Migration], actual: recorded.Recorded, to: str, steps: int | None
) -> tuple[migration.Migration, ...]:
    """Return what is to be undone, the last applied first; refuse what cannot be."""
    by_id = {item.id: item for item in sources}
    applied = [record.id for record in actual.records]
    if to:
        if to not in applied:
            lookup.find(sources, to)
            raise errors.MigrationError(
                f"{to} is not applied, so the rollback has no migration to stop at", "inv migrate-status"
            )
        ids = applied[applied.index(to) + 1 :]
    else:
        ids = applied[-(steps or 1) :]
        if steps is not None and steps > len(applied):
            raise errors.ConfigError(
                f"--steps {steps}: only {len(applied)} migrations are applied", "Give a smaller number."
            )
    chosen = []
    for migration_id in reversed(ids):
        item = by_id.get(migration_id)
        if item is None:
            if baseline := next((one for one in replaced.baselines(sources) if _stands_for(one, migration_id)), None):
                raise SquashedAway(migration_id, baseline)
            raise errors.MigrationError(
                f"{migration_id} is applied, but this build has no file for it, so it cannot be rolled back",
                "Use the build that has it. Nothing was rolled back.",
            )
        if not item.rollback_path:
            raise Irreversible(item)
        rollback_files.check(item)
        chosen.append(item)
    check_needed(sources, applied, {item.id for item in chosen})
    return tuple(chosen)


def _refuse_changed(
    settings: config.Config,
    sources: Sequence[migration.Migration],
    chosen: Sequence[migration.Migration],
    connection: libpq.Connection,
) -> None:
    compared = status.compare(settings, sources, connection.query, full=False)
    ids = {item.id for item in chosen}
    changed = [finding for finding in compared.of("changed") if finding.subject in ids]
    if changed:
        raise plans.DeployRefused(changed, "rolled back")


def check_needed(sources: Sequence[migration.Migration], applied: Sequence[str], gone: set[str]) -> None:
    """Refuse to roll back what one that stays applied depends on."""
    for item in sources:
        needed = gone & set(item.directives.depends)
        if item.id in applied and item.id not in gone and needed:
            raise errors.MigrationError(
                f"{item.id} stays applied, but it depends on {min(needed)}",
                f"Roll back further: inv rollback --to <the one before {min(needed)}>",
            )


def undo_all(
    deploy: deployment.Deploy,
    actual: recorded.Recorded,
    chosen: Sequence[migration.Migration],
    done: list[results.Applied],
    sources: Sequence[migration.Migration] = (),
) -> str:
    """Undo these in their order, adding each to `done` as it is committed; return the revision reached."""
    attempts = {item.id: item for item in actual.open_attempts if item.direction == "rollback"}
    head = actual.head
    before = deploy.notice_drift(actual, chosen[0].id)
    gone: list[str] = []
    for number, item in enumerate(chosen):
        deploy.reporter.step(number, len(chosen), item.id)
        resume = nontransactional.Resume()
        if item.id in attempts:
            resume = migrate.resume_of(deploy, item, attempts[item.id])
        gone.append(item.id)
        try:
            undone, head = apply.undo(deploy, item, actual, head, gone, resume, sources)
        except transactional.ScriptFailed as failure:
            failure.hint = migrate.advice(
                deploy, failure, item.rollback_transactional, f"{len(done)} rolled back", "inv rollback"
            )
            raise
        done.append(undone)
    deploy.session.reset()
    deploy.note_structure(before, head.digest)
    return head.last_id


def shown(target: report_results.Target, planned: Sequence[Mapping[str, Any]]) -> str:
    """Return what a rollback is about to destroy, as the text that a person is asked about."""
    lines = [f"Target: {target.describe()}"]
    for item in planned:
        lines.append(f"  roll back {item['id']}")
        lines += [f"    {loss}" for loss in item["destroys"]]
    return "\n".join(lines)
