"""`[tool.schemata]` and the environment: reads, never acts.

Each setting is one row of a table here: its type, its default. What is not in the table is an error
with a suggestion. An environment variable SCHEMATA_<SECTION>_<KEY> (SCHEMATA_LOCKS_WAIT=5s) wins over
the file; a flag wins over both.
"""

import dataclasses
import difflib
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from schemata import errors

FILE = "pyproject.toml"
# Variables that are read elsewhere, before or without the settings.
_OTHER_VARIABLES = ("SCHEMATA_ROOT", "SCHEMATA_PG_BIN", "SCHEMATA_LIBPQ", "SCHEMATA_NO_LIBPQ", "SCHEMATA_TEST_PG_BIN")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(ms|s|min|h|)")
# PostgreSQL keeps its timeouts as milliseconds in 32 bits: 24 days.
_LONGEST = 2_147_483.0
_TIMESTAMP = re.compile(r"[0-9]{14}")
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")
_UNITS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0}


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


@dataclasses.dataclass(frozen=True)
class Page:
    """A declared list query: its filter columns, its order ("created_at desc"), the index that serves it."""

    name: str
    table: str
    order: tuple[str, ...]
    index: str
    filter: tuple[str, ...] = ()


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
    postgres: tuple[str, ...] = ("14", "15", "16", "17", "18")
    wait: Wait = Wait()
    locks: Locks = Locks()
    server: Server = Server()
    pages: tuple[Page, ...] = ()

    @property
    def home(self) -> Path:
        """Return the folder of what this project's commands remember: the dev server, logs, caches."""
        return self.root / ".schemata"

    @property
    def database(self) -> str:
        """Return the name of the development database."""
        return self.server.database or re.sub(r"[^a-z0-9_]+", "_", self.name.lower()).strip("_") or "app"


class InvalidSetting(errors.ConfigError):
    """A setting is unknown or has a value that cannot be."""

    def __init__(self, where: str, what: str, hint: str = "") -> None:
        super().__init__(f"{where}: {what}", hint)
        self.where = where


Converter = Callable[[Any, str], Any]


def seconds(value: Any, where: str) -> float:
    """Return a duration in seconds from a number or from text with a unit.

    >>> seconds("500ms", ""), seconds(2, "")
    (0.5, 2.0)
    """
    if isinstance(value, bool):
        raise InvalidSetting(where, f"{value!r} is not a duration")
    if isinstance(value, int | float) and 0 <= value <= _LONGEST:
        return float(value)
    match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if match:
        duration = float(match[1]) * _UNITS[match[2] or "s"]
        if duration <= _LONGEST:
            return duration
    raise InvalidSetting(where, f"{value!r} is not a duration", 'Write seconds, or text such as "500ms", "2s", "5min".')


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise InvalidSetting(where, f"{value!r} is not text", "Put it in quotes.")
    return value


def _name(value: Any, where: str) -> str:
    text = _text(value, where)
    if not _NAME.fullmatch(text) or len(text) > 63:
        raise InvalidSetting(where, f"{text!r} is not a name that PostgreSQL takes without quotes")
    return text


def _flag(value: Any, where: str) -> bool:
    word = str(value).lower() if isinstance(value, bool | str) else ""
    if word in _TRUE + _FALSE:
        return word in _TRUE
    raise InvalidSetting(where, f"{value!r} is neither true nor false")


def _count(least: int, most: int) -> Converter:
    def convert(value: Any, where: str) -> int:
        if isinstance(value, str) and value.strip().isdecimal() and len(value) < 12:
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise InvalidSetting(where, f"{value!r} is not a whole number from {least} to {most}")
        return value

    return convert


def _one_of(*words: str) -> Converter:
    def convert(value: Any, where: str) -> str:
        text = _text(value, where)
        if text not in words:
            raise InvalidSetting(where, f"{text!r} is not one of {', '.join(words)}", _suggest(text, words))
        return text

    return convert


def _list_of(each: Converter) -> Converter:
    def convert(value: Any, where: str) -> tuple[Any, ...]:
        if isinstance(value, str):
            value = [part.strip() for part in value.split(",") if part.strip()]
        if not isinstance(value, list):
            raise InvalidSetting(where, f"{value!r} is not a list")
        items = tuple(each(item, f"{where}[{number}]") for number, item in enumerate(value))
        repeated = [item for number, item in enumerate(items) if item in items[:number]]
        if repeated:
            raise InvalidSetting(where, f"{repeated[0]!r} stands twice")
        return items

    return convert


