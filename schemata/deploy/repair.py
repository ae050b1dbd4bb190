"""The record itself: what a person knows better than the engine."""

import contextlib
from collections.abc import Iterator, Sequence

from schemata import config, errors, targets
from schemata.deploy import apply, deployment, migrate, transactional
from schemata.history import damage, evidence, recorded
from schemata.history.drift import expectation, rows
from schemata.history.held import compatible
from schemata.history.squashed import recognition
from schemata.migrations import checksums, files, lookup, migration, precheck
from schemata.postgres import catalog, sessions
from schemata.report import progress
from schemata.report import results as report_results
from schemata.snapshot import fingerprints

#: What a command does that runs nothing of a migration, and says that it ran.
RECORDS = "changes by hand what is recorded as applied"


def resolve(
    settings: config.Config,
    migration_id: str,
    *,
    applied: bool,
    rolled_back: bool,
    confirm: str = "",
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
            targets.guard(choice, target, connection, yes=True, confirm=confirm, does=RECORDS)
        with locked(settings, choice, reporter) as deploy:
            item = next((item for item in sources if item.id == migration_id), None)

            def check(actual: recorded.Recorded) -> None:
                # Of one it can be told only where no other is missing; else the summary stays, and tells of the others.
                if item and applied and actual.unexplained() and actual.contradicts({item.id: item.checksum}):
                    raise damage.not_missing(actual, [item], settings.history_schema)

            found = deploy.prepare(settings.locks.wait, accepted=True, check=check)
            attempt = next((item for item in found.open_attempts if item.id == migration_id), None)
            unknown = attempt is None and migration_id not in found.ids()
            doubtful = {one.id for one in evidence.doubtful(sources, found)}
            if migration_id in found.lost:
                _write_lost(deploy, found, lookup.find(sources, migration_id), sources, applied=applied)
            elif item and unknown and (migration_id in doubtful or found.unexplained()):
                _write_lost(deploy, found, item, sources, applied=applied)
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
def locked(settings: config.Config, choice: targets.Choice, reporter: progress.Reporter) -> Iterator[deployment.Deploy]:
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
    deploy: deployment.Deploy,
    actual: recorded.Recorded,
    item: migration.Migration,
    sources: Sequence[migration.Migration],
    *,
    applied: bool,
) -> None:
    """Write the row of a migration that lost it, or record that nothing of it is there."""
    sql = _resolved(deploy, item, actual.sum()) if applied else deploy.history.forget(item.id, deploy.session.client)
    with transactional.rolled_back(deploy.session):
        # The summary counted it, so that one that is written again leaves it as it is.
        deploy.session.script(_around(deploy, actual, sources, item, [sql], 0 if applied else -1))
    deploy.note_structure()


def without_running(
    deploy: deployment.Deploy, item: migration.Migration, head: recorded.Head, *, state: str, comment: str
) -> tuple[str, recorded.Head]:
    """Return the SQL that records a migration as applied of which nothing runs, and the head after it.

    :param comment: what yoyo's log says of it.
    """
    after = recorded.head_after_apply(head, item)
    sql = deploy.history.record_apply(
        item,
        head,
        after,
        deploy.session.client,
        fingerprint=precheck.parsed(item).fingerprint,
        statement_count=0,
        state=state,
        comment=comment,
    )
    return sql, after


def _resolved(deploy: deployment.Deploy, item: migration.Migration, head: recorded.Head) -> str:
    """Return the SQL that records as applied what a person found to be so."""
    own = without_running(deploy, item, head, state="resolved", comment="resolved as applied")[0]
    return apply.mirrored(own, deploy.other_ledger.apply(item) if deploy.other_ledger else "")


def _around(
    deploy: deployment.Deploy,
    actual: recorded.Recorded,
    sources: Sequence[migration.Migration],
    item: migration.Migration,
    parts: Sequence[str],
    change: int,
) -> str:
    """Return the transaction of a resolve; in it the summary is kept as evidence of what is still unknown.

    :param change: what becomes of the number of migrations that such a summary counts.
    """
    whole = list(parts)
    if not actual.head_agrees():
        whole = [deploy.history.repair_head(actual), *parts]
        if actual.unexplained():
            whole.append(deploy.history.set_head(_moved(actual, item, change)))
        elif {one.id for one in evidence.doubtful(sources, actual)} - {item.id}:
            whole.append(deploy.history.set_head(recorded.Head()))
    return "BEGIN; " + ";\n".join(whole) + "; COMMIT"


