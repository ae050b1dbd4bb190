"""What the server's catalog says: schemas, broken indexes, locks. Reads only."""

import json
from collections.abc import Sequence

from schemata.postgres import lock_holder, queries

_SERVER = queries.load("server")
_STRUCTURE = queries.load("structure")


def _in(schemas: Sequence[str]) -> str:
    return ", ".join(queries.literal(name) for name in schemas)


def missing_schemas(ask: queries.Ask, schemas: Sequence[str]) -> list[str]:
    """Return the schemas that do not exist yet."""
    found: list[str] = json.loads(str(ask(_SERVER["missing_schemas"].format(schemas=_in(schemas)))[0][0]))
    return found


def invalid_indexes(
    ask: queries.Ask, schemas: Sequence[str]
) -> list[tuple[str, str, str, bool, int | None, str | None]]:
    """Return (schema, index, table, ready, pid that builds it now or None, its phase) of unusable indexes."""
    rows = json.loads(str(ask(_SERVER["invalid_indexes"].format(schemas=_in(schemas)))[0][0]))
    return [(row[0], row[1], row[2], row[3], row[4], row[5]) for row in rows]


def unvalidated_constraints(ask: queries.Ask, schemas: Sequence[str]) -> list[tuple[str, str, str]]:
    """Return (schema, table, constraint) of what was added NOT VALID and never validated."""
    rows = json.loads(str(ask(_SERVER["unvalidated_constraints"].format(schemas=_in(schemas)))[0][0]))
    return [(row[0], row[1], row[2]) for row in rows]


def structure_mark(ask: queries.Ask, schemas: Sequence[str]) -> str:
    """Return a mark that stays the same only while no row of the structure's catalog changes. Quick."""
    return str(ask(_STRUCTURE["mark"].format(schemas=_in(schemas)))[0][0])


def deployer(ask: queries.Ask, history: str) -> str:
    """Return the role that deploys: the owner of the history's schema, else that of the database."""
    return str(ask(_SERVER["deployer"].format(history=queries.literal(history)))[0][0])


def target(ask: queries.Ask) -> tuple[str, str, str]:
    """Return (database, user, server version)."""
    found = json.loads(str(ask(_SERVER["target"])[0][0]))
    return found[0], found[1], found[4]


def holders(ask: queries.Ask, key: int = lock_holder.KEY) -> list[lock_holder.Holder]:
    """Return the sessions that hold an advisory lock, with what our role may see of them."""
    text = ask(_SERVER["holders"].format(key=key, key_high=key >> 32, key_low=key & 0xFFFFFFFF))[0][0]
    return [lock_holder.Holder(**item) for item in json.loads(str(text))]


def lock_waiters(ask: queries.Ask) -> list[lock_holder.Holder]:
    """Return the sessions that wait for an advisory lock of the one that asks."""
    return [lock_holder.Holder(**item) for item in json.loads(str(ask(_SERVER["lock_waiters"])[0][0]))]


def index_parents(ask: queries.Ask, schemas: Sequence[str]) -> dict[str, str]:
    """Return, for each index of a partition, the index of the partitioned table that it belongs to."""
    found: dict[str, str] = json.loads(str(ask(_SERVER["index_parents"].format(schemas=_in(schemas)))[0][0]))
    return found
