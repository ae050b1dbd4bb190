"""Restoring: an archive that is what was written, into a database that is empty, or into a new one."""

import dataclasses
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from schemata import config, errors, targets
from schemata.backups import archives, contents, manifest, programs, scratch, verification
from schemata.backups.storage import remote
from schemata.postgres import libpq, queries, urls, waiting
from schemata.report import progress, results
from schemata.system import signals

_SHOWN = 5


class NotEmpty(errors.Error):
    """A restore goes into an empty database only; this one holds something, and nothing of it was touched."""

    def __init__(self, database: str, objects: Sequence[str]) -> None:
        more = f" and {len(objects) - _SHOWN} more" if len(objects) > _SHOWN else ""
        super().__init__(
            f"nothing is restored into the database {database}, which is not empty: "
            f"{', '.join(objects[:_SHOWN])}{more}",
            f"Restore into a new one beside it: --into {database}_restored",
        )


class RolesMissing(errors.Error):
    """Roles own something in a backup, or have a privilege on it, and this server does not have them."""

    def __init__(self, roles: Sequence[str]) -> None:
        lines = "\n".join(f"    CREATE ROLE {queries.identifier(name)};" for name in roles)
        super().__init__(
            f"roles are not part of a backup, and this server does not have {', '.join(roles)}",
            f"Make them:\n{lines}\nor restore without owners and privileges: --no-owner",
        )


class RestoreFailed(errors.Error):
    """An archive could not be restored; the database is as empty as it was, or is not there."""


@dataclasses.dataclass(frozen=True)
class Order:
    """What `restore` is asked for."""

    settings: config.Config
    name: str
    into: str = ""
    url: str = ""
    no_owner: bool = False
    yes: bool = False
    confirm: str = ""
    reporter: progress.Reporter = progress.SILENT


def restore(order: Order) -> results.Message:
    """Restore a backup into the database if it is empty, or `into` a new one beside it, and compare its rows.

    Before anything is touched the archive is read whole and compared with its sum, and whatever is in the way is named:
    tables, roles, an older server. A failure leaves the database as empty as it was. Of a backup that is not of all the
    project's schemas the history keeps what is about those that it has.
    """
    settings, choice = order.settings, targets.choose(order.settings, order.url)
    with targets.named(choice), signals.raised():
        there = remote.place(settings)
        backup = remote.find(there, order.name)
        _check_kind(backup)
        with there.fetch(backup) as archive:
            login = urls.with_database(choice.url, "postgres") if order.into else choice.url
            with waiting.connect(login, application_name="schemata restore") as connection:
                tools = _check(order, backup, archive, connection)
                if not order.into:
                    _confirm(order, choice, connection, backup)
            if order.into:
                with scratch.beside(choice.url, backup) as scratched:
                    notes = _fill(order, backup, archive, tools, scratched, whole=False)
                    _rename(choice.url, urls.database_of(scratched), order.into)
                target = order.into
            else:
                notes = _fill(order, backup, archive, tools, choice.url, whole=True)
                target = urls.database_of(choice.url) or backup.database
    return results.Message(
        "\n".join([f"Restored {backup.name} into {target}; {_proof(backup)}", *notes]),
        facts={"backup": backup.name, "database": target, "tables": len(backup.fingerprints)},
    )


def named(settings: config.Config, name: str) -> manifest.Manifest:
    """Return a backup that can be restored, by its name or `latest`. Raises BackupInvalid."""
    backup = remote.find(remote.place(settings), name)
    _check_kind(backup)
    return backup


def fill(settings: config.Config, backup: manifest.Manifest, url: str) -> str:
    """Restore a backup into an empty database where it is only looked at; return what it is, in words.

    Owners and privileges are left out, since the roles may not be there. The rows are compared with those of its
    snapshot. Raises BackupInvalid and RestoreFailed.
    """
    there = remote.place(settings)
    with there.fetch(backup) as archive:
        _refuse_damaged(backup, archive)
        with waiting.connect(url, application_name="schemata restore") as connection:
            tools = programs.find(settings, contents.version(connection.query))
        if wrong := archives.restore(archives.Restore(tools, archive, backup), url):
            raise RestoreFailed(f"{backup.name} could not be restored: {wrong}", "Choose another one: inv backups")
    _compare(backup, url)
    return f"the backup {backup.name} of {backup.source}, taken {backup.taken_at[:19]} UTC"


def _proof(backup: manifest.Manifest) -> str:
    if not backup.fingerprints:
        return "its rows could not be compared, because none were counted when it was taken."
    return f"the rows of {len(backup.fingerprints)} tables are those of {backup.taken_at[:19]} UTC."