def _lock_timeout(value: Any, where: str) -> float:
    duration = seconds(value, where)
    if not 0.001 <= duration <= 60:
        hint = "Application queries queue behind waiting DDL for as long as this; 500ms to 2s is usual."
        raise InvalidSetting(where, f"{value!r} is not between 1ms and 60s", hint)
    return duration


def _search_path(value: Any, where: str) -> str:
    text = _text(value, where)
    return text if text == "{schema}" else str(_name(text, where))


def _accepts(value: Any, where: str) -> str:
    text = _text(value, where)
    low, dots, high = text.partition("..")
    if not dots or any(end and not _TIMESTAMP.fullmatch(end) for end in (low, high)) or (low and high and low > high):
        hint = 'Write "<from>..<to>" with times YYYYMMDDHHMMSS; an end may be left open: "20250814221815..".'
        raise InvalidSetting(where, f"{text!r} is not a range of revisions", hint)
    return text


def _settings(value: Any, where: str) -> dict[str, str]:
    if not isinstance(value, dict):
        raise InvalidSetting(where, f"{value!r} is not a table of PostgreSQL settings")
    result = {}
    for key, item in value.items():
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.]*", key) or not isinstance(item, str | int | float | bool):
            raise InvalidSetting(f"{where}.{key}", f"{item!r} is not a value of a PostgreSQL setting")
        result[key] = ("on" if item else "off") if isinstance(item, bool) else str(item)
    return result


_TOP: dict[str, Converter] = {
    "name": _text,
    "schemas": _list_of(_name),
    "migrations": _text,
    "history_schema": _name,
    "search_path": _list_of(_search_path),
    "out_of_order": _one_of("refuse", "allow"),
    "accepts": _accepts,
    "create_database": _flag,
    "prisma_lock": _flag,
    "postgres": _list_of(_text),
}
_SECTIONS: dict[str, tuple[type, dict[str, Converter]]] = {
    "wait": (Wait, {"attempts": _count(1, 100_000), "delay": seconds}),
    "locks": (
        Locks,
        {
            "wait": seconds,
            "lock_timeout": _lock_timeout,
            "statement_timeout": seconds,
            "attempts": _count(1, 10_000),
            "backoff": seconds,
            "backoff_cap": seconds,
        },
    ),
    "server": (
        Server,
        {
            "kind": _one_of("embedded", "external"),
            "version": _text,
            "database": _name,
            "port": _count(0, 65535),
            "unsafe": _flag,
            "settings": _settings,
        },
    ),
}
_PAGE: dict[str, Converter] = {
    "name": _text,
    "table": _text,
    "filter": _list_of(_name),
    "order": _list_of(_text),
    "index": _name,
}


def find_root(start: Path) -> Path:
    """Return the nearest folder at or above `start` whose pyproject.toml has `[tool.schemata]`."""
    for folder in (start, *start.parents):
        if (folder / FILE).is_file() and _table(folder / FILE) is not None:
            return folder
    raise errors.ConfigError(
        f"no pyproject.toml with [tool.schemata] in {start} or above it",
        'Go to the project, or add the table:\n\n    [tool.schemata]\n    schemas = ["app"]\n',
    )


