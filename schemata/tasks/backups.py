"""Backups: take, list, verify, restore."""

from typing import Any

from schemata import commands, config
from schemata.command_line import command
from schemata.tasks import flags


@command.command(
    schemas=flags.SCHEMAS,
    verify="read, restore or none (default: the setting, which restores one that is not large).",
    url=flags.URL,
    json=flags.JSON,
)
def backup(reporter: Any, schemas: str = "", verify: str = "", url: str | None = None, json: bool = False) -> Any:
    """Take a backup of the schemas and verify it."""
    return commands.backups.backup(config.load(), schemas=schemas, verify=verify, url=url or "", reporter=reporter)


@command.command(json=flags.JSON)
def backups(reporter: Any, json: bool = False) -> Any:
    """Show the backups: size, age, whether verified."""
    return commands.backups.listed(config.load())


@command.command(
    name="The backup, as `inv backups` lists it; latest is the newest.",
    level="read, or restore: in a database of its own, its rows compared.",
    url="A server to try it on, where this machine has none.",
    json=flags.JSON,
)
def backup_verify(reporter: Any, name: str, level: str = "restore", url: str | None = None, json: bool = False) -> Any:
    """Read a backup whole, and restore it to see that it can be."""
    return commands.backups.verify(config.load(), name, level=level, url=url or "", reporter=reporter)


@command.command(
    name="The backup, as `inv backups` lists it; latest is the newest.",
    into="A new database of this name, beside the one of --url, instead of that one.",
    no_owner="Restore without owners and privileges: all of it belongs to who restores.",
    yes=flags.YES,
    confirm=flags.CONFIRM,
    url=flags.URL,
    json=flags.JSON,
)
def restore(
    reporter: Any,
    name: str,
    into: str = "",
    no_owner: bool = False,
    yes: bool = False,
    confirm: str = "",
    url: str | None = None,
    json: bool = False,
) -> Any:
    """Restore a backup into an empty database or a new one."""
    return commands.backups.restore(
        config.load(),
        name,
        into=into,
        no_owner=no_owner,
        yes=yes,
        confirm=confirm,
        url=url or "",
        reporter=reporter,
    )
