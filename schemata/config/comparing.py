"""Reads what parity is told in the settings: the targets by name, and the differences that are to be ignored."""

import datetime
import re
from typing import Any

from schemata.config import declared, values


def variable(value: Any, where: str) -> str:
    """Return the name of an environment variable."""
    text = values.text_of(value, where)
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", text):
        # What was written is not shown: it may be a URL with its password.
        hint = 'Write url_env = "STAGING_DATABASE_URL" and set that variable; a URL does not belong in the file.'
        raise values.InvalidSetting(where, "it is not the name of an environment variable", hint)
    return text


def day(value: Any, where: str) -> datetime.date:
    """Return a date, written as TOML's own or as text."""
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return value
    try:
        return datetime.date.fromisoformat(values.text_of(value, where))
    except ValueError:
        raise values.InvalidSetting(where, f"{value!r} is not a date", 'Write "2026-12-31".') from None


_TARGET: dict[str, values.Converter] = {"url_env": variable, "title": values.text_of}
_IGNORE: dict[str, values.Converter] = {
    "target": values.text_of,
    "schema": values.text_of,
    "kind": values.text_of,
    "name": values.text_of,
    "fact": values.text_of,
    "reason": values.text_of,
    "until": day,
}


def targets(tables: Any) -> tuple[declared.Target, ...]:
    """Return the targets of `[tool.schemata.targets.NAME]`."""
    if not isinstance(tables, dict):
        raise values.InvalidSetting("[tool.schemata.targets]", "is not a table of targets")
    result = []
    for name, table in tables.items():
        where = f"[tool.schemata.targets.{name}]"
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,39}", name):
            hint = "Letters, digits, dashes and underscores; it is typed on the command line."
            raise values.InvalidSetting(where, f"{name!r} is not a valid name for a target", hint)
        if isinstance(table, dict) and "url" in table:
            hint = 'Write url_env = "STAGING_DATABASE_URL" and set that variable.'
            raise values.InvalidSetting(f"{where} url", "a URL with its password does not belong in the file", hint)
        result.append(declared.Target(name=name, **values.row(where, table, _TARGET, ("url_env",))))
    return tuple(result)


def ignores(tables: Any, known: tuple[declared.Target, ...]) -> tuple[declared.Ignore, ...]:
    """Return the rules of `[[tool.schemata.ignore]]`; each is for one of the known targets, or for all of them."""
    names = (*(target.name for target in known), declared.DEV)
    if not isinstance(tables, list):
        raise values.InvalidSetting("[[tool.schemata.ignore]]", "is not an array of tables")
    result = []
    for number, table in enumerate(tables, start=1):
        where = f"[[tool.schemata.ignore]] {number}"
        rule = declared.Ignore(**values.row(where, table, _IGNORE, ("reason",)))
        if not rule.reason.strip():
            raise values.InvalidSetting(f"{where} reason", "it is empty", "Say why the difference is to be ignored.")
        if not (rule.schema or rule.kind or rule.name or rule.fact):
            what = "it would ignore every difference"
            raise values.InvalidSetting(where, what, "Give at least one of schema, kind, name and fact.")
        if rule.target and rule.target not in names:
            what = f"{rule.target!r} is not one of the targets"
            raise values.InvalidSetting(f"{where} target", what, values.suggest(rule.target, names))
        result.append(rule)
    return tuple(result)
