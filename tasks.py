"""The commands of this repository: the engine's and the platform's own. `inv --list` shows them."""

from typing import Any

from invoke import collection

from schemata import config, tasks

_URL = "The database (default: the dev server, else DATABASE_URL)."
_JSON = "Print JSON."


@tasks.task(
    name="Its name: who or what uses it.",
    scopes="What it may do, with commas: financial:read, financial:write, trading:read, trading:write.",
    expires="How long it is valid, such as 12h, 90d, 52w (default: until it is revoked).",
    user="The email of the user it acts for (default: a service account of its own).",
    url=_URL,
    json=_JSON,
)
def api_key_new(
    reporter: Any,
    name: str,
    scopes: str = "",
    expires: str = "",
    user: str = "",
    url: str | None = None,
    json: bool = False,
) -> Any:
    """Make an API key and show it, this once."""
    # Imported here, as in the other two: it loads psycopg, and every command goes through this file.
    from services.api_keys import commands

    return commands.new(config.load(), name, scopes=scopes, expires=expires, user=user, url=url or "")


@tasks.task(key="Its prefix or its name.", url=_URL, json=_JSON)
def api_key_revoke(reporter: Any, key: str, url: str | None = None, json: bool = False) -> Any:
    """End an API key; services refuse it within seconds."""
    from services.api_keys import commands

    return commands.revoke(config.load(), key, url=url or "")


@tasks.task(url=_URL, json=_JSON)
def api_key_list(reporter: Any, url: str | None = None, json: bool = False) -> Any:
    """Show the API keys: whose, what they may do, last use."""
    from services.api_keys import commands

    return commands.listed(config.load(), url=url or "")


ns = collection.Collection(*tasks.namespace.tasks.values(), api_key_new, api_key_revoke, api_key_list)

__all__ = ["ns"]
