"""`inv migrate-baseline`: migrations recorded as applied without running them, where the database is what they make."""

from collections.abc import Callable, Sequence

from schemata import config, errors, targets
from schemata.adoption import verification
from schemata.deploy import deployment, repair, results
from schemata.history import damage, evidence, inventory, recorded, tables
from schemata.history.drift import rows
from schemata.history.squashed import recognition
from schemata.migrations import files, lookup, migration
from schemata.postgres import catalog, libpq
from schemata.report import progress

#: What yoyo's log holds as a comment.
COMMENT = 255


def baseline(
    settings: config.Config,
    *,
    through: str,
    accept: Sequence[str] = (),
    unverified: bool = False,
    reason: str = "",
    by: str = "",
    confirm: str = "",
    url: str = "",
    reporter: progress.Reporter = progress.SILENT,
) -> results.Migrated:
    """Record every migration up to `through` as applied without running it, in one transaction.

    For a database that another tool brought to that state, which is proved: its structure has to be what these
    migrations, and those that are recorded already, make of an empty database. Refuses every difference by its name,
    but for those that `accept` names: they are recorded as accepted, with the reason, as `accept_drift` does. With
    `unverified` nothing is compared, for a reason that is recorded too.

    What is recorded already stays as it is; a record of another tool gets the checksum of the file. What a damaged
    history lost does not matter here: a person says what is applied. Refuses a database without a single object of its
    own, and to call less applied than the summary of the history counts. A refusal changes nothing.
    """
    _check_flags(accept, unverified, reason)
    sources = files.read(settings.migrations, settings.schemas)
    if not through:
        raise errors.ConfigError(
            "no migration is named, so it is not known which of them the database already has",
            f"Name the last one that it has: inv migrate-baseline --through {sources[-1].id if sources else '<id>'}",
        )
    last = sources.index(lookup.find(sources, through))
    chosen = sources[: last + 1]
    id_ = sources[last].id
    command = f"inv migrate-baseline --through {id_}"
    told = verification.Told(
        f"the migrations through {id_}",
        "Name another migration",
        command,
        "Run it where they can be run, with --url for this database. Where that is nowhere, and somebody has compared "
        f'them in another way:\n  {command} --unverified --reason "how it was compared"',
    )
    proof = None if unverified else verification.Verification(settings, sources, chosen, accept, reporter, told)

    def check(actual: recorded.Recorded) -> None:
        if refused := damage.unsettled(actual, chosen, settings.history_schema):
            raise refused

    choice = targets.choose(settings, url)
    with targets.named(choice):
        with targets.connect(choice) as connection:
            target = targets.describe(choice, connection)
            _look(settings, connection, target.describe())
            targets.guard(choice, target, connection, yes=True, confirm=confirm, does=repair.RECORDS)
            deployer = catalog.target(connection.query)[1]
            if proof is not None:
                # Before the lock is taken: a replay takes its time.
                found = tables.History(settings.history_schema).read(connection.query)
                check(found)
                proof.verify(connection.query, found, deployer)
        with repair.locked(settings, choice, reporter) as deploy:
            verified = proof.verify(deploy.session.rows, deploy.read(), deployer) if proof else None
            comment = "baseline" if proof else f"baseline, not compared: {reason.strip()}"
            found = deploy.prepare(settings.locks.wait, accepted=True, check=check)
            done, head, parts = records(deploy, sources, chosen, found, lambda item: comment)
            if verified and verified.accepted:
                parts += acceptances(deploy, found, verified, deploy.author(by), reason.strip())
            write(deploy, found, done, head, parts)
        notes = ["Not compared with the database, as --unverified asks."] if verified is None else []
        notes += [f"Accepted: {one.subject} is {one.change}." for one in (verified.accepted if verified else ())]
        return results.Migrated(target, "baselined", done=tuple(done), revision=head.last_id, notes=tuple(notes))


