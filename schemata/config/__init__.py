"""`[tool.schemata]` and the environment: reads, never acts. Each setting is a row of a table: its type, its default.

A variable SCHEMATA_<SECTION>_<KEY> (SCHEMATA_LOCKS_WAIT=5s) wins over the file, a flag over both.
"""

import dataclasses
import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from schemata import errors
from schemata.config import backups as backup_settings
from schemata.config import (
    comparing,
    declared,
    observation,
    page_settings,
    quality,
    releasing,
    seeding,
    transition,
    values,
)

FILE = "pyproject.toml"
Page = page_settings.Page
# Variables that are read elsewhere, before or without the settings.
_OTHER_VARIABLES = (
    "SCHEMATA_ROOT",
    "SCHEMATA_PG_BIN",
    "SCHEMATA_LIBPQ",
    "SCHEMATA_NO_LIBPQ",
    "SCHEMATA_TEST_PG_BIN",
    "SCHEMATA_CLIENT_DIR",
    "SCHEMATA_LOG_FORMAT",
    "SCHEMATA_AFTER_UP_DIR",
    "SCHEMATA_BACKUP_SCHEMAS",
    "SCHEMATA_BACKUP_REASON",
)


@dataclasses.dataclass(frozen=True)
class Wait:
    """How patiently to wait for a server: `attempts` tries, `delay` seconds apart."""

    attempts: int = 60
    delay: float = 2.0


@dataclasses.dataclass(frozen=True)
class Locks:
    """Budgets of a deploy, in seconds (0 = none where PostgreSQL allows none)."""

    wait: float = 300.0
    lock_timeout: float = 1.0
    statement_timeout: float = 0.0
    attempts: int = 30
    backoff: float = 0.25
    backoff_cap: float = 10.0


@dataclasses.dataclass(frozen=True)
class Server:
    """Where the database runs when nothing else is said."""

    kind: str = "embedded"
    version: str = ""
    database: str = ""
    port: int = 0
    unsafe: bool = False
    settings: Mapping[str, str] = dataclasses.field(default_factory=dict)
    extensions: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Client:
    """The typed client that `generate` writes: a Python package of this name into `folder`; none without a name."""

    package: str = ""
    folder: str = "client"
    schemas: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Compose:
    """The Compose project that is the "docker" server: its file, and its service that is the database."""

    file: str = "compose.yaml"
    database: str = "postgres"
    patience: float = 180.0


@dataclasses.dataclass(frozen=True)
class Service:
    """A program that uses the database and starts through the boot.

    :param command: what the boot becomes; `python` is the Python that runs us.
    :param port: where it listens on this machine; 0: it serves nothing. <NAME>_PORT in the environment wins.
    :param ready: path of the URL that answers 200 when it is ready; empty: it is ready when it runs.
    :param client: whether it imports the typed client.
    :param code: the files and folders it is made of, relative to the root: when they change it is started again.
    :param patience: seconds from its start until it must be ready.
    """

    name: str
    command: tuple[str, ...]
    port: int = 0
    ready: str = "/ready"
    client: bool = False
    code: tuple[str, ...] = ()
    patience: float = 60.0


@dataclasses.dataclass(frozen=True)
class Config:
    """The settings of one project. Made by `load`; every path in it is absolute."""

    root: Path
    name: str = "app"
    schemas: tuple[str, ...] = ()
    migrations: Path = Path("migrations")
    history_schema: str = "schemata"
    search_path: tuple[str, ...] = ("{schema}", "pg_catalog")
    out_of_order: str = "refuse"
    accepts: str = ""
    create_database: bool = False
    prisma_lock: bool = False
    after_up: tuple[str, ...] = ()
    postgres: tuple[str, ...] = ("14", "15", "16", "17", "18")
    wait: Wait = Wait()
    locks: Locks = Locks()
    check: quality.Check = quality.Check()  # noqa: RUF009 - it is frozen
    server: Server = Server()
    client: Client = Client()
    compose: Compose = Compose()
    adoption: transition.Adoption = transition.NONE
    rehearsal: quality.Rehearsal = quality.Rehearsal()  # noqa: RUF009 - it is frozen
    backups: backup_settings.Backups = backup_settings.Backups()  # noqa: RUF009 - it is frozen
    lint: quality.Lint = quality.Lint()  # noqa: RUF009 - it is frozen
    report: observation.Report = observation.Report()  # noqa: RUF009 - it is frozen
    slow_queries: observation.SlowQueries = observation.SlowQueries()  # noqa: RUF009 - it is frozen
    seed: seeding.Seed = seeding.Seed()  # noqa: RUF009 - it is frozen
    advice: observation.Advice = observation.Advice()  # noqa: RUF009 - it is frozen
    changes: releasing.Changes = releasing.Changes()  # noqa: RUF009 - it is frozen
    services: tuple[Service, ...] = ()
    pages: tuple[page_settings.Page, ...] = ()
    page_files: tuple[str, ...] = ()
    targets: tuple[declared.Target, ...] = ()
    ignore: tuple[declared.Ignore, ...] = ()

    @property
    def state_dir(self) -> Path:
        """Return the folder of what this project's commands remember: the dev server, logs, caches."""
        return self.root / ".schemata"

    def without_backups(self) -> "Config":
        """Return the settings for a database that nobody keeps: no backup comes before what destroys there."""
        return dataclasses.replace(self, backups=dataclasses.replace(self.backups, policy="never"))

    @property
    def database(self) -> str:
        """Return the name of the development database."""
        return self.server.database or re.sub(r"[^a-z0-9_]+", "_", self.name.lower()).strip("_") or "app"


