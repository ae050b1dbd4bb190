"""What a database holds for a backup: asked in one snapshot, which pg_dump reads as well."""

import contextlib
import dataclasses
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from schemata import config, errors
from schemata.backups import manifest
from schemata.history import tables
from schemata.postgres import libpq, queries, waiting

_SQL = queries.load("backups", os.path.join(os.path.dirname(__file__), "queries"))
_HAS_TRANSACTION_TIMEOUT = 170000


class BackupFailed(errors.Error):
    """A backup was not taken, and nothing is left of it; the database is as it was."""


@dataclasses.dataclass(frozen=True)
class Table:
    """A table of its own rows, with its columns by name."""

    schema: str
    name: str
    columns: tuple[str, ...]

    @property
    def key(self) -> str:
        """Return how manifests name it."""
        return f"{self.schema}.{self.name}"


@dataclasses.dataclass(frozen=True)
class Contents:
    """What is dumped: the snapshot's name, facts of the database, schemas with all that they need, their tables."""

    snapshot: str
    facts: Mapping[str, Any]
    schemas: tuple[str, ...]
    size: int
    tables: tuple[Table, ...]
    roles: tuple[str, ...]
    extensions: tuple[manifest.Extension, ...]
    beneath: tuple[manifest.Beneath, ...]
    outside: tuple[manifest.Outside, ...]
    head: str
    digest: str
    warnings: tuple[str, ...]


def names(words: Sequence[str]) -> str:
    """Return a list for SQL; of none, one that nothing is in."""
    return ", ".join(queries.literal(word) for word in words) or "NULL"


def ask(question: queries.Ask, name: str, **values: str) -> Any:
    """Return the answer to a question of `queries/backups.sql`, which is JSON."""
    return json.loads(str(question(_SQL[name].format(**values))[0][0]))


def held(question: queries.Ask, schemas: Sequence[str]) -> tuple[str, ...]:
    """Return which of the schemas hold something that a backup would keep."""
    return tuple(ask(question, "held", schemas=names(schemas)))


def source(connection: libpq.Connection, database: str) -> str:
    """Return how manifests name a database: by its server and its name, without who asked."""
    return f"{connection.host}:{connection.port}/{database}"


@contextlib.contextmanager
def connected(url: str) -> Iterator[libpq.Connection]:
    """Connect for what a backup asks: each value reads the same everywhere, and no limit of the role applies."""
    with waiting.connect(url, application_name="schemata backup", accept_standby=True) as connection:
        connection.query(_SQL["settings"])
        if connection.server_version >= _HAS_TRANSACTION_TIMEOUT:
            connection.query("SET transaction_timeout = 0")
        yield connection


def read(connection: libpq.Connection, settings: config.Config, wanted: Sequence[str]) -> Contents:
    """Begin a snapshot and return what it holds of these schemas, of those that they need, and of the history.

    The connection keeps the snapshot until it is closed. Raises BackupFailed where there is nothing to back up, or a
    table stays locked.
    """
    try:
        return _read(connection, settings, wanted)
    except libpq.QueryFailed as failure:
        raise BackupFailed(
            f"no backup was taken, because the database could not be asked what it holds: {failure.message}",
            "Where a table is locked, run again when the session that holds it is done.",
        ) from failure


def _read(connection: libpq.Connection, settings: config.Config, wanted: Sequence[str]) -> Contents:
    snapshot = str(connection.query(_SQL["begin"])[0][0])
    question = connection.query
    chosen = sorted({*held(question, [*wanted, settings.history_schema])})
    if not set(chosen) - {settings.history_schema}:
        raise BackupFailed(
            f"the schemas {', '.join(wanted)} hold no table, so there is nothing to back up", "inv migrate-status"
        )
    while needed := ask(question, "needed", schemas=names(chosen)):
        chosen = sorted({*chosen, *needed})
    listed = names(chosen)
    found = ask(question, "tables", schemas=listed)
    head, digest, warnings = _history(connection, settings)
    return Contents(
        snapshot,
        ask(question, "facts"),
        tuple(chosen),
        found["size"],
        tuple(Table(schema, name, tuple(columns)) for schema, name, columns in found["tables"]),
        tuple(ask(question, "roles", schemas=listed)),
        tuple(manifest.Extension(**one) for one in ask(question, "extensions")),
        tuple(manifest.Beneath(**one) for one in ask(question, "beneath")),
        tuple(manifest.Outside(**one) for one in ask(question, "outside", schemas=listed)),
        head,
        digest,
        warnings,
    )


def _history(connection: libpq.Connection, settings: config.Config) -> tuple[str, str, tuple[str, ...]]:
    """Return the last migration and the digest; a history that cannot be read is backed up all the same."""
    connection.query("SAVEPOINT history")
    try:
        found = tables.History(settings.history_schema).read(connection.query)
        return found.head.last_id or "", found.head.digest, ()
    except errors.Error as problem:
        connection.query("ROLLBACK TO SAVEPOINT history")
        return "", "", (f"the history could not be read: {problem.message}",)


def fingerprints(
    connection: libpq.Connection, wanted: Sequence[Table], meanwhile: Callable[[], None] = lambda: None
) -> dict[str, manifest.Fingerprint]:
    """Return the fingerprint of each table, as this connection sees its rows; `meanwhile` is called between two."""
    result = {}
    for table in wanted:
        columns = ", ".join(f"t.{queries.identifier(name)}" for name in table.columns)
        sql = _SQL["fingerprint"].format(
            columns=columns, table=f"{queries.identifier(table.schema)}.{queries.identifier(table.name)}"
        )
        rows, hashes = connection.query(sql)[0]
        result[table.key] = manifest.Fingerprint(int(str(rows)), str(hashes))
        meanwhile()
    return result


def of_database(
    url: str, schemas: Sequence[str], meanwhile: Callable[[], None] = lambda: None
) -> dict[str, manifest.Fingerprint]:
    """Return the fingerprints of all tables of these schemas in a database that nobody writes to."""
    with connected(url) as connection:
        found = ask(connection.query, "tables", schemas=names(schemas))
        wanted = [Table(schema, name, tuple(columns)) for schema, name, columns in found["tables"]]
        return fingerprints(connection, wanted, meanwhile)


def missing_roles(question: queries.Ask, roles: Sequence[str]) -> tuple[str, ...]:
    """Return which of the roles the server does not have."""
    return tuple(ask(question, "missing_roles", roles=names(roles) if roles else ""))


def objects(question: queries.Ask) -> tuple[str, ...]:
    """Return the tables, views and sequences of a database; empty where something can be restored into it."""
    return tuple(ask(question, "objects"))


def forget(connection: libpq.Connection, history: str, schemas: Sequence[str]) -> None:
    """Leave of a restored history only what is about these schemas, in one transaction."""
    quoted, listed = queries.identifier(history), names(schemas)
    parts = [_SQL["forget"].format(history=quoted, schemas=listed)]
    for table in ask(connection.query, "later", history=queries.literal(history)):
        column = "split_part(migration_id, '.', 1)" if table == "squashed" else "schema_name"
        parts.append(_SQL["forget_later"].format(history=quoted, table=table, schema=column, schemas=listed))
    connection.query("BEGIN; " + ";\n".join(parts))
    kept = tables.History(history)
    connection.query(kept.repair_head(kept.read(connection.query)) + "; COMMIT")


def version(question: queries.Ask) -> str:
    """Return the server's version, such as "18.6"."""
    return str(question("SHOW server_version")[0][0]).partition(" ")[0]
