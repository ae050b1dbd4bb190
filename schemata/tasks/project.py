"""The project itself: begun."""

from pathlib import Path
from typing import Any

from schemata import command_line, commands
from schemata.tasks import flags

task = command_line.task


@task(
    schemas="The schemas of the application, separated by commas (default: app, or those of --from-database).",
    name="The name of the project (default: of the package, else of the folder).",
    from_database="Write the first migrations from the structure of this database, a URL.",
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
        compose=compose,
        dockerfile=dockerfile,
        dry_run=dry_run,
        reporter=reporter,
    )
