"""The server and the services of the project: start, stop, look into, examine."""

from typing import Any

from schemata import commands, config
from schemata.command_line import command
from schemata.tasks import flags


@command.command(
    server=flags.SERVER,
    services="Only these, separated by commas (default: all of them).",
    no_services="Only the database.",
    restart="Restart the services, also those that run as they should.",
    unsafe="Trade safety of data for speed (fsync off).",
    on_existing_objects="Migrate although nothing is recorded and the schemas hold objects, which it may destroy.",
    verbose=flags.VERBOSE,
    json=flags.JSON,
)
def dev_up(
    reporter: Any,
    server: str = "",
    services: str = "",
    no_services: bool = False,
    restart: bool = False,
    unsafe: bool = False,
    on_existing_objects: bool = False,
    verbose: bool = False,
    json: bool = False,
) -> Any:
    """Start server and services; migrate the database."""
    return commands.up.up(
        commands.targets.on(config.load(), server, reporter),
        unsafe=unsafe,
        services=services,
        no_services=no_services,
        restart=restart,
        on_existing_objects=on_existing_objects,
        reporter=reporter,
    )


@command.command(server=flags.SERVER, json=flags.JSON)
def dev_down(reporter: Any, server: str = "", json: bool = False) -> Any:
    """Stop services and server; keep the data."""
    return commands.down.down(commands.targets.on(config.load(), server, reporter), reporter=reporter)


@command.command(
    server=flags.SERVER,
    yes="Do not ask (where the server is not this project's own).",
    confirm=flags.CONFIRM,
    json=flags.JSON,
)
def dev_down_clean(reporter: Any, server: str = "", yes: bool = False, confirm: str = "", json: bool = False) -> Any:
    """Stop services and server; delete the data."""
    return commands.down.clean(
        commands.targets.on(config.load(), server, reporter), yes=yes, confirm=confirm, reporter=reporter
    )


@command.command(
    rows="How many the largest table gets, such as 1_000_000 (default: the settings).",
    seed="The number that the values are made from: the same one makes the same rows.",
    scale="A scale file, by which tables differ in size (such as migrations/scale.toml).",
    tables="Only these, with their schemas, separated by commas.",
    url=flags.URL,
    yes="Do not ask.",
    confirm=flags.CONFIRM,
    json=flags.JSON,
)
def seed(
    reporter: Any,
    rows: str = "",
    seed: str = "",
    scale: str = "",
    tables: str = "",
    url: str | None = None,
    yes: bool = False,
    confirm: str = "",
    json: bool = False,
) -> Any:
    """Fill the tables with made-up rows, the same for a seed."""
    return commands.seed.seed(
        config.load(),
        url=url or "",
        wanted=flags.count(rows.replace("_", ""), "--rows") if rows else None,
        number=flags.count(seed, "--seed") if seed else None,
        scale_file=scale,
        tables=flags.names(tables, "--tables"),
        yes=yes,
        confirm=confirm,
        reporter=reporter,
    )


@command.command(url=flags.URL, command="Run this SQL and end.", file="Run this file and end.")
def psql(reporter: Any, url: str | None = None, command: str = "", file: str = "") -> Any:
    """Open psql on the database."""
    return commands.psql.psql(config.load(), url=url or "", command=command, file=file)


@command.command(
    first="optional",
    service="One of the project's services (default: the server).",
    server=flags.SERVER,
    follow="Go on printing as lines are written.",
    lines="How many lines to begin with.",
)
def logs(reporter: Any, service: str | None = None, server: str = "", follow: bool = False, lines: str = "50") -> Any:
    """Print the log of a service, or of the server."""
    return commands.logs.logs(
        commands.targets.on(config.load(), server, reporter),
        service or "",
        follow=follow,
        lines=flags.count(lines, "--lines"),
    )


@command.command(json=flags.JSON)
def doctor(reporter: Any, json: bool = False) -> Any:
    """Show what this machine has, lacks, and what to type."""
    return commands.doctor.examine(reporter)
