"""dev-down and dev-down-clean: stop the project's services and server, with or without their data."""

import contextlib
import shutil
from typing import TYPE_CHECKING

from schemata import config, errors, lazy, targets
from schemata.migrations import checkout
from schemata.report import progress, results
from schemata.server import after_up
from schemata.server.embedded import instance

# Loaded when they are used: an embedded server needs no Docker, a project without services no processes.
if TYPE_CHECKING:
    from schemata.server import docker
    from schemata.services import manage
else:
    docker = lazy.Module("schemata.server.docker")
    manage = lazy.Module("schemata.services.manage")


def down(settings: config.Config, *, reporter: progress.Reporter = progress.SILENT) -> results.Message:
    """Stop the project's services and its server; the data and the logs stay."""
    if settings.server.kind == "docker":
        return results.Message(docker.down(settings, reporter=reporter))
    services = _stopped(manage.down(settings, reporter=reporter))
    if settings.server.kind == "external":
        if not services:
            require_embedded(settings)
        return results.Message(f"{services}The server is external: it goes on running.")
    stopped = instance.stop(settings.state_dir, info=reporter.info)
    return results.Message(
        services + ("The server is stopped; its data stay." if stopped else "The server was not running.")
    )


def _stopped(names: tuple[str, ...]) -> str:
    return f"Stopped {', '.join(names)}. " if names else ""


def clean(
    settings: config.Config, *, yes: bool = False, confirm: str = "", reporter: progress.Reporter = progress.SILENT
) -> results.Message:
    """Stop the project's services and server and delete its data; on an external server, drop the project's schemas.

    The latter prints the target and asks, or wants the database's name as `confirm` (see targets.guard).
    """
    if settings.server.kind == "docker":
        removed = docker.clean(settings, yes=yes, reporter=reporter)
        _tidy(settings)
        text = "Removed " + ", ".join(removed) + "." if removed else "There was nothing to delete."
        return results.Message(text, facts={"removed": list(removed)})
    if settings.server.kind == "embedded":
        services = _stopped(manage.clean(settings, reporter=reporter))
        found = instance.remove(settings.state_dir, info=reporter.info)
        shutil.rmtree(settings.state_dir, ignore_errors=True)
        return results.Message(
            services + ("The server is stopped and its data are deleted." if found else "There was nothing to delete.")
        )
    choice = targets.choose(settings)
    names = [*settings.schemas, settings.history_schema]
    with targets.connect(choice) as connection:
        target = targets.describe(choice, connection)
        if targets.guard(choice, target, connection, yes=yes, confirm=confirm):
            shown = f"Target: {target.describe()}\n  drop the schemas {', '.join(names)}"
            targets.ask(shown, "Drop them?", "If you mean it, add --yes.")
        services = _stopped(manage.clean(settings, reporter=reporter))
        drops = "; ".join(f'DROP SCHEMA IF EXISTS "{name}" CASCADE' for name in names)
        connection.query(
            f"SET client_min_messages = warning; BEGIN; {drops}; CREATE SCHEMA IF NOT EXISTS public; COMMIT"
        )
    _tidy(settings)
    return results.Message(f"{services}Dropped {', '.join(names)} in {target.describe()}.")


def _tidy(settings: config.Config) -> None:
    """Remove the project's `.schemata/` unless it holds something lasting, such as an embedded server's data."""
    after_up.forget(settings)
    with contextlib.suppress(FileNotFoundError):
        if {path.name for path in settings.state_dir.iterdir()} <= {checkout.CACHE, ".gitignore"}:
            shutil.rmtree(settings.state_dir, ignore_errors=True)


def require_embedded(settings: config.Config) -> None:
    """Refuse a server that is not started by this project."""
    if settings.server.kind != "embedded":
        raise errors.ConfigError(
            f'the server is "{settings.server.kind}": this project did not start it',
            "Stop it where it was started.",
        )
