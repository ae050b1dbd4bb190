"""Migrations: apply, see, write, record, roll back, lock."""

from typing import Any

from schemata import commands, config, errors
from schemata.command_line import command
from schemata.tasks import flags


@command.command(
    url=flags.URL,
    schema="Stop after the last pending migration of this schema.",
    to="Stop after this migration.",
    dry_run="Print the SQL; change nothing.",
    lock_wait=flags.LOCK_WAIT,
    allow_out_of_order="Apply also migrations that come before an applied one.",
    on_existing_objects="Migrate although nothing is recorded and the schemas hold objects, which it may destroy.",
    create_database="Create the database if the server has none of that name.",
    require_proof="Refuse what migrations/attestations does not prove for this version.",
    verbose=flags.VERBOSE,
    json=flags.JSON,
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
    require_proof: bool = False,
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
        lock_wait=flags.seconds(lock_wait, "--lock-wait"),
        allow_out_of_order=allow_out_of_order,
        on_existing_objects=on_existing_objects,
        create_database=create_database,
        require_proof=require_proof,
        reporter=reporter,
    )


@command.command(
    url=flags.URL,
    schema="Show only this schema.",
    check="Exit 4 when migrations are pending.",
    no_drift="Do not compare the structure with what the last migrate left.",
    json=flags.JSON,
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
    command.keep_everything()
    return commands.status.status_of(config.load(), url=url or "", schema=schema, check=check, drift=not no_drift)


@command.command(
    schema="The schema it belongs to.",
    name="What it does, such as create_invoices.",
    python="Write it in Python, in yoyo's format: one file, whose steps have their rollbacks.",
    json=flags.JSON,
)
def migrate_new(reporter: Any, schema: str = "", name: str = "", python: bool = False, json: bool = False) -> Any:
    """Write an empty migration and its rollback."""
    return commands.authoring.new(config.load(), schema=schema, name=name, python=python)


@command.command(
    url=flags.URL,
    through="The last migration that the database already has.",
    accept="A difference that is taken as it is, as a refusal names it; may come several times.",
    unverified="Compare nothing.",
    reason="Why a difference is accepted, or nothing is compared.",
    by="In whose name (default: user@host).",
    confirm=flags.CONFIRM,
    iterable=["accept"],
    json=flags.JSON,
)
def migrate_baseline(
    reporter: Any,
    through: str = "",
    accept: list[str] | None = None,
    unverified: bool = False,
    reason: str = "",
    by: str = "",
    confirm: str = "",
    url: str | None = None,
    json: bool = False,
) -> Any:
    """Record migrations as applied without running them."""
    return commands.baseline.baseline(
        config.load(),
        through=through,
        accept=accept or (),
        unverified=unverified,
        reason=reason,
        by=by,
        confirm=confirm,
        url=url or "",
        reporter=reporter,
    )


@command.command(
    migration="The interrupted migration.",
    applied="All of it is done: record it as applied.",
    rolled_back="Nothing of it is left: make it pending again.",
    confirm=flags.CONFIRM,
    url=flags.URL,
    json=flags.JSON,
)
def migrate_resolve(
    reporter: Any,
    migration: str,
    applied: bool = False,
    rolled_back: bool = False,
    confirm: str = "",
    url: str | None = None,
    json: bool = False,
) -> Any:
    """Record the outcome of an interrupted migration."""
    return commands.repair.resolve(
        config.load(),
        migration,
        applied=applied,
        rolled_back=rolled_back,
        confirm=confirm,
        url=url or "",
        reporter=reporter,
    )


@command.command(
    migration="Only this migration (default: every one that is out of order).", url=flags.URL, json=flags.JSON
)
def migrate_restamp(reporter: Any, migration: str = "", url: str | None = None, json: bool = False) -> Any:
    """Give pending out-of-order migrations a new time."""
    return commands.restamp.restamp(config.load(), migration, url=url or "")


@command.command(
    to="Keep this migration and all applied before it.",
    steps="How many to roll back (default 1).",
    dry_run="Print the SQL and what it would destroy; change nothing.",
    yes=flags.YES,
    confirm=flags.CONFIRM,
    lock_wait=flags.LOCK_WAIT,
    url=flags.URL,
    verbose=flags.VERBOSE,
    json=flags.JSON,
)
def rollback(
    reporter: Any,
    to: str = "",
    steps: str = "",
    dry_run: bool = False,
    yes: bool = False,
    confirm: str = "",
    lock_wait: str = "",
    url: str | None = None,
    verbose: bool = False,
    json: bool = False,
) -> Any:
    """Roll back the last applied migration."""
    return commands.rollback.rollback(
        config.load(),
        to=to,
        steps=flags.count(steps, "--steps") if steps else None,
        dry_run=dry_run,
        yes=yes,
        confirm=confirm,
        lock_wait=flags.seconds(lock_wait, "--lock-wait"),
        url=url or "",
        reporter=reporter,
    )


@command.command(
    check="Write nothing: exit 1 if the lock file is not up to date.",
    postgres="Major versions to lock for, such as 16,18 (default: those of the file).",
    json=flags.JSON,
)
def lock(reporter: Any, check: bool = False, postgres: str = "", json: bool = False) -> Any:
    """Write migrations/manifest: what there is, and what it makes."""
    return commands.locking.lock(config.load(), check=check, postgres=postgres, reporter=reporter)


@command.command(
    through="The last migration to replace.",
    name="What the baselines are called.",
    single="One baseline for all schemas.",
    rows="Write the rows that the migrations leave, instead of repeating their statements.",
    dry_run="Print the baselines; change no file.",
    accept_data="Why that need not be kept which cannot be.",
    postgres="Major versions to prove it on, such as 16,18 (default: those of the lock file).",
    json=flags.JSON,
)
def squash(
    reporter: Any,
    through: str = "",
    name: str = "baseline",
    single: bool = False,
    rows: bool = False,
    dry_run: bool = False,
    accept_data: str = "",
    postgres: str = "",
    json: bool = False,
) -> Any:
    """Replace old migrations by one baseline a schema."""
    return commands.squash.squash(
        config.load(),
        through=through,
        name=name,
        single=single,
        rows=rows,
        dry_run=dry_run,
        accept_data=accept_data,
        postgres=postgres,
        reporter=reporter,
    )


@command.command(
    url=flags.URL,
    reason="Why it is right as it is.",
    schema="Only this schema.",
    by="In whose name (default: user@host).",
    json=flags.JSON,
)
def drift_accept(
    reporter: Any, reason: str = "", schema: str = "", by: str = "", url: str | None = None, json: bool = False
) -> Any:
    """Take the structure as it is, for a reason, on record."""
    return commands.repair.accept_drift(
        config.load(), reason=reason, schema=schema, by=by, url=url or "", reporter=reporter
    )


@command.command(
    first="optional",
    action="install, remove or show (default: show).",
    url=flags.URL,
    json=flags.JSON,
)
def drift_audit(reporter: Any, action: str | None = None, url: str | None = None, json: bool = False) -> Any:
    """Note who changes the structure; show what was noted."""
    return commands.audit.drift_audit(config.load(), action or "show", url=url or "")


@command.command(check="Write nothing: exit 1 if the seal is not up to date.", json=flags.JSON)
def seal(reporter: Any, check: bool = False, json: bool = False) -> Any:
    """Write migrations/seal for an image."""
    return commands.authoring.seal(config.load(), check=check)


@command.command(
    first="many",
    files="Files to judge (default: all migrations; with --base those that it does not have as they are).",
    base="A branch, a tag or a commit to compare with, such as origin/main.",
    scale="Another scale file than migrations/scale.toml: how long a lock lasts.",
    strict="Exit with 1 for warnings too.",
    fix="Show the changes that are certain to be right, as a difference.",
    yes="Write the changes of --fix.",
    format="text, json, github (annotations), sarif or markdown (a comment on a pull request).",
    no_squawk="Do without squawk: only the rules of our own.",
    json=flags.JSON,
)
def lint(
    reporter: Any,
    files: Any,
    base: str = "",
    scale: str = "",
    strict: bool = False,
    fix: bool = False,
    yes: bool = False,
    format: str = "text",
    no_squawk: bool = False,
    json: bool = False,
) -> Any:
    """Judge migrations by their text: locks, rewrites, losses."""
    if json and format not in ("text", "json"):
        raise errors.ConfigError(f"--json and --format {format} contradict each other", "Leave one of them out.")
    return commands.lint.lint(
        config.load(),
        files or (),
        base=base,
        scale=scale,
        strict=strict,
        fix=fix,
        yes=yes,
        form="json" if json else format,
        ask_squawk=not no_squawk,
        reporter=reporter,
    )
