"""Settings as they are written, turned into values: each converter takes what was written and where it stands.

What cannot be is an InvalidSetting that names the place; a word that is nearly right gets a suggestion.
"""

import difflib
import keyword
import os
import re
import shlex
import sys
from collections.abc import Callable
from typing import Any

from schemata import errors

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(ms|s|min|h|)")
# PostgreSQL keeps its timeouts as milliseconds in 32 bits: 24 days.
_LONGEST = 2_147_483.0
_TIMESTAMP = re.compile(r"[0-9]{14}")
# What the client itself and its generation import: a package of that name, first on the path, would hide it.
_IMPORTED = ("schemata", "sqlalchemy", "psycopg")
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")
_UNITS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0}


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


def text_of(value: Any, where: str) -> str:
    """Return text."""
    if not isinstance(value, str):
        raise InvalidSetting(where, f"{value!r} is not text", "Put it in quotes.")
    return value


def name_of(value: Any, where: str) -> str:
    """Return a name that PostgreSQL takes without quotes."""
    text = text_of(value, where)
    if not NAME.fullmatch(text) or len(text) > 63:
        raise InvalidSetting(
            where,
            f"{text!r} is not a name that PostgreSQL takes without quotes",
            "Write lower-case letters, digits and _, not a digit first, at most 63 characters. A schema that has "
            'another name is renamed first: ALTER SCHEMA "old-name" RENAME TO new_name.',
        )
    return text


def any_name_of(value: Any, where: str) -> str:
    """Return a name that is written in quotes where it is used: whatever PostgreSQL may call a thing."""
    text = text_of(value, where)
    if not text or "\0" in text or len(text.encode()) > 63:
        raise InvalidSetting(
            where, f"{text!r} is not a name of 1 to 63 bytes", "Write it as the catalog has it, without quotes."
        )
    return text


def table(value: Any, where: str) -> str:
    """Return a table's name with its schema in front."""
    text = text_of(value, where)
    schema, _, name = text.partition(".")
    if not schema or not name:
        raise InvalidSetting(where, f"{text!r} is not SCHEMA.TABLE", '"public.schema_migrations"')
    return text


def schema_of(value: Any, where: str) -> str:
    """Return the name of a schema that may be the application's: none of the system's."""
    text = name_of(value, where)
    if text.startswith("pg_") or text == "information_schema":
        raise InvalidSetting(where, f"{text!r} is a schema of the system's, in which no migration may make anything")
    return text


def extension(value: Any, where: str) -> str:
    """Return the name of an extension, as its control file has it."""
    text = text_of(value, where)
    if not re.fullmatch(r"[a-z][a-z0-9_-]{0,62}", text):
        raise InvalidSetting(where, f"{text!r} is not the name of an extension", 'Write one such as "uuid-ossp".')
    return text


def flag(value: Any, where: str) -> bool:
    """Return true or false."""
    word = str(value).lower() if isinstance(value, bool | str) else ""
    if word in _TRUE + _FALSE:
        return word in _TRUE
    raise InvalidSetting(where, f"{value!r} is neither true nor false", "Write one of them.")


def count(least: int, most: int) -> Converter:
    """Return a converter to a whole number from `least` to `most`."""

    def convert(value: Any, where: str) -> int:
        if isinstance(value, str) and value.strip().isdecimal() and len(value) < 12:
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise InvalidSetting(where, f"{value!r} is not a whole number from {least} to {most}")
        return value

    return convert


def one_of(*words: str) -> Converter:
    """Return a converter to one of these words."""

    def convert(value: Any, where: str) -> str:
        text = text_of(value, where)
        if text not in words:
            raise InvalidSetting(where, f"{text!r} is not one of {', '.join(words)}", suggest(text, words))
        return text

    return convert


def list_of(each: Converter) -> Converter:
    """Return a converter to a list, written as one or as text with commas; nothing in it may stand twice."""

    def convert(value: Any, where: str) -> tuple[Any, ...]:
        if isinstance(value, str):
            value = [part.strip() for part in value.split(",") if part.strip()]
        if not isinstance(value, list):
            raise InvalidSetting(where, f"{value!r} is not a list")
        items = tuple(each(item, f"{where}[{number}]") for number, item in enumerate(value))
        repeated = [item for number, item in enumerate(items) if item in items[:number]]
        if repeated:
            raise InvalidSetting(where, f"{repeated[0]!r} is listed twice")
        return items

    return convert


def lock_timeout(value: Any, where: str) -> float:
    """Return a duration that application queries can bear to wait."""
    duration = seconds(value, where)
    if not 0.001 <= duration <= 60:
        hint = "Application queries queue behind waiting DDL for as long as this; 500ms to 2s is usual."
        raise InvalidSetting(where, f"{value!r} is not between 1ms and 60s", hint)
    return duration


def search_path(value: Any, where: str) -> str:
    """Return a part of a search path: a name, or `{schema}`."""
    text = text_of(value, where)
    return text if text == "{schema}" else str(name_of(text, where))


