"""A database that holds objects although no migration is recorded: what is there, and what a person has to decide.

To run the migrations from the first one on such a database may destroy what it holds: a first file that begins with
DROP TABLE IF EXISTS does. So nobody does it without being told to.
"""

import contextlib
import dataclasses
import re
from collections.abc import Iterator, Sequence

from schemata import errors
from schemata.history import comparison, ledgers, recorded
from schemata.migrations import migration
from schemata.sql import destructive, statement

_MANY = {
    "table": "tables",
    "foreign table": "foreign tables",
    "view": "views",
    "materialized view": "materialized views",
    "sequence": "sequences",
    "type": "types",
    "function": "functions",
}


_DESTROYING = re.compile(r"\b(?:drop|truncate|delete)\b", re.IGNORECASE)
_OF_TABLES = frozenset(("drop table", "truncate", "delete"))


@dataclasses.dataclass(frozen=True)
class Objects:
    """The objects of one kind in one schema: how many, and the first of them by name."""

    schema: str
    kind: str
    count: int
    names: tuple[str, ...]

    def describe(self) -> str:
        """Return it in words.

        >>> Objects("app", "table", 7, ("a", "b", "c", "d", "e")).describe()
        '7 tables (a, b, c, d, e, …)'
        """
        more = ", …" if self.count > len(self.names) else ""
        return f"{self.count} {self.kind if self.count == 1 else _MANY[self.kind]} ({', '.join(self.names)}{more})"


@dataclasses.dataclass(frozen=True)
class Existing:
    """What the schemas of a project hold that belongs to no extension, and the ledgers of other tools."""

    objects: tuple[Objects, ...] = ()
    tools: tuple[ledgers.ExistingLedger, ...] = ()

    def of(self, schemas: Sequence[str]) -> "Existing":
        """Return what of it lies in these schemas."""
        return dataclasses.replace(self, objects=tuple(item for item in self.objects if item.schema in schemas))


@dataclasses.dataclass(frozen=True)
class Outside:
    """What lies outside the schemas of the project: whole schemas, and tables by schema and name."""

    schemas: frozenset[str] = frozenset()
    tables: frozenset[tuple[str, str]] = frozenset()


def schemas_to_look_at(
    history: recorded.Recorded, sources: Sequence[migration.Migration], schemas: Sequence[str]
) -> tuple[str, ...]:
    """Return the schemas whose objects would be somebody else's: nothing of them is recorded, and something would run.

    On a database without a record these are all schemas of the project; later those that get their first migration,
    unless an applied migration of another schema names them: what is there may be its work.

    A non-transactional migration that was interrupted left an attempt, committed before its first statement: what
    is there may be its work, and going on with it has rules of its own.
    """
    begun = {
        attempt.id.partition(".")[0]
        for attempt in history.open_attempts
        if attempt.direction == "apply" and (attempt.statements_done or attempt.state != "failed")
    }
    if history.lost or not sources:
        return ()
    if not history.records:
        return () if begun else tuple(schemas)
    known = history.ids() | {record.id for record in history.squashed}
    begun |= {id_.partition(".")[0] for id_ in known}
    applied = [item.sql for item in sources if item.id in known]
    first = {item.schema for item in sources} - begun
    return tuple(
        schema
        for schema in schemas
        if schema in first and not any(re.search(rf"\b{re.escape(schema)}\b", text) for text in applied)
    )


def destroyed_outside(sources: Sequence[migration.Migration], schemas: Sequence[str]) -> Outside:
    """Return what the files would destroy outside the schemas of the project.

    On a database without a record it cannot be what the files made. What DO and functions do is not seen.
    """
    whole, tables = set(), set()
    for item in sources:
        if item.is_python or item.not_run or not _DESTROYING.search(item.sql):
            continue
        # What the parser does not understand is refused by the server.
        with contextlib.suppress(statement.SyntaxProblem):
            found = statement.find(item.sql, frozenset(("drop", "truncate", "delete", "with")), _DESTROYING)
            for loss in destructive.destroys(found):
                if loss.kind == "drop schema":
                    whole.add(loss.name)
                elif loss.kind in _OF_TABLES and loss.schema:
                    tables.add((loss.schema, loss.name))
    return Outside(frozenset(whole.difference(schemas)), frozenset(pair for pair in tables if pair[0] not in schemas))


def finding(
    existing: Existing, history: recorded.Recorded, *, accepted: bool, sources: Sequence[migration.Migration]
) -> tuple[comparison.Finding, ...]:
    """Return the finding about these objects; none where there are none.

    :param accepted: somebody said `--on-existing-objects`, so it is a note.
    :param sources: the migrations of this build; the command to type names the last one of what holds objects.
    """
    if not existing.objects:
        return ()
    held = sorted({item.schema for item in existing.objects})
    last = [item.id for item in sources if not history.records or item.schema in held][-1]
    what = "the schemas hold objects, but no migration is recorded"
    why = "so the migrations would run from the first one, and may destroy those objects"
    if history.records:
        which = f"schema {held[0]} holds" if len(held) == 1 else f"schemas {', '.join(held)} hold"
        what = f"{which} objects, but none of {'its' if len(held) == 1 else 'their'} migrations is recorded"
        why = "so they would run from the first one, and may destroy those objects"
    elif history.rolled_back:
        why = (
            f"so the migrations would run from the first one. {history.rolled_back} were applied and rolled back: "
            "the objects were left by their rollbacks, or are not theirs"
        )
    remedy = (
        "If the migrations made these objects, record that: inv migrate-baseline --through ID, where ID is the last "
        f"migration whose objects exist (the last one of this build is {last}).\n"
        "  If the migrations are to run all the same, which may destroy the objects: "
        "inv migrate --on-existing-objects\n"
        "  Otherwise this may be the wrong database: compare the target above."
    )
    return (
        comparison.Finding(
            "existing-objects",
            "",
            "database",
            what
            + ("; --on-existing-objects was given, so the migrations run all the same" if accepted else f", {why}"),
            "" if accepted else remedy,
            errors.DONE if accepted else errors.NEEDS_PERSON,
            detail="\n".join(_lines(existing)),
        ),
    )


def describe(objects: Sequence[Objects]) -> list[str]:
    """Return one line a schema."""
    by_schema: dict[str, list[Objects]] = {}
    for item in objects:
        by_schema.setdefault(item.schema, []).append(item)
    return [f"{schema}: {', '.join(item.describe() for item in items)}" for schema, items in by_schema.items()]


def _lines(existing: Existing) -> Iterator[str]:
    for line in describe(existing.objects):
        yield f"  {line}"
    for ledger in existing.tools:
        owner = "this program's" if ledger.tool == ledgers.OURS else "another tool's"
        yield f"  {owner} record: {ledger.describe()}"
