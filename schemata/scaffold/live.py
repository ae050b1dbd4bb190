"""A live database as `init` finds it: its schemas, their structure, and what belongs to other tools."""

import dataclasses
import os
from collections.abc import Iterable
from pathlib import Path

from schemata import config, errors, targets
from schemata.config import values
from schemata.history import inventory, ledgers
from schemata.postgres import queries
from schemata.report import progress
from schemata.snapshot import model, taking

_SQL = queries.load("live", os.path.join(os.path.dirname(__file__), "queries"))


@dataclasses.dataclass(frozen=True)
class Live:
    """What was read of a database.

    :param schemas: those that become the project's. :param ledgers: tables in which other tools record what they
        applied, by (schema, table). :param left_out: relations that no baseline holds: those, and their sequences.
    """

    url: str
    target: str
    snapshot: model.Snapshot
    schemas: tuple[str, ...]
    ledgers: tuple[ledgers.ExistingLedger, ...]
    left_out: tuple[tuple[str, str], ...]

    def structure(self) -> model.Snapshot:
        """Return the structure that the baselines have to make: without the other tools' tables."""
        gone = {*self.left_out}
        chosen = self.snapshot.only(self.schemas)
        return dataclasses.replace(
            chosen,
            items=tuple(
                item
                for item in chosen.items
                if (item.schema, item.of) not in gone
                and not ((item.schema, item.name) in gone and item.kind in ("table", "sequence"))
            ),
        )


def _check_names(holding: Iterable[str]) -> None:
    """Refuse to take all schemas where the name of one cannot be that of a schema of a project."""
    good: list[str] = []
    bad: list[errors.ConfigError] = []
    for name in holding:
        try:
            good.append(values.schema_of(name, f'the schema "{name}" of the database cannot be one of the project'))
        except errors.ConfigError as error:
            bad.append(error)
    if bad:
        hint = f"Take the others: --schemas {','.join(good)}." if good else "Rename it in the database first."
        raise errors.ConfigError("\n".join(error.message for error in bad), f"{hint} Nothing was written.")


def read(url: str, wanted: tuple[str, ...], reporter: progress.Reporter) -> Live:
    """Return what a database holds. Reads only.

    :param wanted: the schemas; none stands for all that hold something. Raises ConfigError where one is not there.
    """
    # There are no settings yet: what is needed of them here is where the engine's own history would be.
    settings = config.parse({"schemas": ["public"], "server": {"kind": "external"}}, Path("/"), {})
    choice = targets.choose(settings, url)
    with targets.named(choice), targets.connect(choice) as connection:
        target = targets.describe(choice, connection)
        snapshot = taking.take(settings, choice, connection, None, reporter=reporter)
        found = inventory.look(connection.query, snapshot.schemas, settings.history_schema).tools
        tables = [(one.schema, one.table) for one in found]
        owned = []
        if tables:
            listed = ", ".join(f"({queries.literal(schema)}, {queries.literal(table)})" for schema, table in tables)
            rows = connection.query(_SQL["owned_sequences"].format(tables=listed))
            owned = [(str(row[0]), str(row[1])) for row in rows]
    left_out = (*tables, *owned)
    holding = dict.fromkeys(
        item.schema
        for item in snapshot.items
        if item.schema and item.kind not in ("schema", "grant") and (item.schema, item.name) not in left_out
        and (item.schema, item.of) not in left_out
    )  # fmt: skip
    absent = [schema for schema in wanted if schema not in snapshot.schemas]
    if absent:
        raise errors.ConfigError(
            f"the database has no schema {', '.join(absent)}; it has {', '.join(holding) or 'none with objects'}",
            "Name schemas that it has, or leave --schemas out. Nothing was written.",
        )
    if not wanted:
        _check_names(holding)
    schemas = wanted or tuple(holding)
    if not schemas:
        raise errors.ConfigError(
            "no schema of the database holds anything, so there is no structure to begin with",
            "Correct the URL, or leave --from-database out. Nothing was written.",
        )
    return Live(choice.url, target.describe(), snapshot, schemas, found, left_out)