def _check_flags(accept: Sequence[str], unverified: bool, reason: str) -> None:
    if accept and unverified:
        raise errors.ConfigError(
            "--accept and --unverified exclude each other: where nothing is compared there is no difference",
            "Leave one of them out.",
        )
    if (accept or unverified) and not reason.strip():
        raise errors.ConfigError(
            f"{'a difference is accepted' if accept else 'nothing is compared'} for a reason, and none is given",
            'Say why: --reason "checked by hand against the dump of 3 March"',
        )
    if reason and not (accept or unverified):
        raise errors.ConfigError(
            "--reason says why a difference is accepted or nothing is compared, and neither is asked for",
            "Leave it out, or name the difference: --accept",
        )


def _look(settings: config.Config, connection: libpq.Connection, target: str) -> None:
    """Refuse a database without an object."""
    if not inventory.look(connection.query, settings.schemas, settings.history_schema).objects:
        raise errors.MigrationError(
            f"{target} has no table in {', '.join(settings.schemas)}, nor any other object: a baseline would record "
            "migrations whose objects do not exist",
            "Apply the migrations instead: inv migrate",
        )


def records(
    deploy: deployment.Deploy,
    sources: Sequence[migration.Migration],
    chosen: Sequence[migration.Migration],
    actual: recorded.Recorded,
    comment: Callable[[migration.Migration], str],
) -> tuple[list[results.Applied], recorded.Head, list[str]]:
    """Return what is recorded, where the history is then, and the SQL that does it; what is recorded stays as it is.

    :param comment: what yoyo's log says of one.
    """
    done: list[results.Applied] = []
    head = actual.sum()
    known = {record.id: record for record in (*actual.records, *actual.squashed)}
    parts: list[str] = []
    standing = [item for item in recognition.recognise(sources, actual).standing if item in chosen]
    if standing:
        # A person says that what ran means the same as what was squashed.
        deploy.record_squashed(standing, actual.head)
        actual = deploy.read()
        head = actual.sum()
        known |= {record.id: record for record in actual.squashed}
        done += [_done(item) for item in standing]
    for item in chosen:
        if item.id in known and known[item.id].checksum:
            continue
        done.append(_done(item))
        if item.id in known:
            parts.append(deploy.history.adopt(item, deploy.session.client))
            continue
        sql, head = repair.without_running(deploy, item, head, state="baselined", comment=comment(item)[:COMMENT])
        parts.append(sql)
    if not actual.head_agrees():
        # In the one transaction: between two, nothing would tell any more what is recorded nowhere else.
        left = {item.id for item in evidence.doubtful(sources, actual)} - {item.id for item in done}
        parts = [deploy.history.repair_head(actual), *parts]
        if left:
            parts.append(deploy.history.set_head(recorded.Head()))
    return done, head, parts


def write(
    deploy: deployment.Deploy,
    actual: recorded.Recorded,
    done: Sequence[results.Applied],
    head: recorded.Head,
    parts: Sequence[str],
) -> None:
    """Run what `records` returned, if anything, in one transaction, and remember the structure as it is then."""
    if not parts:
        return
    deploy.write(parts)
    deploy.prepare(deploy.settings.locks.wait, accepted=True)
    before = deploy.notice_drift(actual, done[0].id if done else "")
    deploy.note_structure(before, head.digest)


def _done(item: migration.Migration) -> results.Applied:
    return results.Applied(item.id, item.schema, 0, 0, 0.0)


def acceptances(
    deploy: deployment.Deploy, actual: recorded.Recorded, verified: verification.Verified, who: str, reason: str
) -> list[str]:
    """Return the SQL that records each schema that differs as accepted, as it is now."""
    now = deploy.structure([name for name in verified.expected if name])
    history = deploy.history.schema
    parts = [] if actual.keeps_drift else [rows.create_later(history)]
    for schema in verified.schemas:
        names = ", ".join(one.subject for one in verified.accepted if one.item.schema == schema)
        parts.append(
            rows.accept(
                history, schema, verified.expected.get(schema, ""), now.get(schema, ""), who, f"{reason} ({names})"
            )
        )
    return parts
