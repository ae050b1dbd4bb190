"""What the development database says of a table, and whether it understands what was typed. Leaves nothing there."""

import contextlib
import json
import os
from collections.abc import Iterator, Sequence

from schemata import errors
from schemata.changes.authoring import draft, expressions, names, table
from schemata.changes.authoring.families import pairing
from schemata.postgres import libpq, queries

_SQL = queries.load("table", os.path.join(os.path.dirname(__file__), "queries"))


@contextlib.contextmanager
def undone(connection: libpq.Connection) -> Iterator[None]:
    """Run questions in a transaction that is rolled back, with every name printed with its schema."""
    connection.query("BEGIN; SET LOCAL search_path = pg_catalog")
    try:
        yield
    finally:
        if not connection.closed:
            connection.query("ROLLBACK")


def server(connection: libpq.Connection) -> tuple[int, str]:
    """Return the major version and the role that asks."""
    ((version, user),) = connection.query(_SQL["server"])
    return int(str(version)) // 10000, str(user)


def read(connection: libpq.Connection, schema: str, name: str) -> table.Table:
    """Return a table. Raises ConfigError where there is none of that name."""
    where = {"schema": queries.literal(schema), "name": queries.literal(name)}
    rows = connection.query(_SQL["table"].format(**where))
    if rows:
        return table.of(json.loads(str(rows[0][0])))
    alike = [names.quoted(str(one[0]), str(one[1])) for one in connection.query(_SQL["similar"].format(**where))]
    raise errors.ConfigError(
        f"there is no table {names.quoted(schema, name)}",
        f"There is {' or '.join(alike)}." if alike else "Apply the migration that makes it first: inv migrate",
    )


def versions(connection: libpq.Connection, changed: table.Table) -> tuple[draft.Version, ...]:
    """Return the views of a table for versions of the application."""
    text = _SQL["versions"].format(
        schema=queries.literal(changed.schema),
        name=queries.literal(changed.name),
        oid=queries.literal(f"{names.quoted(changed.schema, changed.name)}") + "::regclass",
    )
    return tuple(
        draft.Version(
            one["schema"],
            one["definition"],
            one["owner"],
            tuple(one["options"]),
            tuple(tuple(row) for row in one["grants"] or ()),
            tuple(tuple(row) for row in one["usage"] or ()),
        )
        for one in json.loads(str(connection.query(text)[0][0]))
    )


def schemas(connection: libpq.Connection) -> frozenset[str]:
    """Return the schemas of the database."""
    return frozenset(str(row[0]) for row in connection.query(_SQL["schemas"]))


def statements(connection: libpq.Connection, name: str) -> tuple[str, ...]:
    """Return the texts of functions, and of statements where they are counted, in which a name comes."""
    literal = queries.literal(name)
    found = [str(row[0]) for row in connection.query(_SQL["statements"].format(name=literal))]
    for (extension,) in connection.query(_SQL["extension"]):
        # The view is there also where the server does not count.
        connection.query("SAVEPOINT counted")
        try:
            rows = connection.query(_SQL["counted"].format(extension=extension, name=literal))
            found += [str(row[0]) for row in rows]
        except libpq.QueryFailed:
            connection.query("ROLLBACK TO SAVEPOINT counted")
    return tuple(found)


def is_volatile(connection: libpq.Connection, expression: str) -> bool:
    """Tell whether an expression may have another value for each row."""
    called = ", ".join(queries.literal(name) for name in expressions.functions(expression))
    return bool(called) and connection.query(_SQL["volatile"].format(names=called))[0][0] == "true"


