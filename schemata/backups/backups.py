"""The commands: take a backup, list what there is, verify one, restore one."""

import datetime

from schemata import config, errors, targets
from schemata.backups import making, manifest, programs, restoring, retention, verification
from schemata.backups.storage import remote
from schemata.report import progress, results

LEVELS = ("read", "restore", "none")


def backup(
    settings: config.Config,
    *,
    schemas: str = "",
    verify: str = "",
    url: str = "",
    reporter: progress.Reporter = progress.SILENT,
) -> results.Message:
    """Take a backup of the project's schemas, or of some, with the history; verify it and keep it.

    A failure leaves nothing that is listed, and the older backups as they were.
    """
    _check_level(verify)
    wanted = [one.strip() for one in schemas.split(",") if one.strip()] or list(settings.schemas)
    unknown = [one for one in wanted if one not in settings.schemas]
    if unknown:
        raise errors.ConfigError(
            f"there is no schema {unknown[0]} in [tool.schemata]",
            config.values.suggest(unknown[0], settings.schemas),
        )
    choice = targets.choose(settings, url)
    with targets.named(choice):
        with targets.connect(choice) as connection:
            target = targets.describe(choice, connection)
        made, gone = making.backup(settings, choice, wanted, reason="inv backup", verify=verify, reporter=reporter)
    lines = [f"Target: {target.describe()}", making.describe(made)]
    lines += [made.verification.text] if made.verification.text and made.format != manifest.HOOK else []
    lines += [f"The hook answered: {made.answer}"] if made.answer else []
    lines += [f"No longer kept: {', '.join(one.name for one in gone)}."] if gone else []
    lines += [f"Restore it into a new database: inv restore {made.name} --into NAME"] if made.size else []
    return results.Message("\n".join(lines), facts={"backup": made.as_dict(), "deleted": [one.name for one in gone]})


def listed(settings: config.Config) -> results.Table:
    """Return the backups that are kept, the newest first. Changes nothing, and asks no database."""
    there = remote.place(settings)
    now = datetime.datetime.now(datetime.UTC)
    everything = [*there.backups(), *there.bad()]
    rows = [
        (one.name, retention.age(one, now), retention.size(one.size), one.verification.words, one.head)
        for one in everything
    ]
    notes = () if rows else ("There is no backup yet: inv backup",)
    facts = {"backups": [one.as_dict() for one in everything]}
    return results.Table("", ("backup", "age", "size", "verified", "migration"), tuple(rows), notes, facts=facts)


def verify(
    settings: config.Config,
    name: str,
    *,
    level: str = "restore",
    url: str = "",
    reporter: progress.Reporter = progress.SILENT,
) -> results.Message:
    """Read a backup whole, and restore it in a database of its own unless `level` is "read"; record what came of it.

    One that is not what was written loses its name, so that it is not listed as good any more.
    """
    _check_level(level)
    there = remote.place(settings)
    found = remote.find(there, name)
    if found.format == manifest.HOOK:
        raise manifest.BackupInvalid(
            f"{found.name} is kept by the program of the hook: {found.answer or 'it answered nothing'}",
            "Verify it with that program.",
        )
    tools = programs.find(settings, max((found.server_version, found.client_version), key=_numbers))
    # Only where this machine has no server to try it on is one asked for.
    at = targets.choose(settings, url).url if url else ""
    with there.fetch(found) as archive:
        result = verification.verify(settings, found, archive, tools, level, url=at, reporter=reporter)
    checked = verification.verified(found, result)
    if not result.ok:
        there.condemn(checked)
        raise manifest.BackupInvalid(
            f"the backup {found.name} is damaged: {result.text}", "It is kept as NAME.bad. Take another one: inv backup"
        )
    there.replace(checked)
    return results.Message(
        f"{found.name}: {making.describe(checked).partition(': ')[2]}", facts={"backup": checked.as_dict()}
    )


def restore(
    settings: config.Config,
    name: str,
    *,
    into: str = "",
    no_owner: bool = False,
    yes: bool = False,
    confirm: str = "",
    url: str = "",
    reporter: progress.Reporter = progress.SILENT,
) -> results.Message:
    """Restore a backup into an empty database, or `into` a new one. See restoring.restore."""
    return restoring.restore(restoring.Order(settings, name, into, url, no_owner, yes, confirm, reporter))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def _check_level(level: str) -> None:
    if level and level not in LEVELS:
        raise errors.ConfigError(f"--verify {level} is not one of {', '.join(LEVELS)}", "Give one of them.")
