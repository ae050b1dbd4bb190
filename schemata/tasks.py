"""The commands that people type. A task reads its flags and calls one function of `schemata.commands`.

Another repository gets them all with a two-line tasks.py:

    from schemata.tasks import namespace as ns
    __all__ = ["ns"]
"""

import functools
from typing import Any

from invoke import collection

from schemata import command_line, commands, config, errors

task = command_line.task

_URL = "The database (default: the dev server, else DATABASE_URL)."
_JSON = "Print JSON."
_VERBOSE = "Print every notice of the server, not the first of each migration only."
_SCHEMAS = "Only these schemas, separated by commas (default: those of the settings)."
_ALL_SCHEMAS = "Every schema of the database but the system's and the history's."
_READ_WAIT = "How long to wait for a lock that DDL holds, such as 5s."
_SERVER = "embedded, docker or external (default: SCHEMATA_SERVER_KIND, else the settings)."


def _count(text: str, flag: str) -> int:
    """Return a whole number; by ourselves, because Invoke ends with a traceback for what is none."""
    if text and not text.removeprefix("-").isdecimal():
        raise errors.ConfigError(f"{flag} {text} is not a whole number", "Write digits only.")
    return int(text or 0)


def _seconds(text: str, flag: str) -> float | None:
    return config.values.seconds(text, flag) if text else None


