"""The ledger of another tool, kept true while both migrate a database: a row for each of its migrations that ours runs.

Only migrations that came from the tool have one; what is written since is not known to it. The SQL is sent in the
transaction of our own record.
"""

import dataclasses
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence

from schemata import errors
from schemata.deploy.other_tool import origin
from schemata.history import ledgers
from schemata.migrations import migration
from schemata.postgres import queries

_SQL = queries.load("mirror", os.path.join(os.path.dirname(__file__), "queries"))
_FLYWAY = re.compile(r"(?:.*/)?(?:(?P<kind>[VB]?)(?P<version>\d[\d._]*?)|R)__(?P<title>.*)")
_APPLY = {
    "prisma": "apply of prisma",
    "flyway": "apply of flyway",
    "dbmate": "insert of a version",
    "supabase": "insert of a version",
    "diesel": "insert of a version",
    "goose": "apply of goose",
    "golang-migrate": "apply of golang-migrate",
    "sqlx": "apply of sqlx",
    "node-pg-migrate": "apply of node-pg-migrate",
}
_ROLLBACK = {
    "prisma": "rollback of prisma",
    "flyway": "rollback of flyway",
    "dbmate": "delete of a version",
    "supabase": "delete of a version",
    "diesel": "delete of a version",
    "goose": "rollback of goose",
    "golang-migrate": "rollback of golang-migrate",
    "sqlx": "rollback of sqlx",
    "node-pg-migrate": "rollback of node-pg-migrate",
}
#: Columns that only some releases of a tool have, with the query that fills them.
_COLUMNS = {
    "dbmate": ("checksum", "insert of a version with its checksum"),
    "supabase": ("name", "insert of a version with its name"),
}
_DIGITS = re.compile(r"\d+")


class NotMirrored(errors.Error):
    """The ledger of the other tool could not be written, so nothing was kept."""

    def __init__(self, migration_id: str, ledger: str, message: str) -> None:
        super().__init__(
            f"{migration_id} was rolled back, because {ledger} could not be written: {message}",
            f"The role needs SELECT, INSERT, UPDATE and DELETE on {ledger}. Without mirror = true in "
            "[tool.schemata.adoption] it is left alone, and the other tool would run the migration again.",
        )


@dataclasses.dataclass(frozen=True)
class Ledger:
    """Where a tool records in a database. `columns` is empty where its table is not there."""

    tool: str
    schema: str
    table: str
    columns: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """Return schema and table."""
        return f"{self.schema}.{self.table}"

    def apply(self, item: migration.Migration) -> str:
        """Return the SQL that says that a migration is applied; empty for one that is not from the tool."""
        values = self._values(item)
        if values is None:
            return ""
        column, other = _COLUMNS.get(self.tool, ("", ""))
        return self._fill(other if column in self.columns else _APPLY[self.tool], values)

    def rollback(self, item: migration.Migration, sources: Iterable[migration.Migration]) -> str:
        """Return the SQL that says that a migration is pending again; empty for one that is not from the tool.

        :param sources: all migrations, of which one is before it where the tool keeps nothing but the last.
        """
        values = self._values(item)
        if values is None:
            return ""
        if self.tool == "golang-migrate":
            others = [found["version"] for one in sources if (found := self._values(one))]
            before = [int(str(one)) for one in others if int(str(one)) < int(str(values["version"]))]
            values = {**values, "before": str(max(before)) if before else None}
        return self._fill(_ROLLBACK[self.tool], values)

    def _fill(self, name: str, values: Mapping[str, str | bool | None]) -> str:
        table = f"{queries.identifier(self.schema)}.{queries.identifier(self.table)}"
        return _SQL[name].format(table=table, **{key: queries.literal(value) for key, value in values.items()})

    def _values(self, item: migration.Migration) -> Mapping[str, str | bool | None] | None:
        source = origin.parse(item.directives.imported_from)
        return row(source) if source is not None and source.tool == self.tool else None


def row(source: origin.Origin) -> Mapping[str, str | bool | None] | None:
    """Return what a ledger says of a migration, told from its whole name; None where the name has no version."""
    checksum = source.checksum.partition(":")[2]
    if source.tool in ("prisma", "node-pg-migrate"):
        return {"name": source.name, "checksum": checksum}
    if source.tool == "flyway":
        match = _FLYWAY.fullmatch(source.name)
        if match is None:
            return None
        version = match["version"]
        return {
            "version": version.replace("_", ".").rstrip(".") if version else None,
            "title": match["title"].replace("_", " "),
            "kind": "SQL_BASELINE" if match["kind"] == "B" else "SQL",
            "script": f"{source.name}.sql",
            "checksum": checksum,
            "repeatable": not version,
        }
    version, _, rest = source.name.partition("_")
    if source.tool == "diesel":
        return {"version": version.replace("-", "")}
    digits = _DIGITS.match(source.name)
    if digits is None:
        return None
    title = rest if source.tool == "supabase" else rest.replace("_", " ")
    return {"version": digits[0], "title": title, "checksum": checksum}


def find(ask: queries.Ask, tool: str, table: str = "") -> Ledger:
    """Return the ledger of a tool in a database, or where it would be, with no columns. Reads only.

    Raises ConfigError where several are there and none is named.
    """
    kinds = [one for one in ledgers.KNOWN if one.tool == ledgers.ADOPTED[tool]]
    schema, _, named = table.partition(".")
    names = [named] if named else sorted({one.table for one in kinds})
    text = ask(_SQL["tables"].format(names=", ".join(map(queries.literal, names))))[0][0]
    found = []
    for place, name, columns in json.loads(str(text)):
        known = ledgers.recognise(place, name, columns)
        if (place == schema) if named else (known is not None and known.tool == ledgers.ADOPTED[tool]):
            found.append(Ledger(tool, place, name, frozenset(columns)))
    if len(found) > 1:
        raise errors.ConfigError(
            f"the database has {len(found)} ledgers of {ledgers.ADOPTED[tool]}: {_names(found)}",
            f'Say which one belongs to the migrations, in [tool.schemata.adoption]: ledger = "{found[0].name}"',
        )
    if found:
        return found[0]
    return Ledger(tool, schema or kinds[0].schema or "public", named or kinds[0].table)


def _names(found: Sequence[Ledger]) -> str:
    return ", ".join(one.name for one in found)
