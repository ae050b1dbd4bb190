"""The SQL of what the history knows of changes beside which of their migrations are applied."""

import json
import os
from collections.abc import Collection

from schemata.postgres import queries

_SQL = queries.load("phases", os.path.join(os.path.dirname(os.path.dirname(__file__)), "queries"))


def fill(name: str, history: str, **values: str | float) -> str:
    """Return one of the queries with its values in their places."""
    return _SQL[name].format(
        history=queries.identifier(history), **{key: queries.literal(value) for key, value in values.items()}
    )


def create(history: str) -> str:
    """Return the SQL that makes the table where it is missing."""
    return _SQL["create"].format(history=queries.identifier(history), schema=queries.literal(history))


def exists(ask: queries.Ask, history: str) -> bool:
    """Tell whether there is the table."""
    return ask(_SQL["exists"].format(schema=queries.literal(history)))[0][0] == "true"


def straight(history: str, changes: Collection[str]) -> str:
    """Return the SQL that notes changes which go straight through."""
    noted = fill("straight", history, changes=json.dumps(sorted(changes)))
    return f"{create(history)}; {noted}"


def keep(history: str, change: str, seconds: float) -> str:
    """Return the SQL that keeps what the contract of a change has set aside for so many seconds."""
    kept = fill("keep", history, change=change, seconds=seconds)
    return f"{create(history)}; {kept}"


def forget(history: str, change: str) -> str:
    """Return the SQL that ends what is known of a change."""
    forgotten = fill("forget", history, change=change)
    return f"{create(history)}; {forgotten}"


def ask_to_stop(history: str) -> str:
    """Return the SQL after which builds that lack the newest migrations are not ready."""
    return fill("ask_to_stop", history)


def let_go_on(history: str, compatible: str, digest: str) -> str:
    """Return the SQL that takes `ask_to_stop` back, unless the history has moved on from this digest."""
    return fill("let_go_on", history, compatible=compatible, digest=digest)
