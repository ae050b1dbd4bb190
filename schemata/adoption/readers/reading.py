"""Read the folder of a tool, whichever it is."""

from collections.abc import Callable, Mapping
from pathlib import Path

from schemata import errors
from schemata.adoption import model, sources
from schemata.adoption.formats import versions
from schemata.adoption.readers import (
    alembic_sql,
    dbmate,
    diesel,
    drizzle,
    flyway,
    folder,
    golang_migrate,
    goose,
    node_pg_migrate,
    prisma,
    sqitch,
    sqlx,
    supabase,
)

_READERS: Mapping[str, Callable[[model.Tree], model.History]] = {
    "prisma": prisma.read,
    "flyway": flyway.read,
    "sqitch": sqitch.read,
    "dbmate": dbmate.read,
    "alembic-sql": alembic_sql.read,
    "goose": goose.read,
    "golang-migrate": golang_migrate.read,
    "diesel": diesel.read,
    "sqlx": sqlx.read,
    "drizzle": drizzle.read,
    "node-pg-migrate": node_pg_migrate.read,
    "supabase": supabase.read,
    "folder": folder.read,
}


def read(tool: str, path: Path, skip: Mapping[str, str] | None = None) -> model.History:
    """Return the migrations of a tool's folder in the tool's own order. Changes nothing.

    :param skip: what a person leaves out, by name or path, and why.

    Raises ConfigError for an unknown tool or folder, UnreadHistory for a folder that the tool itself would refuse or of
    which a part is not SQL and was not left out.
    """
    try:
        found = of_tree(tool, sources.load(path))
    except model.NothingThere as nothing:
        if other := sources.usual(tool, path):
            raise model.NothingThere(nothing.message, f"There is {other}: name that folder.") from nothing
        raise
    return model.without(found, skip or {})


def of_tree(tool: str, tree: model.Tree) -> model.History:
    """Return the migrations of files that were read already, those that cannot be read among them."""
    if tool not in _READERS:
        raise errors.ConfigError(f"there is no tool {tool!r}", f"Known are: {', '.join(model.TOOLS)}.")
    found = _READERS[tool](tree)
    # The tool would record both under one name, whatever it is that makes them one.
    named = [(script.name, script.path) for script in found.scripts]
    versions.refuse_twice(tool, tree, named)
    return found
