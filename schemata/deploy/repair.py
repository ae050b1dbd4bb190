"""The record itself: what a person knows better than the engine."""

import contextlib
from collections.abc import Iterator

from schemata import config, errors, targets
from schemata.deploy import deployment, migrate, results, transactional
from schemata.history import inventory, recorded, tables
from schemata.migrations import files, lookup, migration
from schemata.postgres import sessions
from schemata.report import progress
from schemata.report import results as report_results
from schemata.sql import statement


def baseline(
    settings: config.Config, *, through: str, url: str = "", reporter: progress.Reporter = progress.SILENT
) -> results.Migrated:
    """Record every migration up to `through` as applied without running it, in one transaction.

    For a database that another tool brought to that state. What is recorded already stays as it is; a record
    of another tool gets the checksum of the file. What a damaged history lost does not matter here: a person says
    what is applied. Refuses a database without a single object of its own.
    """
    sources = files.read(settings.migrations, settings.schemas)
    if not through:
        raise errors.ConfigError(
            "no migration is named, so it is not known which of them the database already has",
            f"Name the last one that it has: inv migrate-baseline --through {sources[-1].id if sources else '<id>'}",
        )
    last = sources.index(lookup.find(sources, through))
    choice = targets.choose(settings, url)
    with targets.named(choice):
        with targets.connect(choice) as connection:
            target = targets.describe(choice, connection)
            if not inventory.look(connection.query, settings.schemas, settings.history_schema).objects:
                raise errors.MigrationError(
                    f"{target.describe()} has no table in {', '.join(settings.schemas)}, nor any other object: a "
                    "baseline would record migrations whose objects do not exist",
                    "Apply the migrations instead: inv migrate",
                )
        done: list[results.Applied] = []
        with _locked(settings, choice, reporter) as deploy:
            found = deploy.prepare(settings.locks.wait, accepted=True)
            head = found.head
            known = {record.id: record for record in found.records}
            parts = []
            for item in sources[: last + 1]:
                if item.id in known and known[item.id].checksum:
                    continue
                if item.id in known:
                    parts.append(deploy.history.adopt(item, deploy.session.client))
                    done.append(results.Applied(item.id, item.schema, 0, 0, 0.0))
                    continue
                after = tables.head_after_apply(head, item)
                parts.append(
                    deploy.history.record_apply(
                        item,
                        head,
                        after,
                        deploy.session.client,
                        fingerprint=statement.fingerprint(item.sql),
                        statement_count=0,
                        state="baselined",
                        comment="baseline",
                    )
                )
                head = after
                done.append(results.Applied(item.id, item.schema, 0, 0, 0.0))
            if parts:
                with transactional.rolled_back(deploy.session):
                    deploy.session.script("BEGIN; " + ";\n".join(parts) + "; COMMIT")
                deploy.prepare(settings.locks.wait, accepted=True)
                deploy.note_structure()
        return results.Migrated(target, "baselined", done=tuple(done), revision=head.last_id)


def resolve(
    settings: config.Config,
    migration_id: str,
    *,
    applied: bool,
    rolled_back: bool,
    url: str = "",
    reporter: progress.Reporter = progress.SILENT,
) -> report_results.Message:
    """Record what a person found out about a migration that was interrupted, or whose record was lost.

    Nothing of it is run.
    `applied`: all of it is there. `rolled_back`: nothing of it is there, so it is pending again.
    """
    if applied == rolled_back:
        raise errors.ConfigError(
            "exactly one of --applied and --rolled-back must be given",
            f"inv migrate-resolve {migration_id} --applied       all of it is done\n"
            f"inv migrate-resolve {migration_id} --rolled-back   nothing of it is left",
        )
    sources = files.with_rollbacks(files.read(settings.migrations, settings.schemas))
    choice = targets.choose(settings, url)
    with targets.named(choice):
        with targets.connect(choice) as connection:
            target = targets.describe(choice, connection)
        with _locked(settings, choice, reporter) as deploy:
            found = deploy.prepare(settings.locks.wait, accepted=True)
            attempt = next((item for item in found.open_attempts if item.id == migration_id), None)
            if migration_id in found.lost:
                _write_lost(deploy, found, lookup.find(sources, migration_id), applied=applied)
            elif attempt is None:
                state = "is applied" if migration_id in found.ids() else "was not interrupted"
                raise errors.MigrationError(
                    f"{migration_id} {state}: there is nothing to resolve in {target.describe()}",
                    "`inv migrate-status` shows what is interrupted.",
                )
            else:
                _write(deploy, found, attempt, sources, applied=applied)
        word = "applied" if applied else "rolled back"
        return report_results.Message(
            f"{migration_id} is recorded as {word} in {target.describe()}.\nGo on with: inv migrate-status",
            facts={"id": migration_id, "state": word},
        )