_TOP: dict[str, values.Converter] = {
    "name": values.text_of,
    "schemas": values.list_of(values.schema_of),
    "migrations": values.text_of,
    "history_schema": values.name_of,
    "search_path": values.list_of(values.search_path),
    "out_of_order": values.one_of("refuse", "allow"),
    "accepts": values.accepts,
    "create_database": values.flag,
    "prisma_lock": values.flag,
    "after_up": values.command,
    "postgres": values.list_of(values.text_of),
    "page_files": values.list_of(values.text_of),
}
_SECTIONS: dict[str, tuple[type, dict[str, values.Converter]]] = {
    "wait": (Wait, {"attempts": values.count(1, 100_000), "delay": values.seconds}),
    "check": (quality.Check, quality.CHECK),
    "locks": (
        Locks,
        {
            "wait": values.seconds,
            "lock_timeout": values.lock_timeout,
            "statement_timeout": values.seconds,
            "attempts": values.count(1, 10_000),
            "backoff": values.seconds,
            "backoff_cap": values.seconds,
        },
    ),
    "server": (
        Server,
        {
            "kind": values.one_of("embedded", "docker", "external"),
            "version": values.text_of,
            "database": values.name_of,
            "port": values.count(0, 65535),
            "unsafe": values.flag,
            "settings": values.server_settings,
            "extensions": values.list_of(values.extension),
        },
    ),
    "client": (
        Client,
        {
            "package": values.package,
            "folder": values.inside("Write a folder of the project; SCHEMATA_CLIENT_DIR may be anywhere."),
            "schemas": values.list_of(values.name_of),
        },
    ),
    "compose": (
        Compose,
        {"file": values.text_of, "database": values.text_of, "patience": values.seconds},
    ),
    "adoption": (transition.Adoption, transition.KEYS),
    "rehearsal": (quality.Rehearsal, quality.REHEARSAL),
    "backups": (backup_settings.Backups, backup_settings.KEYS),
    "lint": (quality.Lint, quality.LINT),
    "report": (observation.Report, observation.REPORT),
    "slow_queries": (observation.SlowQueries, observation.SLOW_QUERIES),
    "seed": (seeding.Seed, seeding.KEYS),
    "advice": (observation.Advice, observation.ADVICE),
    "changes": (releasing.Changes, releasing.KEYS),
}
_SERVICE: dict[str, values.Converter] = {
    "command": values.command,
    "port": values.count(0, 65535),
    "ready": values.path,
    "client": values.flag,
    "code": values.list_of(values.inside("Write a folder or a file of the project.")),
    "patience": values.seconds,
}


def find_root(start: Path) -> Path:
    """Return the nearest folder at or above `start` whose pyproject.toml has `[tool.schemata]`."""
    for folder in (start, *start.parents):
        if (folder / FILE).is_file() and _table(folder / FILE) is not None:
            return folder
    raise errors.ConfigError(
        f"no pyproject.toml with [tool.schemata] in {start} or above it",
        'Change to the project\'s folder, or add the table:\n\n    [tool.schemata]\n    schemas = ["app"]\n',
    )


def _table(path: Path) -> dict[str, Any] | None:
    try:
        with path.open("rb") as file:
            document = tomllib.load(file)
    except ValueError as error:  # TOMLDecodeError, UnicodeDecodeError: each says where
        raise errors.ConfigError(f"{path} is not TOML in UTF-8: {error}", "Fix that line.") from error
    except FileNotFoundError as error:
        raise errors.ConfigError(
            f"{path} does not exist, so there are no settings to read", "Correct SCHEMATA_ROOT: the project's folder."
        ) from error
    except OSError as error:
        raise errors.ConfigError(f"{path} cannot be read: {error.strerror}", "Check its permissions.") from error
    tool = document.get("tool", {})
    table = tool.get("schemata") if isinstance(tool, dict) else None
    if table is not None and not isinstance(table, dict):
        raise values.InvalidSetting("[tool.schemata]", "is not a table")
    if table is not None and "name" not in table:
        project = document.get("project", {})
        if isinstance(project, dict) and isinstance(project.get("name"), str):
            table = {**table, "name": project["name"]}
    return table


