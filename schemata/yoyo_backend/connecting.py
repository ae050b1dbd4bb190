"""Where yoyo's URL leads, and by which settings."""

import dataclasses
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from schemata import config, errors

#: Settings of the URL that are ours, and none of libpq's.
_OWN = ("schema", "history_schema")


def libpq_url(uri: Any) -> str:
    """Return yoyo's URI as libpq reads it."""
    user = quote(uri.username, safe="") if uri.username else ""
    if uri.password:
        user += f":{quote(uri.password, safe='')}"
    host = f"[{uri.hostname}]" if ":" in (uri.hostname or "") else uri.hostname or ""
    port = f":{uri.port}" if uri.port else ""
    arguments = urlencode({key: value for key, value in uri.args.items() if key not in _OWN}, quote_via=quote)
    return f"postgresql://{user}{'@' if user else ''}{host}{port}/{quote(uri.database or '', safe='')}" + (
        f"?{arguments}" if arguments else ""
    )


def settings_of(uri: Any) -> config.Config:
    """Return the settings of the project around, or the defaults where yoyo is used without one."""
    settings = _of_the_project()
    if schema := uri.args.get("schema"):
        # Where unqualified names go, as with yoyo's own backend.
        settings = dataclasses.replace(settings, search_path=(schema, "pg_catalog"))
    if history := uri.args.get("history_schema"):
        settings = dataclasses.replace(settings, history_schema=history)
    return settings


def _of_the_project() -> config.Config:
    try:
        root = config.find_root(Path.cwd())
    except errors.ConfigError:
        return config.Config(root=Path.cwd())  # yoyo is used without a project of ours
    if "[tool.schemata" not in (root / config.FILE).read_text(encoding="utf-8"):
        return config.Config(root=root)
    return config.load()
