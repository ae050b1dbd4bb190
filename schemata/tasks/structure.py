"""What a migrated database is: asked, read, compared, and written as a typed client."""

import functools
from typing import Any

from schemata import commands, config
from schemata.command_line import command
from schemata.tasks import flags


@command.command(url=flags.URL, junit="Also write JUnit XML to this file.", json=flags.JSON)
def smoke(reporter: Any, url: str | None = None, junit: str = "", json: bool = False) -> Any:
    """Check that the migrated database has its objects and answers."""
    command.keep_everything()
    return commands.smoke.smoke(config.load(), url=url or "", junit=junit, reporter=reporter)


@command.command(
    only="Only these lines, by name, separated by commas.",
    changed="Only if a migration is not as in the last commit of git.",
    again="Rehearse also what migrations/attestations proves.",
    junit="Also write JUnit XML to this file.",
    json=flags.JSON,
)
def check(
    reporter: Any,
    only: str = "",
    changed: bool = False,
    again: bool = False,
    junit: str = "",
    json: bool = False,
) -> Any:
    """Go through the checklist of a change, on temporary databases."""
    return commands.check.check(config.load(), only=only, changed=changed, again=again, junit=junit, reporter=reporter)


@command.command(
    url=flags.URL,
    target="A target of the settings instead of --url.",
    schemas=flags.SCHEMAS,
    all_schemas=flags.ALL_SCHEMAS,
    out="Also write the snapshot to this file.",
    lock_wait=flags.READ_WAIT,
    json=flags.JSON,
)
def snapshot(
    reporter: Any,
    url: str | None = None,
    target: str = "",
    schemas: str = "",
    all_schemas: bool = False,
    out: str = "",
    lock_wait: str = "",
    json: bool = False,
) -> Any:
    """Show what a database is made of; write it to a file."""
    command.keep_everything()
    return commands.snapshot.snapshot(
        config.load(),
        url=url or "",
        target=target,
        schemas=schemas,
        all_schemas=all_schemas,
        out=out,
        lock_wait=flags.seconds(lock_wait, "--lock-wait"),
        reporter=reporter,
    )


@command.command(
    iterable=("ignore",),
    url=flags.URL,
    against="The other side: a target, a URL or a snapshot file (default: what the migrations make).",
    targets="Look at these targets of the settings, separated by commas.",
    schemas=flags.SCHEMAS,
    all_schemas=flags.ALL_SCHEMAS,
    severity="What counts for the exit code: structure, access, performance, cosmetic (default: all).",
    ignore='Ignore a difference, such as "column:app.users.email"; may be given several times.',
    full="Show both definitions side by side.",
    html="Also write a page to this file.",
    metrics="Also write metrics for Prometheus to this file.",
    watch="Ask again every so often, such as 60s, until interrupted.",
    lock_wait=flags.READ_WAIT,
    fix="Write migrations that take the differences back; run nothing.",
    adopt="Write migrations that make the differences a part of the history; run nothing.",
    from_="Write migrations that lead to what this file of SQL makes; run nothing.",
    name="What the written migrations are called (default: parity, or declared with --from).",
    json=flags.JSON,
)
def parity(
    reporter: Any,
    url: str | None = None,
    against: str | None = None,
    targets: str = "",
    schemas: str = "",
    all_schemas: bool = False,
    severity: str = "",
    ignore: Any = None,
    full: bool = False,
    html: str = "",
    metrics: str = "",
    watch: str = "",
    lock_wait: str = "",
    fix: bool = False,
    adopt: bool = False,
    from_: str = "",
    name: str = "",
    json: bool = False,
) -> Any:
    """Show how databases differ from the migrations or each other."""
    if fix or adopt or from_:
        report = {"--watch": watch, "--html": html, "--metrics": metrics, "--full": full, "--severity": severity}
        report["--all-schemas"] = all_schemas
        commands.fixing.check_flags(fix=fix, adopt=adopt, declaration=from_, others=report)
        return commands.fixing.fix(
            config.load(),
            url=url or "",
            target=targets,
            against=against or "",
            declaration=from_,
            adopt=adopt,
            name=name,
            schemas=schemas,
            ignore=ignore or (),
            lock_wait=flags.seconds(lock_wait, "--lock-wait"),
            reporter=reporter,
        )
    once = functools.partial(
        commands.parity.parity,
        config.load(),
        url=url or "",
        against=against or "",
        names=targets,
        schemas=schemas,
        all_schemas=all_schemas,
        severity=severity,
        ignore=ignore or (),
        full=full,
        html=html,
        metrics=metrics,
        lock_wait=flags.seconds(lock_wait, "--lock-wait"),
        reporter=reporter,
    )
    every = flags.seconds(watch, "--watch")
    if every is None:
        command.keep_everything()
        return once()
    return commands.rounds.repeat(once, every, lambda found: command.show(found, json), whole=json)


@command.command(url=flags.URL, check="Write nothing: exit 1 if the client is not up to date.", json=flags.JSON)
def generate(reporter: Any, url: str | None = None, check: bool = False, json: bool = False) -> Any:
    """Write the typed client from the database."""
    return commands.generate.generate(config.load(), url=url or "", check=check, reporter=reporter)