def load(root: Path | None = None, environ: Mapping[str, str] = os.environ) -> Config:
    """Read and check the settings of the project at `root`, or of the one around the working folder.

    Connects to nothing and writes nothing. Raises ConfigError (exit code 2) for a missing or broken
    table, an unknown key or an impossible value.
    """
    if root is None:
        named = environ.get("SCHEMATA_ROOT")
        root = Path(named) if named else find_root(Path.cwd())
    table = _table(root / FILE)
    if table is None:
        raise errors.ConfigError(f"{root / FILE} has no [tool.schemata]", 'Add it: schemas = ["app"]')
    return parse(table, root.absolute(), environ)


def parse(table: Mapping[str, Any], root: Path, environ: Mapping[str, str]) -> Config:
    """Return the settings that a `[tool.schemata]` table and the environment give."""
    _refuse_slips(environ)
    known = (*_TOP, *_SECTIONS, "services", "pages", "targets", "ignore")
    for key in table:
        if key not in known:
            raise values.InvalidSetting(f"[tool.schemata] {key}", "no such setting", values.suggest(key, known))
    found: dict[str, Any] = {}
    for key, convert in _TOP.items():
        variable = f"SCHEMATA_{key.upper()}"
        if environ.get(variable):
            found[key] = convert(environ[variable], variable)
        elif key in table:
            found[key] = convert(table[key], f"[tool.schemata] {key}")
    own_seed, seeded = seeding.tables(table.get("seed", {}))
    table = {**table, "seed": own_seed}
    for section, (kind, keys) in _SECTIONS.items():
        found[section] = _section(section, kind, keys, table.get(section, {}), environ)
    found["seed"] = dataclasses.replace(found["seed"], tables=seeded)
    if not found.get("schemas"):
        raise values.InvalidSetting("[tool.schemata] schemas", "at least one schema is needed", 'schemas = ["app"]')
    history = found.get("history_schema", "schemata")
    if history in found["schemas"]:
        what = f"{history!r} is also one of the application's schemas"
        raise values.InvalidSetting("[tool.schemata] history_schema", what, "Give the history a schema of its own.")
    transition.check(found["adoption"])
    found["migrations"] = (root / found.get("migrations", "migrations")).absolute()
    for schema in found["client"].schemas:
        if schema not in found["schemas"]:
            raise values.InvalidSetting("[tool.schemata.client] schemas", f"{schema!r} is not one of the schemas above")
    found["services"] = _services(table.get("services", {}), found["client"])
    found["pages"] = page_settings.read(table.get("pages", []), found["schemas"])
    found["targets"] = comparing.targets(table.get("targets", {}))
    found["ignore"] = comparing.ignores(table.get("ignore", []), found["targets"])
    return Config(root=root, **found)


def _refuse_slips(environ: Mapping[str, str]) -> None:
    """Refuse a variable that is nearly one of ours: a slip that is ignored would be found too late."""
    known = {f"SCHEMATA_{key.upper()}" for key in _TOP} | set(_OTHER_VARIABLES)
    known |= {f"SCHEMATA_{name.upper()}_{key.upper()}" for name, (_, keys) in _SECTIONS.items() for key in keys}
    for variable in {name for name in environ if name.startswith("SCHEMATA_")} - known:
        if near := difflib.get_close_matches(variable, sorted(known), n=1, cutoff=0.85):
            raise values.InvalidSetting(variable, "no such variable", f"Did you mean {near[0]}?")


def _section(name: str, kind: type, keys: dict[str, values.Converter], table: Any, environ: Mapping[str, str]) -> Any:
    where = f"[tool.schemata.{name}]"
    if not isinstance(table, dict):
        raise values.InvalidSetting(where, "is not a table")
    for key in table:
        if key not in keys:
            raise values.InvalidSetting(f"{where} {key}", "no such setting", values.suggest(key, keys))
    found = {}
    for key, convert in keys.items():
        variable = f"SCHEMATA_{name.upper()}_{key.upper()}"
        if key != "settings" and environ.get(variable):
            found[key] = convert(environ[variable], variable)
        elif key in table:
            found[key] = convert(table[key], f"{where} {key}")
    return kind(**found)


def _services(tables: Any, client: Client) -> tuple[Service, ...]:
    if not isinstance(tables, dict):
        raise values.InvalidSetting("[tool.schemata.services]", "is not a table of services")
    result: list[Service] = []
    for name, table in tables.items():
        where = f"[tool.schemata.services.{name}]"
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,39}", name):
            hint = "Lower-case letters, digits and dashes; it names files, variables and containers."
            raise values.InvalidSetting(where, f"{name!r} is not a valid name for a service", hint)
        service = Service(name=name, **values.row(where, table, _SERVICE, ("command",)))
        if service.client and not client.package:
            what = "it has client = true, but no package is declared for the typed client"
            raise values.InvalidSetting(where, what, '[tool.schemata.client] package = "..."')
        taken = [other.name for other in result if other.port == service.port != 0]
        if taken:
            raise values.InvalidSetting(f"{where} port", f"{service.port} is the port of {taken[0]} too")
        result.append(service)
    return tuple(result)