@task(
    server=_SERVER,
    services="Only these, separated by commas (default: all of them).",
    no_services="Only the database.",
    restart="Restart the services, also those that run as they should.",
    unsafe="Trade safety of data for speed (fsync off).",
    on_existing_objects="Migrate although nothing is recorded and the schemas hold objects, which it may destroy.",
    verbose=_VERBOSE,
    json=_JSON,
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


@task(server=_SERVER, json=_JSON)
def dev_down(reporter: Any, server: str = "", json: bool = False) -> Any:
    """Stop services and server; keep the data."""
    return commands.down.down(commands.targets.on(config.load(), server, reporter), reporter=reporter)


@task(
    server=_SERVER,
    yes="Do not ask (where the server is not this project's own).",
    production="The database's name, where it looks like production.",
    json=_JSON,
)
def dev_down_clean(reporter: Any, server: str = "", yes: bool = False, production: str = "", json: bool = False) -> Any:
    """Stop services and server; delete the data."""
    return commands.down.clean(
        commands.targets.on(config.load(), server, reporter), yes=yes, production=production, reporter=reporter
    )


@task(
    url=_URL,
    schema="Stop after the last pending migration of this schema.",
    to="Stop after this migration.",
    dry_run="Print the SQL; change nothing.",
    lock_wait="How long to wait for another deploy, such as 30s or 5min.",
    allow_out_of_order="Apply also migrations that come before an applied one.",
    on_existing_objects="Migrate although nothing is recorded and the schemas hold objects, which it may destroy.",
    create_database="Create the database if the server has none of that name.",
    verbose=_VERBOSE,
    json=_JSON,
)
def migrate(
    reporter: Any,
    url: str | None = None,
    schema: str = "",
    to: str = "",
    dry_run: bool = False,
    lock_wait: str = "",
    allow_out_of_order: bool = False,
    on_existing_objects: bool = False,
    create_database: bool = False,
    verbose: bool = False,
    json: bool = False,
) -> Any:
    """Apply the pending migrations."""
    return commands.migrate.migrate(
        config.load(),
        url=url or "",
        schema=schema,
        to=to,
        dry_run=dry_run,
        lock_wait=_seconds(lock_wait, "--lock-wait"),
        allow_out_of_order=allow_out_of_order,
        on_existing_objects=on_existing_objects,
        create_database=create_database,
        reporter=reporter,
    )


@task(
    url=_URL,
    schema="Show only this schema.",
    check="Exit 4 when migrations are pending.",
    no_drift="Do not compare the structure with what the last migrate left.",
    json=_JSON,
)
def migrate_status(
    reporter: Any,
    url: str | None = None,
    schema: str = "",
    check: bool = False,
    no_drift: bool = False,
    json: bool = False,
) -> Any:
    """Show what is applied, pending, changed or missing."""
    return commands.status.status_of(config.load(), url=url or "", schema=schema, check=check, drift=not no_drift)


@task(schema="The schema it belongs to.", name="What it does, such as create_invoices.", json=_JSON)
def migrate_new(reporter: Any, schema: str = "", name: str = "", json: bool = False) -> Any:
    """Write an empty migration and its rollback."""
    return commands.authoring.new(config.load(), schema=schema, name=name)


@task(url=_URL, through="The last migration that the database already has.", json=_JSON)
def migrate_baseline(reporter: Any, through: str = "", url: str | None = None, json: bool = False) -> Any:
    """Record migrations as applied without running them."""
    return commands.repair.baseline(config.load(), through=through, url=url or "", reporter=reporter)


@task(
    migration="The interrupted migration.",
    applied="All of it is done: record it as applied.",
    rolled_back="Nothing of it is left: make it pending again.",
    url=_URL,
    json=_JSON,
)
def migrate_resolve(
    reporter: Any,
    migration: str,
    applied: bool = False,
    rolled_back: bool = False,
    url: str | None = None,
    json: bool = False,
) -> Any:
    """Record the outcome of an interrupted migration."""
    return commands.repair.resolve(
        config.load(), migration, applied=applied, rolled_back=rolled_back, url=url or "", reporter=reporter
    )


@task(migration="Only this migration (default: every one that is out of order).", url=_URL, json=_JSON)
def migrate_restamp(reporter: Any, migration: str = "", url: str | None = None, json: bool = False) -> Any:
    """Give pending out-of-order migrations a new time."""
    return commands.restamp.restamp(config.load(), migration, url=url or "")


@task(
    to="Keep this migration and all applied before it.",
    steps="How many to roll back (default 1).",
    dry_run="Print the SQL and what it would destroy; change nothing.",
    yes="Do not ask.",
    production="The database's name, where it looks like production.",
    lock_wait="How long to wait for another deploy, such as 30s or 5min.",
    url=_URL,
    verbose=_VERBOSE,
    json=_JSON,
)
def rollback(
    reporter: Any,
    to: str = "",
    steps: str = "",
    dry_run: bool = False,
    yes: bool = False,
    production: str = "",
    lock_wait: str = "",
    url: str | None = None,
    verbose: bool = False,
    json: bool = False,
) -> Any:
    """Roll back the last applied migration."""
    return commands.rollback.rollback(
        config.load(),
        to=to,
        steps=_count(steps, "--steps") if steps else None,
        dry_run=dry_run,
        yes=yes,
        production=production,
        lock_wait=_seconds(lock_wait, "--lock-wait"),
        url=url or "",
        reporter=reporter,
    )


@task(url=_URL, junit="Also write JUnit XML to this file.", json=_JSON)
def smoke(reporter: Any, url: str | None = None, junit: str = "", json: bool = False) -> Any:
    """Check that the migrated database has its objects and answers."""
    return commands.smoke.smoke(config.load(), url=url or "", junit=junit, reporter=reporter)


@task(
    url=_URL,
    target="A target of the settings instead of --url.",
    schemas=_SCHEMAS,
    all_schemas=_ALL_SCHEMAS,
    out="Also write the snapshot to this file.",
    lock_wait=_READ_WAIT,
    json=_JSON,
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
    return commands.snapshot.snapshot(
        config.load(),
        url=url or "",
        target=target,
        schemas=schemas,
        all_schemas=all_schemas,
        out=out,
        lock_wait=_seconds(lock_wait, "--lock-wait"),
        reporter=reporter,
    )


@task(
    iterable=("ignore",),
    url=_URL,
    against="The other side: a target, a URL or a snapshot file (default: what the migrations make).",
    targets="Look at these targets of the settings, separated by commas.",
    schemas=_SCHEMAS,
    all_schemas=_ALL_SCHEMAS,
    severity="What counts for the exit code: structure, access, performance, cosmetic (default: all).",
    ignore='Ignore a difference, such as "column:app.users.email"; may be given several times.',
    full="Show both definitions side by side.",
    html="Also write a page to this file.",
    metrics="Also write metrics for Prometheus to this file.",
    watch="Ask again every so often, such as 60s, until interrupted.",
    lock_wait=_READ_WAIT,
    json=_JSON,
)
def parity(
    reporter: Any,
    url: str | None = None,
    against: str = "",
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
    json: bool = False,
) -> Any:
    """Show how databases differ from the migrations or each other."""
    once = functools.partial(
        commands.parity.parity,
        config.load(),
        url=url or "",
        against=against,
        names=targets,
        schemas=schemas,
        all_schemas=all_schemas,
        severity=severity,
        ignore=ignore or (),
        full=full,
        html=html,
        metrics=metrics,
        lock_wait=_seconds(lock_wait, "--lock-wait"),
        reporter=reporter,
    )
    every = _seconds(watch, "--watch")
    if every is None:
        return once()
    return commands.rounds.repeat(once, every, lambda found: command_line.show(found, json), whole=json)


@task(url=_URL, command="Run this SQL and end.", file="Run this file and end.")
def psql(reporter: Any, url: str | None = None, command: str = "", file: str = "") -> Any:
    """Open psql on the database."""
    return commands.psql.psql(config.load(), url=url or "", command=command, file=file)


@task(
    of=command_line.WithOptional,
    service="One of the project's services (default: the server).",
    server=_SERVER,
    follow="Go on printing as lines are written.",
    lines="How many lines to begin with.",
)
def logs(reporter: Any, service: str | None = None, server: str = "", follow: bool = False, lines: str = "50") -> Any:
    """Print the log of a service, or of the server."""
    return commands.logs.logs(
        commands.targets.on(config.load(), server, reporter),
        service or "",
        follow=follow,
        lines=_count(lines, "--lines"),
    )


@task(
    check="Write nothing: exit 1 if the lock file is not up to date.",
    postgres="Major versions to lock for, such as 16,18 (default: those of the file).",
    json=_JSON,
)
def lock(reporter: Any, check: bool = False, postgres: str = "", json: bool = False) -> Any:
    """Write migrations/manifest: what there is, and what it makes."""
    return commands.locking.lock(config.load(), check=check, postgres=postgres, reporter=reporter)


@task(
    url=_URL,
    reason="Why it is right as it is.",
    schema="Only this schema.",
    by="In whose name (default: user@host).",
    json=_JSON,
)
def drift_accept(
    reporter: Any, reason: str = "", schema: str = "", by: str = "", url: str | None = None, json: bool = False
) -> Any:
    """Take the structure as it is, for a reason, on record."""
    return commands.repair.accept_drift(
        config.load(), reason=reason, schema=schema, by=by, url=url or "", reporter=reporter
    )


@task(check="Write nothing: exit 1 if the seal is not up to date.", json=_JSON)
def seal(reporter: Any, check: bool = False, json: bool = False) -> Any:
    """Write migrations/seal for an image."""
    return commands.authoring.seal(config.load(), check=check)


@task(url=_URL, check="Write nothing: exit 1 if the client is not up to date.", json=_JSON)
def generate(reporter: Any, url: str | None = None, check: bool = False, json: bool = False) -> Any:
    """Write the typed client from the database."""
    return commands.generate.generate(config.load(), url=url or "", check=check, reporter=reporter)


@task(json=_JSON)
def doctor(reporter: Any, json: bool = False) -> Any:
    """Show what this machine has, lacks, and what to type."""
    return commands.doctor.examine(reporter)


namespace = collection.Collection(
    dev_up,
    dev_down,
    dev_down_clean,
    migrate,
    migrate_status,
    migrate_new,
    migrate_baseline,
    migrate_resolve,
    migrate_restamp,
    rollback,
    smoke,
    snapshot,
    parity,
    psql,
    logs,
    lock,
    drift_accept,
    seal,
    generate,
    doctor,
)
