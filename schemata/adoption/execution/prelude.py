"""A migration that makes what adopted ones expect, because somebody else made it beforehand: extensions."""

import datetime
from collections.abc import Sequence

from schemata.adoption import conversion
from schemata.postgres import quoting

_TITLE = "-- Extensions that the migrations adopted from "
_FORMAT = "%Y%m%d%H%M%S"


def id_of(items: Sequence[conversion.Converted]) -> str:
    """Return the id of the one that comes just before the first of these."""
    schema, time, _ = items[0].id.split(".", 2)
    before = datetime.datetime.strptime(time, _FORMAT) - datetime.timedelta(seconds=1)
    return f"{schema}.{before.strftime(_FORMAT)}.extensions"


def path(items: Sequence[conversion.Converted]) -> str:
    """Return its path below the folder of migrations."""
    id_ = id_of(items)
    return f"{id_.partition('.')[0]}/{id_}.sql"


def text(tool: str, extensions: Sequence[str]) -> str:
    """Return its text."""
    lines = [
        f"{_TITLE}{tool} expect, and that somebody made before them.",
        "-- irreversible: what uses them may not be of these migrations",
        "",
        *(f"CREATE EXTENSION IF NOT EXISTS {quoting.identifier(name)};" for name in extensions),
    ]
    return "\n".join(lines) + "\n"


def is_one(sql: str) -> bool:
    """Tell whether a migration is one that adoption wrote for extensions."""
    return sql.startswith(_TITLE)