class Probe:
    """Asks the server whether it understands an expression over a table, and of which type it is."""

    def __init__(self, connection: libpq.Connection, changed: table.Table, search_path: str) -> None:
        self.connection = connection
        self.table = changed
        self.search_path = search_path

    def type(self, text: str) -> str:
        """Return a type as the server writes it, with its schema. Raises ConfigError where there is none."""
        return self._types(f"CREATE TEMPORARY TABLE pg_temp.typed (value {text}) ON COMMIT DROP", f"the type {text}")[0]

    def types(self, given: Sequence[str], flag: str) -> tuple[str, ...]:
        """Return the types of expressions over the table's rows."""
        listed = ", ".join(f"({text}) AS column_{number}" for number, text in enumerate(given))
        made = f"CREATE TEMPORARY TABLE pg_temp.typed ON COMMIT DROP AS SELECT {listed} FROM {self.table.sql} LIMIT 0"
        return self._types(made, flag)

    def assigns(self, expression: str, source: str, type_: str, flag: str) -> None:
        """Raise ConfigError unless an expression over `source` can be stored in a column of a type."""
        self._run(
            f"CREATE TEMPORARY TABLE pg_temp.typed (value {type_}) ON COMMIT DROP; "
            f"INSERT INTO pg_temp.typed SELECT ({expression}) FROM {source} LIMIT 0",
            flag,
        )

    def unfit(self, change: pairing.Dual) -> frozenset[str]:
        """Return the constraints and indexes of the old column that cannot be made over the new one's type."""
        (part,) = change.pair.parts
        made = (
            f"CREATE TEMPORARY TABLE pg_temp.typed (LIKE {self.table.sql}) ON COMMIT DROP; "
            f"ALTER TABLE pg_temp.typed ADD COLUMN {names.quoted(part.name)} {part.type}; "
        )
        tried = {}
        for one in self.table.constraints:
            if change.pair.old.name in one.columns and one.kind == "c":
                definition = expressions.constraint(one.definition, change.renamed)
                tried[one.name] = f"ALTER TABLE pg_temp.typed ADD CHECK {definition.partition('CHECK')[2]}"
            elif change.pair.old.name in one.columns and one.kind == "f":
                definition = expressions.constraint(one.definition, change.renamed)
                definition, referred = expressions.referring(definition, "pg_temp", "referred")
                copied = f"CREATE TEMPORARY TABLE pg_temp.referred (LIKE {referred} INCLUDING INDEXES) ON COMMIT DROP"
                tried[one.name] = f"{copied}; ALTER TABLE pg_temp.typed ADD {definition}"
        for index in self.table.indexes:
            if change.pair.old.name in index.columns:
                tried[index.name] = expressions.on(pairing.build(change, index, "tried"), "pg_temp", "typed")
        if default := pairing.new_default(change):
            tried[pairing.DEFAULT] = f"SELECT {default}"
        return frozenset(name for name, sql in tried.items() if not self._is_accepted(made + sql))

    def any(self, query: str) -> bool:
        """Tell whether a query has a row."""
        return self._run(f"SELECT EXISTS ({query})::text", "the rows that are there")[0][0] == "true"

    def _is_accepted(self, text: str) -> bool:
        try:
            self._run(text, "")
        except errors.ConfigError:
            return False
        return True

    def _types(self, made: str, flag: str) -> tuple[str, ...]:
        rows = self._run(
            f"{made}; SET LOCAL search_path = pg_catalog; SELECT format_type(atttypid, atttypmod) FROM pg_attribute "
            "WHERE attrelid = 'pg_temp.typed'::regclass AND attnum > 0 ORDER BY attnum",
            flag,
        )
        return tuple(str(row[0]) for row in rows)

    def _run(self, text: str, flag: str) -> list[tuple[str | None, ...]]:
        self.connection.query("SAVEPOINT probe")
        try:
            return self.connection.query(f"SET LOCAL search_path = {self.search_path}; {text}")
        except libpq.QueryFailed as failure:
            raise errors.ConfigError(
                f"{flag} is not understood by the server: {failure.message}",
                f"Names are looked for in {self.search_path}; write others with their schema.",
            ) from failure
        finally:
            self.connection.query("ROLLBACK TO SAVEPOINT probe")
