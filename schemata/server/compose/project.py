"""What Docker Compose makes of the project's file, and the password of its database."""

import dataclasses
import os
import re
import secrets
from collections.abc import Collection
from pathlib import Path
from typing import Any
from urllib import parse

from schemata import config, errors
from schemata.report import progress
from schemata.server.compose import command_line

PASSWORD = "POSTGRES_PASSWORD"
_PLACEHOLDER = "unknown"
_DATABASE_PORT = 5432


class PasswordUnknown(errors.Error):
    """The database's data are there, and nobody knows their password any more."""

    def __init__(self, volume: str) -> None:
        self.volume = volume
        super().__init__(
            f"the volume {volume} was made with a password, and {PASSWORD} is not set, "
            "so a new one would not open the database",
            f"Set {PASSWORD} to the old one (in .env), or delete the data: inv dev-down-clean --server docker",
        )


@dataclasses.dataclass(frozen=True)
class Composition:
    """The project's Compose project: how to call it, what Compose makes of its file.

    :param password: of the database; empty when nobody knows it.
    :param secret: the file for a password that we make; one for each Compose project of this folder.
    :param demands: the file demands a password, and neither the environment nor .env has one.
    """

    project: command_line.Project
    name: str
    services: dict[str, Any]
    volumes: dict[str, Any]
    password: str
    secret: Path
    demands: bool


def of(settings: config.Config) -> Composition:
    """Return the Compose project. Where the file demands a password that nobody knows, Compose gets a placeholder.

    It does for all commands that make no database.
    """
    file = settings.root / settings.compose.file
    if not file.is_file() and not os.environ.get("COMPOSE_FILE"):
        raise errors.ConfigError(
            f'the server is "docker", and {file} does not exist',
            'Write one, or set its path: [tool.schemata.compose] file = "..."',
        )
    project = command_line.Project(file)
    try:
        facts, demands = command_line.config(project), False
    except command_line.InvalidCompose as error:
        if error.variable != PASSWORD:
            raise
        project = command_line.Project(file, {PASSWORD: _PLACEHOLDER})
        facts, demands = command_line.config(project), True
    name = str(facts["name"])
    secret = settings.state_dir / f"compose-{name}.env"
    if demands:
        password = _secret_of(secret)
        project = command_line.Project(file, {PASSWORD: password or _PLACEHOLDER})
    else:
        database = facts["services"].get(settings.compose.database) or {}
        password = str((database.get("environment") or {}).get(PASSWORD) or "")
    return Composition(project, name, facts["services"], facts.get("volumes") or {}, password, secret, demands)


def with_password(
    settings: config.Config, composition: Composition, volumes: Collection[str], reporter: progress.Reporter
) -> Composition:
    """Return it with a password: a new one for a new database, where none is known.

    :param volumes: what the engine has of this Compose project already.
    """
    if composition.password or not composition.demands:
        return composition
    kept = [name for name in volumes if name in _volumes(settings, composition)]
    if kept:
        raise PasswordUnknown(kept[0])
    password = secrets.token_urlsafe(18)
    settings.state_dir.mkdir(exist_ok=True)
    composition.secret.unlink(missing_ok=True)
    with os.fdopen(os.open(composition.secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as made:
        made.write(
            f"# Made by inv dev-up, for the database of the Compose project "
            f"{composition.name}.\n{PASSWORD}={password}\n"
        )
    reporter.info(f"No {PASSWORD} in the environment or .env: made one, in {composition.secret}")
    return dataclasses.replace(
        composition, password=password, project=command_line.Project(composition.project.file, {PASSWORD: password})
    )


def _volumes(settings: config.Config, composition: Composition) -> set[str]:
    """Return the volumes of the database, by their names at the engine."""
    mounts = composition.services.get(settings.compose.database, {}).get("volumes") or ()
    named = {mount.get("source") for mount in mounts if mount.get("type") == "volume"}
    return {str(facts.get("name", key)) for key, facts in composition.volumes.items() if key in named}


def _secret_of(path: Path) -> str:
    try:
        found = re.search(rf"(?m)^{PASSWORD}=(.+)$", path.read_text(encoding="utf-8"))
    except OSError:
        return ""
    return found[1].strip() if found else ""


def url(settings: config.Config) -> str:
    """Return the URL of the project's database from this machine. Raises NotAvailable while it is not running."""
    composition = of(settings)
    name = settings.compose.database
    facts = composition.services.get(name)
    if facts is None:
        raise errors.ConfigError(
            f"{composition.project.file} has no service {name}",
            '[tool.schemata.compose] database = "..." names the service of the database.',
        )
    done = command_line.call(composition.project, "port", name, str(_DATABASE_PORT))
    port = done.output.strip().rpartition(":")[2]
    if done.code != 0 or not port.isdecimal() or port == "0":
        raise errors.NotAvailable(
            f"the database of the Compose project {composition.name} is not running, or publishes no port",
            "Start it: inv dev-up --server docker",
        )
    environment = facts.get("environment") or {}
    user = str(environment.get("POSTGRES_USER") or "postgres")
    database = str(environment.get("POSTGRES_DB") or user)
    login = ":".join(parse.quote(part, safe="") for part in (user, composition.password) if part)
    return f"postgresql://{login}@127.0.0.1:{port}/{parse.quote(database, safe='')}"