@contextlib.contextmanager
def _locked(
    settings: config.Config, choice: targets.Choice, reporter: progress.Reporter
) -> Iterator[deployment.Deploy]:
    """Open a deploy that holds the lock; what the server refuses or cuts off in the block is told as an error."""
    try:
        connection = targets.login(choice, tries=targets.AGAIN)
        with connection, deployment.opened(settings, choice, reporter, connection) as deploy:
            deploy.lock(settings.locks.wait)
            try:
                yield deploy
            except sessions.StatementFailed as failure:
                hint = "Nothing was recorded. The role needs to own the history, or all privileges on its tables."
                if advice := deployment.remedy(deploy.session, failure)[0]:
                    hint = f"{advice}\nNothing was recorded."
                raise errors.Error(f"the history could not be written: {failure.message}", hint) from failure
    except sessions.ConnectionLost as error:
        raise migrate.ConnectionEnded(str(error), migrate.settled(settings, choice, (), [])) from error


def _write_lost(
    deploy: deployment.Deploy, actual: recorded.Recorded, item: migration.Migration, *, applied: bool
) -> None:
    """Write the row of a migration that lost it, or record that nothing of it is there."""
    who = deploy.session.client
    sql = deploy.history.forget(item.id, who)
    if applied:
        after = tables.head_after_apply(actual.head, item)
        sql = deploy.history.record_apply(
            item,
            actual.head,
            after,
            who,
            fingerprint=statement.fingerprint(item.sql),
            statement_count=0,
            state="resolved",
            comment="resolved as applied",
        )
    with transactional.rolled_back(deploy.session):
        deploy.session.script(f"BEGIN; {sql}; COMMIT")
    deploy.note_structure()


def _write(
    deploy: deployment.Deploy,
    actual: recorded.Recorded,
    attempt: recorded.OpenAttempt,
    sources: tuple[migration.Migration, ...],
    *,
    applied: bool,
) -> None:
    is_recorded = attempt.id in actual.ids()
    close = deploy.history.resolve_rolled_back(attempt.id)
    parts = [close]
    if applied != is_recorded:
        # The record disagrees with what the person found, so it moves.
        item = lookup.find(sources, attempt.id)
        who = deploy.session.client
        if applied:
            parts.append(
                deploy.history.record_apply(
                    item,
                    actual.head,
                    tables.head_after_apply(actual.head, item),
                    who,
                    fingerprint=statement.fingerprint(item.sql),
                    statement_count=0,
                    state="resolved",
                    comment="resolved as applied",
                )
            )
        else:
            after = tables.head_after_rollback(actual, actual.head, item, [item.id])
            parts.append(deploy.history.record_rollback(item, actual.head, after, who))
    try:
        with transactional.rolled_back(deploy.session):
            deploy.session.script("BEGIN; " + ";\n".join(parts) + "; COMMIT")
    except sessions.StatementFailed as failure:
        raise errors.MigrationError(
            f"{attempt.id} could not be resolved: {failure.message}", "Run it again."
        ) from failure
    deploy.note_structure()