def accepts(value: Any, where: str) -> str:
    """Return a range of revisions, "<from>..<to>"."""
    text = text_of(value, where)
    low, dots, high = text.partition("..")
    if not dots or any(end and not _TIMESTAMP.fullmatch(end) for end in (low, high)) or (low and high and low > high):
        hint = 'Write "<from>..<to>" with times YYYYMMDDHHMMSS; an end may be left open: "20250814221815..".'
        raise InvalidSetting(where, f"{text!r} is not a range of revisions", hint)
    return text


def timestamp(value: Any, where: str) -> str:
    """Return the time of a migration, or nothing."""
    text = text_of(value, where)
    if text and not _TIMESTAMP.fullmatch(text):
        raise InvalidSetting(
            where, f"{text!r} is not a time YYYYMMDDHHMMSS", "Write that of the last one to be left out."
        )
    return text


def level(value: Any, where: str) -> tuple[str, str]:
    """Return a rule of lint and how it counts, written as "rule=warning"."""
    name, _, word = text_of(value, where).partition("=")
    if word.strip() not in ("error", "warning", "note", "off") or not name.strip():
        hint = 'Write "rule=error", "rule=warning", "rule=note" or "rule=off".'
        raise InvalidSetting(where, f"{value!r} gives no rule a severity", hint)
    return name.strip(), word.strip()


def index_name(value: Any, where: str) -> str:
    """Return the pattern of the names of indexes, or nothing."""
    text = text_of(value, where)
    if text and ("{columns}" not in text or re.sub(r"\{(table|columns)\}|[A-Za-z0-9_$]", "", text)):
        hint = 'Write "idx_{table}_{columns}".'
        raise InvalidSetting(where, f"{text!r} is not a pattern with {{columns}}, and may be with {{table}}", hint)
    return text


def server_settings(value: Any, where: str) -> dict[str, str]:
    """Return settings of PostgreSQL as text."""
    if not isinstance(value, dict):
        raise InvalidSetting(where, f"{value!r} is not a table of PostgreSQL settings")
    result = {}
    for key, item in value.items():
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.]*", key) or not isinstance(item, str | int | float | bool):
            raise InvalidSetting(f"{where}.{key}", f"{item!r} is not a value of a PostgreSQL setting")
        result[key] = ("on" if item else "off") if isinstance(item, bool) else str(item)
    return result


def command(value: Any, where: str) -> tuple[str, ...]:
    """Return a command and its arguments, written as a list or as the words of a line."""
    if isinstance(value, str):
        value = shlex.split(value)
    if not isinstance(value, list) or not value or not all(isinstance(word, str) and word for word in value):
        raise InvalidSetting(where, f"{value!r} is not a command", 'Write ["python", "-m", "app"].')
    return tuple(value)


def package(value: Any, where: str) -> str:
    """Return a name for a Python package that hides no other one, or nothing."""
    text = text_of(value, where)
    if text and (not text.isidentifier() or keyword.iskeyword(text)):
        raise InvalidSetting(where, f"{text!r} is not a name that Python can import", "Write one such as app_client.")
    if text in sys.stdlib_module_names or text in _IMPORTED:
        what = f"{text!r} is a module that programs import already, and the typed client would hide it"
        raise InvalidSetting(where, what, f"Write another one, such as {text}_client.")
    return text


def inside(hint: str) -> Converter:
    """Return a converter of the path of a folder or file inside the project, relative to its root."""

    def convert(value: Any, where: str) -> str:
        text = text_of(value, where)
        if os.path.isabs(text) or os.path.normpath(text).split(os.sep)[0] == os.pardir:
            raise InvalidSetting(where, f"{text!r} is outside the project's folder", hint)
        return text

    return convert


def path(value: Any, where: str) -> str:
    """Return the path of a URL, or nothing."""
    text = text_of(value, where)
    if text and not re.fullmatch(r"/[A-Za-z0-9._~/-]*", text):
        raise InvalidSetting(where, f"{text!r} is not the path of a URL", 'Write "/ready".')
    return text


def suggest(word: str, words: Any) -> str:
    """Return "Did you mean …?", or the words that are known."""
    near = difflib.get_close_matches(word, list(words), n=1)
    return f"Did you mean {near[0]}?" if near else f"Known: {', '.join(sorted(words))}."


def row(where: str, table: Any, keys: dict[str, Converter], needed: tuple[str, ...]) -> dict[str, Any]:
    """Return the values of one table among several of a kind; what is left out is left out."""
    if not isinstance(table, dict):
        raise InvalidSetting(where, "is not a table")
    for key in table:
        if key not in keys:
            raise InvalidSetting(f"{where} {key}", "no such setting", suggest(key, keys))
    for key in needed:
        if key not in table:
            raise InvalidSetting(where, f"{key} is missing")
    return {key: convert(table[key], f"{where} {key}") for key, convert in keys.items() if key in table}