def _check_kind(backup: manifest.Manifest) -> None:
    if backup.format == manifest.HOOK:
        raise manifest.BackupInvalid(
            f"{backup.name} is kept by the program of the hook, which answered: {backup.answer or 'nothing'}",
            "Restore it with that program.",
        )
    if not backup.verification.ok:
        raise manifest.BackupInvalid(
            f"the verification of {backup.name} failed: {backup.verification.text}", "Restore another one: inv backups"
        )


def _refuse_damaged(backup: manifest.Manifest, archive: Path) -> None:
    if wrong := verification.check_sum(backup, archive):
        raise manifest.BackupInvalid(
            f"{backup.name} is not restored: {wrong}", "Nothing was touched. Restore another one: inv backups"
        )


def _check(order: Order, backup: manifest.Manifest, archive: Path, connection: libpq.Connection) -> programs.Programs:
    """Refuse what cannot be restored, or not there; return the programs that will do it."""
    _refuse_damaged(backup, archive)
    server = contents.version(connection.query)
    major = int(server.partition(".")[0])
    if major < backup.server_major:
        raise manifest.BackupInvalid(
            f"{backup.name} is of PostgreSQL {backup.server_version}, and this server is {server}: an older one may "
            "not understand it",
            f"Restore it on PostgreSQL {backup.server_major} or newer.",
        )
    client = int(backup.client_version.partition(".")[0] or 0)
    tools = programs.find(order.settings, server if major >= client else backup.client_version)
    if wrong := archives.read(tools, archive):
        raise manifest.BackupInvalid(
            f"{backup.name} is not restored, because it cannot be read: {wrong}", "Nothing was touched. inv backups"
        )
    if order.into:
        taken = connection.query("SELECT 1 FROM pg_database WHERE datname = $1", order.into)
        if taken:
            raise NotEmpty(order.into, ["there is a database of that name"])
    elif objects := contents.objects(connection.query):
        raise NotEmpty(str(connection.query("SELECT current_database()")[0][0]), objects)
    if not order.no_owner and (missing := contents.missing_roles(connection.query, backup.roles)):
        raise RolesMissing(missing)
    return tools


def _confirm(order: Order, choice: targets.Choice, connection: libpq.Connection, backup: manifest.Manifest) -> None:
    target = targets.describe(choice, connection)
    if targets.guard(choice, target, connection, yes=order.yes, confirm=order.confirm):
        shown = f"Target: {target.describe()}\n  restore {backup.name}, of {backup.source}, taken {backup.taken_at}"
        targets.ask(shown, "Restore it?", "If you mean it, add --yes.")


def _fill(
    order: Order, backup: manifest.Manifest, archive: Path, tools: programs.Programs, url: str, *, whole: bool
) -> list[str]:
    count = len(backup.fingerprints)

    def step(tables: int) -> None:
        order.reporter.step(min(tables, count), count, f"restoring {backup.name}")

    jobs = min(4, os.cpu_count() or 1)
    plan = archives.Restore(tools, archive, backup, whole=whole, owners=not order.no_owner, jobs=jobs)
    if wrong := archives.restore(plan, url, step):
        raise RestoreFailed(
            f"{backup.name} could not be restored: {wrong}",
            "The database is as it was before. Where the role may not give objects to their owners: --no-owner",
        )
    _compare(backup, url)
    return list(_notes(order, backup, url))


def _compare(backup: manifest.Manifest, url: str) -> None:
    """Refuse a database whose rows are not those that were counted when the backup was taken."""
    if not backup.fingerprints:
        return
    if differing := manifest.differing(backup.fingerprints, contents.of_database(url, backup.schemas)):
        raise RestoreFailed(
            f"{backup.name} was restored, and its rows are not those of its snapshot: {'; '.join(differing[:5])}",
            "Do not use that database; restore another backup: inv backups",
        )


def _notes(order: Order, backup: manifest.Manifest, url: str) -> Iterator[str]:
    """Leave of the history what belongs to the schemas, and give what a person has to know."""
    if not backup.all_schemas and backup.history_schema in backup.schemas:
        own = [name for name in backup.schemas if name != backup.history_schema]
        with waiting.connect(url, application_name="schemata restore") as connection:
            contents.forget(connection, backup.history_schema, own)
        yield (
            f"The history has what was applied to {', '.join(own)}; the migrations of other schemas are pending there "
            "(inv migrate --allow-out-of-order)."
        )
    if backup.outside:
        yield "Foreign keys to tables that are not in the backup were left out; when those are there:"
        yield from (f"    {one.sql}" for one in backup.outside)


def _rename(url: str, old: str, new: str) -> None:
    with waiting.connect(urls.with_database(url, "postgres"), application_name="schemata restore") as connection:
        try:
            connection.query(f"ALTER DATABASE {queries.identifier(old)} RENAME TO {queries.identifier(new)}")
        except libpq.QueryFailed as failure:
            raise RestoreFailed(f"the database {new} could not be made: {failure.message}", "Run again.") from failure