def _table(path: Path) -> dict[str, Any] | None:
    try:
        with path.open("rb") as file:
            document = tomllib.load(file)
    except ValueError as error:  # TOMLDecodeError, UnicodeDecodeError: each says where
        raise errors.ConfigError(f"{path} is not TOML in UTF-8: {error}", "Mend that line.") from error
    except FileNotFoundError as error:
        raise errors.ConfigError(f"there is no {path}", "Go to the project, or correct SCHEMATA_ROOT.") from error
    except OSError as error:
        raise errors.ConfigError(f"{path} cannot be read: {error.strerror}", "Check its permissions.") from error
    tool = document.get("tool", {})
    table = tool.get("schemata") if isinstance(tool, dict) else None
    if table is not None and not isinstance(table, dict):
        raise InvalidSetting("[tool.schemata]", "is not a table")
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
    known = (*_TOP, *_SECTIONS, "pages")
    for key in table:
        if key not in known:
            raise InvalidSetting(f"[tool.schemata] {key}", "no such setting", _suggest(key, known))
    values: dict[str, Any] = {}
    for key, convert in _TOP.items():
        variable = f"SCHEMATA_{key.upper()}"
        if environ.get(variable):
            values[key] = convert(environ[variable], variable)
        elif key in table:
            values[key] = convert(table[key], f"[tool.schemata] {key}")
    for section, (kind, keys) in _SECTIONS.items():
        values[section] = _section(section, kind, keys, table.get(section, {}), environ)
    if not values.get("schemas"):
        raise InvalidSetting("[tool.schemata] schemas", "at least one schema is needed", 'schemas = ["app"]')
    history = values.get("history_schema", "schemata")
    if history in values["schemas"]:
        what = f"{history!r} is also one of the application's schemas"
        raise InvalidSetting("[tool.schemata] history_schema", what, "The history needs one of its own.")
    values["migrations"] = (root / values.get("migrations", "migrations")).absolute()
    values["pages"] = _pages(table.get("pages", []), values["schemas"])
    return Config(root=root, **values)


def _refuse_slips(environ: Mapping[str, str]) -> None:
    """Refuse a variable that is nearly one of ours: a slip that is ignored would be found too late."""
    known = {f"SCHEMATA_{key.upper()}" for key in _TOP} | set(_OTHER_VARIABLES)
    known |= {f"SCHEMATA_{name.upper()}_{key.upper()}" for name, (_, keys) in _SECTIONS.items() for key in keys}
    for variable in {name for name in environ if name.startswith("SCHEMATA_")} - known:
        if near := difflib.get_close_matches(variable, sorted(known), n=1, cutoff=0.85):
            raise InvalidSetting(variable, "no such variable", f"Did you mean {near[0]}?")


def _section(name: str, kind: type, keys: dict[str, Converter], table: Any, environ: Mapping[str, str]) -> Any:
    where = f"[tool.schemata.{name}]"
    if not isinstance(table, dict):
        raise InvalidSetting(where, "is not a table")
    for key in table:
        if key not in keys:
            raise InvalidSetting(f"{where} {key}", "no such setting", _suggest(key, keys))
    values = {}
    for key, convert in keys.items():
        variable = f"SCHEMATA_{name.upper()}_{key.upper()}"
        if key != "settings" and environ.get(variable):
            values[key] = convert(environ[variable], variable)
        elif key in table:
            values[key] = convert(table[key], f"{where} {key}")
    return kind(**values)


def _pages(tables: Any, schemas: tuple[str, ...]) -> tuple[Page, ...]:
    if not isinstance(tables, list):
        raise InvalidSetting("[[tool.schemata.pages]]", "is not an array of tables")
    result: list[Page] = []
    for number, table in enumerate(tables, start=1):
        where = f"[[tool.schemata.pages]] {number}"
        if not isinstance(table, dict):
            raise InvalidSetting(where, "is not a table")
        for key in table:
            if key not in _PAGE:
                raise InvalidSetting(f"{where} {key}", "no such setting", _suggest(key, _PAGE))
        for key in ("name", "table", "order", "index"):
            if key not in table:
                raise InvalidSetting(where, f"{key} is missing")
        values = {key: convert(table[key], f"{where} {key}") for key, convert in _PAGE.items() if key in table}
        schema, dot, relation = values["table"].partition(".")
        if not dot or schema not in schemas or not _NAME.fullmatch(relation):
            raise InvalidSetting(f"{where} table", f"{values['table']!r} is not a table of the schemas above")
        for item in values["order"]:
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_$]* (asc|desc)|[A-Za-z_][A-Za-z0-9_$]*", item):
                raise InvalidSetting(f"{where} order", f"{item!r} is not a column with asc or desc")
        if not values["order"]:
            raise InvalidSetting(f"{where} order", "at least one column is needed")
        if values["name"] in [page.name for page in result]:
            raise InvalidSetting(f"{where} name", f"{values['name']!r} stands twice")
        result.append(Page(**values))
    return tuple(result)


def _suggest(word: str, words: Any) -> str:
    near = difflib.get_close_matches(word, list(words), n=1)
    return f"Did you mean {near[0]}?" if near else f"Known: {', '.join(sorted(words))}."
