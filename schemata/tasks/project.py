"""The project itself: begun, and taken over from another tool."""

from pathlib import Path
from typing import Any

from schemata import commands, config
from schemata.command_line import command
from schemata.tasks import flags


@command.command(
    schemas="The schemas of the application, separated by commas (default: app, or those of --from-database).",
    name="The name of the project (default: of the package, else of the folder).",
    from_database="Write the first migrations from the structure of this database, a URL.",
    from_tool="Take the first migrations from this tool's folder, as inv adopt does: prisma, flyway, …",
    from_folder="The folder of --from-tool, or the repository around it (default: this one).",
    compose="Also write a compose.yaml with a server and the application.",
    dockerfile="Also write a Dockerfile whose entrypoint migrates.",
    dry_run="Show what would be written; write nothing.",
    json=flags.JSON,
)
def init(
    reporter: Any,
    schemas: str = "",
    name: str = "",
    from_database: str | None = None,
    from_tool: str = "",
    from_folder: str = "",
    compose: bool = False,
    dockerfile: bool = False,
    dry_run: bool = False,
    json: bool = False,
) -> Any:
    """Begin a project: settings, tasks, folders, CI; keep what is."""
    return commands.init.init(
        Path.cwd(),
        schemas=schemas,
        name=name,
        from_database=from_database or "",
        from_tool=from_tool,
        from_folder=from_folder,
        compose=compose,
        dockerfile=dockerfile,
        dry_run=dry_run,
        reporter=reporter,
    )


@command.command(
    tool="prisma, flyway, sqitch, dbmate, alembic-sql, goose, golang-migrate, diesel, sqlx, drizzle, "
    "node-pg-migrate, supabase or folder.",
    path="The folder of its migrations, or the repository around it.",
    url="The database that has them: what its ledger calls applied is recorded there.",
    plan="Show all of it; change nothing.",
    schema="The schema of names without one (default: public).",
    set="NAME=VALUE of a name that the tool fills in; may come several times.",
    skip="A migration that is left out, with --reason; may come several times.",
    reason="Why a file is left out, or a difference accepted.",
    ledger="SCHEMA.TABLE of the tool's records, where it is not the usual one.",
    keep_ledger="Run the statements of the files on that table: they need it.",
    project="Which project of a Sqitch registry.",
    resolve="NAME=applied or NAME=rolled-back, of one that failed there; may come several times.",
    accept_edited="A file that was changed after it ran; may come several times.",
    accept_gone="What the ledger has and no file; may come several times.",
    through="The last one that a database without a ledger has.",
    accept="A difference that is taken as it is, as a refusal names it; may come several times.",
    by="In whose name a difference is accepted (default: user@host).",
    mirror="From now on keep the tool's own records true: each of its migrations that ours applies gets its row there.",
    hold_lock="From now on take the tool's lock too, so that it and ours never migrate at the same time.",
    create_roles="Make the roles that the files expect, without login, on the dev server; never elsewhere.",
    iterable=["set", "skip", "resolve", "accept_edited", "accept_gone", "accept"],
    json=flags.JSON,
)
def adopt(
    reporter: Any,
    tool: str,
    path: str,
    url: str | None = None,
    plan: bool = False,
    schema: str = "public",
    set: list[str] | None = None,
    skip: list[str] | None = None,
    reason: str = "",
    ledger: str = "",
    keep_ledger: bool = False,
    project: str = "",
    resolve: list[str] | None = None,
    accept_edited: list[str] | None = None,
    accept_gone: list[str] | None = None,
    through: str = "",
    accept: list[str] | None = None,
    by: str = "",
    mirror: bool = False,
    hold_lock: bool = False,
    create_roles: bool = False,
    json: bool = False,
) -> Any:
    """Take over another tool's migrations, and its ledger."""
    return commands.adopt.adopt(
        config.load(),
        tool,
        path,
        url=url or "",
        plan=plan,
        schema=schema,
        values=set or (),
        skip=skip or (),
        reason=reason,
        ledger=ledger,
        keep_ledger=keep_ledger,
        project=project,
        resolve=resolve or (),
        accept_edited=accept_edited or (),
        accept_gone=accept_gone or (),
        through=through,
        accept=accept or (),
        by=by,
        mirror=mirror,
        hold_lock=hold_lock,
        create_roles=create_roles,
        reporter=reporter,
    )
