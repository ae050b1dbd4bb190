"""Whether pages stay fast and how they are planned; what takes a server's time, and which indexes it lacks."""

import functools
from typing import Any

from schemata import commands, config
from schemata.command_line import command
from schemata.tasks import flags


@command.command(
    url=flags.URL,
    top="How many statements, from 1 on (default: 10, or as the settings say).",
    above="Exit with 1 where a call takes longer on average, such as 200ms.",
    all="Also those that manage the database or only read catalogs.",
    whole="Since the counts were reset, not since the last look; remember nothing.",
    metrics="Also write metrics for Prometheus to this file.",
    install="Make the extension in the database postgres where it lacks, as a superuser.",
    watch="Look again every so often, such as 60s, until interrupted.",
    json=flags.JSON,
)
def slow_queries(
    reporter: Any,
    url: str | None = None,
    top: str = "",
    above: str = "",
    all: bool = False,
    whole: bool = False,
    metrics: str = "",
    install: bool = False,
    watch: str = "",
    json: bool = False,
) -> Any:
    """Show which statements took the server's time lately."""
    once = functools.partial(
        commands.slow_queries.slow_queries,
        config.load(),
        url=url or "",
        top=flags.count(top, "--top", 1),
        above=flags.seconds(above, "--above"),
        everything=all,
        whole=whole,
        metrics=metrics,
        install=install,
        reporter=reporter,
    )
    every = flags.seconds(watch, "--watch")
    if every is None:
        return once()
    return commands.repeat.until_stopped(once, every, lambda found: command.show(found, json))


@command.command(
    first="optional",
    names="Only these pages, separated by commas, each with its SQL.",
    url="Judge on this database, read-only, and measure a page of its rows.",
    scale="Judge only at the scale of migrations/scale.toml.",
    empty="Judge only on an empty database.",
    json=flags.JSON,
)
def pages(
    reporter: Any,
    names: str | None = None,
    url: str | None = None,
    scale: bool = False,
    empty: bool = False,
    json: bool = False,
) -> Any:
    """Show how each declared page is planned, and what it reads."""
    return commands.verdicts.pages_of(
        config.load(), names=names or "", url=url or "", at_scale=scale, empty=empty, reporter=reporter
    )


@command.command(
    url=flags.URL,
    out="Write this file instead of migrations/scale.toml.",
    yes="Replace what migrations/scale.toml says.",
    partial="Also write where some tables are not known; what the file says of them is kept.",
    json=flags.JSON,
)
def scale_capture(
    reporter: Any, url: str | None = None, out: str = "", yes: bool = False, partial: bool = False, json: bool = False
) -> Any:
    """Write how many rows a database has to migrations/scale.toml."""
    return commands.capture.scale_capture(
        config.load(), url=url or "", out=out, yes=yes, partial=partial, reporter=reporter
    )


@command.command(
    url=flags.URL,
    out="Write this file instead of .schemata/report.html.",
    open="Show it in a browser.",
    json=flags.JSON,
)
def report(reporter: Any, url: str | None = None, out: str = "", open: bool = False, json: bool = False) -> Any:
    """Write all that is known of the database as an HTML page."""
    return commands.overview.report(config.load(), url=url or "", out=out, browse=open, reporter=reporter)


@command.command(
    url=flags.URL,
    evaluator="What plans with indexes that do not exist: auto, ghost, hypopg or copy.",
    backup="With --evaluator copy: the backup to restore, instead of the newest.",
    top="How many statements to look at (default: 50, or as the settings say).",
    min_calls="Only statements of so many calls (default: 20).",
    max_new="Propose so many indexes at most (default: 10).",
    write_migration="Also write a migration for each.",
    json=flags.JSON,
)
def advise(
    reporter: Any,
    url: str | None = None,
    evaluator: str = "auto",
    backup: str = "",
    top: str = "",
    min_calls: str = "",
    max_new: str = "",
    write_migration: bool = False,
    json: bool = False,
) -> Any:
    """Show which indexes are missing, and which can go."""
    return commands.advise.advise(
        config.load(),
        url=url or "",
        evaluator=evaluator,
        backup=backup,
        top=flags.count(top, "--top", 1),
        min_calls=flags.count(min_calls, "--min-calls", 0) if min_calls else None,
        max_new=flags.count(max_new, "--max-new", 1),
        write=write_migration,
        reporter=reporter,
    )