def _moved(actual: recorded.Recorded, item: migration.Migration, change: int) -> recorded.Head:
    """Return the summary, which is not the sum of the rows, with one migration more or less."""
    head = actual.head
    if not change:
        return head
    if change > 0:
        return recorded.head_after_apply(head, item)
    last = head.last_id
    if last == item.id:
        last = recorded.last_id({*actual.ids(), *actual.lost} - {item.id})
    digest = checksums.remove(head.digest, item.id, item.checksum)
    return recorded.Head(
        digest, max(head.applied - 1, 0), last, compatible=compatible.without(head.compatible, item.id)
    )


def _write(
    deploy: deployment.Deploy,
    actual: recorded.Recorded,
    attempt: recorded.OpenAttempt,
    sources: tuple[migration.Migration, ...],
    *,
    applied: bool,
) -> None:
    is_recorded = attempt.id in actual.ids()
    parts = [deploy.history.resolve_rolled_back(attempt.id)]
    sql = f"BEGIN; {parts[0]}; COMMIT"  # the summary, even one that is wrong, is none of its business
    if applied != is_recorded:
        # The record disagrees with what the person found, so it moves.
        item = lookup.find(sources, attempt.id)
        head = actual.sum()
        if applied:
            parts.append(_resolved(deploy, item, head))
        else:
            after = recorded.head_after_rollback(actual, head, item, [item.id])
            own = deploy.history.record_rollback(item, head, after, deploy.session.client)
            parts.append(
                apply.mirrored(own, deploy.other_ledger.rollback(item, sources) if deploy.other_ledger else "")
            )
        sql = _around(deploy, actual, sources, item, parts, 1 if applied else -1)
    try:
        with transactional.rolled_back(deploy.session):
            deploy.session.script(sql)
    except sessions.StatementFailed as failure:
        raise errors.MigrationError(
            f"{attempt.id} could not be resolved: {failure.message}", "Run it again."
        ) from failure
    deploy.note_structure()


def accept_drift(
    settings: config.Config,
    *,
    reason: str,
    schema: str = "",
    by: str = "",
    url: str = "",
    reporter: progress.Reporter = progress.SILENT,
) -> report_results.Message:
    """Take the structure as it is, in somebody's name and for a reason; the history records it and status lists it.

    Without `schema` that is every schema, and the database's own objects, that differ from what the migrations make,
    or, where that is not known, from what the last migrate left. Nothing of the structure is changed.
    """
    if not reason.strip():
        raise errors.ConfigError(
            "drift is accepted for a reason, and none is given",
            'inv drift-accept --reason "created during incident 12"',
        )
    lookup.check_schema(settings, schema)
    choice = targets.choose(settings, url)
    with (
        targets.named(choice),
        targets.connect(choice) as connection,
        deployment.opened(settings, choice, reporter, connection) as deploy,
    ):
        target = targets.describe(choice, connection)
        deploy.lock(settings.locks.wait)
        found = deploy.prepare(settings.locks.wait)
        now = deploy.structure(settings.schemas)
        sources = files.read(settings.migrations, settings.schemas)
        deployer = catalog.deployer(deploy.session.rows, settings.history_schema)
        recognised = recognition.recognise(sources, found).history
        known = expectation.of_applied(settings, sources, recognised, fingerprints.major_of(now), deployer)
        expected = known or found.head.structure
        differing = fingerprints.differing(expected, now)
        # What was noticed before is open only as long as nobody knows that it is gone.
        open_ = set() if known else {row.schema for row in found.drift if not row.accepted_by}
        chosen = [name for name in now if (name in differing or name in open_) and schema in ("", name)]
        who = deploy.author(by)
        parts = [
            rows.accept(settings.history_schema, name, (expected or now).get(name, ""), now[name], who, reason.strip())
            for name in chosen
        ]
        if parts:
            if not found.keeps_drift:
                parts.insert(0, rows.create_later(settings.history_schema))
            deploy.write(parts)
            deploy.note_structure()
    accepted = [fingerprints.describe(name, differing.get(name, ("as noticed before",))) for name in chosen]
    nothing = f"There is no drift{f' of schema {schema}' if schema else ''} to accept; nothing was recorded."
    text = f"Accepted by {who}: {', '.join(accepted)}." if accepted else nothing
    return report_results.Message(
        f"Target: {target.describe()}\n{text}", facts={"accepted": chosen, "by": who, "reason": reason.strip()}
    )
