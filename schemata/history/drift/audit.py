"""The audit of DDL, where it is installed: who changed which object, and when. Its SQL, and how it is read."""

import dataclasses
import json
import os
from collections.abc import Sequence

from schemata.history.drift import noted
from schemata.postgres import libpq, queries

_SQL = queries.load("audit", os.path.join(os.path.dirname(os.path.dirname(__file__)), "queries"))
#: What is kept: so many days, and so many rows.
DAYS, ROWS = 90, 10_000
_MOST_EACH = 3
_FIELDS = tuple(field.name for field in dataclasses.fields(noted.Entry))


@dataclasses.dataclass(frozen=True)
class State:
    """Whether a database has a history, the audit's table, and its event triggers."""

    history: bool
    table: bool
    triggers: bool


def _fill(name: str, history: str, **values: str | int | bool) -> str:
    return _SQL[name].format(
        history=queries.identifier(history),
        schema=queries.literal(history),
        **{key: queries.literal(value) for key, value in values.items()},
    )


def install(history: str) -> str:
    """Return the SQL that makes the audit, or makes it again as it has to be; what it has noted stays."""
    return f"BEGIN; {_fill('install', history)}; COMMIT"


def remove(history: str) -> str:
    """Return the SQL that removes the audit and what it has noted."""
    return f"BEGIN; {_fill('remove', history)}; COMMIT"


def prune(history: str) -> str:
    """Return the SQL that forgets what is too old or too much."""
    return _fill("prune", history, days=DAYS, rows=ROWS)


def state(ask: queries.Ask, history: str) -> State:
    """Return what there is of the audit."""
    name = queries.identifier(history)
    row = ask(_fill("state", history, head=f"{name}.head", table=f"{name}.ddl_audit"))[0]
    return State(row[0] == "true", row[1] == "true", row[2] == "2")


def entries(ask: queries.Ask, history: str, most: int) -> tuple[noted.Entry, ...]:
    """Return the last entries, the last first."""
    return _entries(ask, _fill("entries", history, each=False, others=False, schemas="[]", most=most))


def others(ask: queries.Ask, history: str, schemas: Sequence[str]) -> dict[str, tuple[noted.Entry, ...]]:
    """Return the last entries of each schema that are of no deploy; "" stands for the database's own objects.

    Of a GRANT the server does not say what it is on, so it may be of any schema. Nothing where there is no audit, or
    where this role may not read it.
    """
    asked = json.dumps(list({*schemas, ""}))
    query = _fill("entries", history, each=True, others=True, schemas=asked, most=_MOST_EACH)
    found: dict[str, list[noted.Entry]] = {}
    try:
        if not schemas or not state(ask, history).table:
            return {}
        for entry in _entries(ask, query):
            found.setdefault(entry.schema, []).append(entry)
    except Exception as failure:
        # Both drivers' refusals carry an SQLSTATE. What is only a help does not stop what it was to help.
        if isinstance(failure, libpq.ConnectionLost) or not getattr(failure, "sqlstate", ""):
            raise
        return {}
    of_any = [entry for entry in found.get("", []) if not entry.identity]
    merged = {name: [*found.get(name, []), *(of_any if name else [])] for name in schemas}
    latest = {name: sorted(some, key=lambda entry: entry.at, reverse=True) for name, some in merged.items()}
    return {name: tuple(some[:_MOST_EACH]) for name, some in latest.items() if some}


def _entries(ask: queries.Ask, query: str) -> tuple[noted.Entry, ...]:
    found = json.loads(str(ask(query)[0][0]))
    return tuple(noted.Entry(**dict(zip(_FIELDS, row, strict=True))) for row in found)
