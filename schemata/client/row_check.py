"""Write and read a row of each relation through a generated client, in temporary tables that are rolled back.

Only the process of check.py imports this: it loads SQLAlchemy. A temporary table has the relation's columns and
types and nothing else of it, so no privilege on the relation is needed, none of its triggers or sequences runs, and
nobody waits for it.
"""

import contextlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy
from sqlalchemy import event, exc, orm

from schemata.postgres import failures, queries, waiting

_TEMPORARY = "pg_temp"
# pg_temp is named, and last: else a temporary table that is called `text` would be what a cast to text means.
_SETTINGS = (
    "SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = '60s'; SET LOCAL search_path = pg_catalog, pg_temp"
)
Table = Mapping[str, Any]
_Problems = list[dict[str, str]]


_TOGETHER = 20  # tables in one transaction: each needs a few locks, and a server has 64 a connection by default
_ENOUGH = 20  # broken tables: more of them say nothing new


class _Broken(Exception):
    """A row does not come back as it was."""


class _Refused(Exception):
    """The server does not let this role make the temporary table, which says nothing of the client."""


def check(order: Mapping[str, Any]) -> tuple[str, _Problems]:
    """Try each table of the order; return what could not be tried and why, and what is broken."""
    engine = _engine(order["conninfo"])
    tables = [table for table in order["tables"] if table["columns"]]
    problems: _Problems = []
    refused: list[str] = []
    try:
        with _login(engine) as connection:
            why = _why_not(connection)
            connection.rollback()
            # Of the connection, so that what a flush does sees it as well.
            connection.execution_options(schema_translate_map={table["schema"]: _TEMPORARY for table in tables})
            checks = [_RowCheck(connection, order["package"], table) for table in tables]
            for at in range(0, 0 if why else len(checks), _TOGETHER):
                some = checks[at : at + _TOGETHER]
                # Nearly always all of them are well. Where one is not, each by itself, so that it is known which.
                if _all_well(connection, some):
                    continue
                for one in some:
                    try:
                        problems += one.run()
                    except _Refused as error:
                        refused.append(f"{one.where}: {error}")
                if len(problems) >= _ENOUGH:
                    break
    except exc.DBAPIError as error:
        why = _first_line(error.orig)
    finally:
        engine.dispose()
    if why:
        return f"no row was written and read with it as a test: {why}", problems
    if refused:
        return f"the rows of {len(refused)} of {len(tables)} tables were not tried ({refused[0]})", problems
    return "", problems


def _all_well(connection: sqlalchemy.Connection, checks: Sequence["_RowCheck"]) -> bool:
    """Try several relations in one transaction and as few messages as can be; tell whether each row came back.

    A No says only that each has to be tried by itself, as `_RowCheck.run` does.
    """
    try:
        if len({one.name for one in checks}) < len(checks):
            return False
        _choose(connection, checks)
        with orm.Session(connection, autoflush=False) as session:
            _execute(session.connection(), "; ".join([_SETTINGS, *(one.made() for one in checks)]))
            values = [one.read(session) for one in checks]
            session.expunge_all()
            # Statements first, and then the flush that writes the rows of all mapped classes at once.
            for one, row in zip(checks, values, strict=True):
                one.write(session, row)
            session.flush()
            same = " AND ".join(one.same(row) for one, row in zip(checks, values, strict=True))
            return bool(_execute(session.connection(), f"SELECT {same}").scalar_one())
    except Exception:  # noqa: BLE001 - whatever it is, the check of each alone will tell
        connection.rollback()
        return False


def _choose(connection: sqlalchemy.Connection, checks: Sequence["_RowCheck"]) -> None:
    """Find samples that the server takes for several relations: nearly always it takes the likeliest ones of all."""
    guesses = [one.guess() for one in checks if not one.chosen]
    if _accepts(connection, "; ".join(filter(None, guesses))):
        for one in checks:
            one.chosen = True
    for one in checks:
        one.choose()


def _accepts(connection: sqlalchemy.Connection, sql: str) -> bool:
    if not sql:
        return True
    try:
        _execute(connection, f"{_SETTINGS}; {sql}")
    except exc.DBAPIError:
        return False
    finally:
        connection.rollback()
    return True


def _execute(connection: sqlalchemy.Connection, sql: str) -> sqlalchemy.CursorResult[Any]:
    return connection.exec_driver_sql(sql.replace("%", "%%"))


def _login(engine: sqlalchemy.Engine) -> sqlalchemy.Connection:
    """Log in; our own last connection may still count where there is no free one."""
    return waiting.until_free(
        engine.connect,
        lambda error: isinstance(error, exc.OperationalError) and failures.classify(None, str(error.orig)).crowded,
    )


def _engine(conninfo: str) -> sqlalchemy.Engine:
    engine = sqlalchemy.create_engine("postgresql+psycopg://", poolclass=sqlalchemy.pool.NullPool)

    def connect(dialect: Any, record: Any, positional: list[Any], named: dict[str, Any]) -> None:
        # As it stands: SQLAlchemy's own form of a URL knows less than libpq's.
        positional[:] = [conninfo]
        named["application_name"] = "schemata generate"

    event.listen(engine, "do_connect", connect)
    return engine


def _why_not(connection: sqlalchemy.Connection) -> str:
    """Return why this role cannot make a temporary table here; empty when it can."""
    read_only, may = connection.exec_driver_sql(
        "SELECT current_setting('transaction_read_only')::bool, has_database_privilege(current_database(), 'TEMP')"
    ).one()
    if read_only:
        return "transactions are read-only here (a standby, or default_transaction_read_only)"
    return "" if may else "the role lacks the privilege TEMPORARY on the database"


class _RowCheck:
    """The check of one relation. Every transaction is rolled back, and needs nothing of the one before."""

    def __init__(self, connection: sqlalchemy.Connection, package: str, table: Table) -> None:
        self._connection = connection
        self._table = table
        self._columns: Sequence[Mapping[str, Any]] = table["columns"]
        self._samples = [column["samples"][0] for column in self._columns]
        self._types = [column["type"] for column in self._columns]
        self.where = f"{table['schema']}.{table['name']}"
        self.name = f"{_TEMPORARY}.{queries.identifier(table['name'])}"
        self.chosen = False
        module = sys.modules[f"{package}.{table['module']}"]
        self._mapped: Any = getattr(module, table["mapped"]) if table["mapped"] else None
        name = table["table"] or table["mapped"]
        self._core = getattr(module, name) if table["table"] else getattr(module, name).__table__

    def run(self) -> _Problems:
        """Return what is broken."""
        self.choose()
        try:
            with self._transaction() as session:
                self.round_trip(session)
        except _Refused:
            raise
        except Exception as error:  # noqa: BLE001 - whatever the client raises is the answer
            return [self._blame(error)]
        return []

    def choose(self) -> None:
        """Find a sample for each column that the server takes."""
        if self.chosen:
            return
        self.chosen = True
        if not _accepts(self._connection, self.guess()):
            self._samples = [self._accepted(column) for column in self._columns]
            for at, column in enumerate(self._columns):
                # A domain that takes none of the guesses: its values are those of its base type on the wire.
                if self._samples[at] is None and column["base"]:
                    self._types[at] = column["base"]
                    self._samples[at] = self._accepted({**column, "type": column["base"]})

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[orm.Session]:
        """Give a session in which the temporary table is, with one row."""
        with orm.Session(self._connection) as session:
            try:
                _execute(session.connection(), f"{_SETTINGS}; {self.made()}")
            except exc.DBAPIError as error:
                raise _Refused(_first_line(error.orig)) from error
            yield session

    def made(self) -> str:
        """Return the SQL that makes the temporary table, with one row."""
        columns = ", ".join(f"{name} {kind}" for name, kind in zip(self._names(), self._types, strict=True))
        values = ", ".join(
            f"{queries.literal(value)}::{kind}" for value, kind in zip(self._samples, self._types, strict=True)
        )
        return f"CREATE TEMPORARY TABLE {self.name} ({columns}); INSERT INTO {self.name} VALUES ({values})"

    def guess(self) -> str:
        """Return the SQL that the server accepts if it takes the likeliest samples; empty where they are sure."""
        casts = ", ".join(
            f"{queries.literal(sample)}::{column['type']}"
            for column, sample in zip(self._columns, self._samples, strict=True)
            if not column["sure"]
        )
        return f"SELECT {casts}" if casts else ""

    def _accepted(self, column: Mapping[str, Any]) -> str | None:
        """Return the first sample that the server takes; None where it takes none: then the column is NULL."""
        samples: Sequence[str] = column["samples"]
        if column["sure"]:
            return samples[0]
        casts = ((one, f"SELECT {queries.literal(one)}::{column['type']}") for one in samples)
        return next((one for one, sql in casts if _accepts(self._connection, sql)), None)

    def round_trip(self, session: orm.Session) -> None:
        """Read the row, write what was read as a second one, and let the server compare them."""
        values = self.read(session)
        session.expunge_all()
        self.write(session, values)
        session.flush()
        self._compare(session.connection(), values)

    def read(self, session: orm.Session) -> list[Any]:
        """Return the values of the one row, as the client reads them."""
        if self._mapped is None:
            return list(session.execute(sqlalchemy.select(self._core)).one())
        row = session.scalars(sqlalchemy.select(self._mapped)).one()
        return [None if row is None else getattr(row, column["attribute"]) for column in self._columns]

    def write(self, session: orm.Session, values: Sequence[Any]) -> None:
        """Write a row through the client: of a mapped table with the session's next flush, else at once."""
        if self._mapped is None or self._table["view"]:
            row = {column["name"]: value for column, value in zip(self._columns, values, strict=True)}
            session.execute(self._core.insert(), row)
        else:
            attributes = [column["attribute"] for column in self._columns]
            session.add(self._mapped(**dict(zip(attributes, values, strict=True))))

    def same(self, values: Sequence[object]) -> str:
        """Return the SQL that is true only if the two rows are the same as text, but for what was read as None."""
        read = [name for name, value in zip(self._names(), values, strict=True) if value is not None]
        return f"(SELECT count(*) = 2 AND count(DISTINCT ROW({', '.join(read)})::text) = 1 FROM {self.name})"

    def _compare(self, connection: sqlalchemy.Connection, values: Sequence[object]) -> None:
        """Let the server tell, as text, whether the second row is the first one again."""
        same = ", ".join(
            f"count(*) = 2 AND count({column}) IN (0, 2) AND count(DISTINCT {column}::text) <= 1"
            for column in self._names()
        )
        answers = _execute(connection, f"SELECT {same} FROM {self.name}").one()
        for column, value, right in zip(self._columns, values, answers, strict=True):
            # NULL in JSON is the one value that SQLAlchemy writes as another (the JSON null).
            if not right and value is not None:
                name = column["name"]
                raise _Broken(f"column {name}: {value!r} was read, and written back the server has another value")

    def _names(self) -> list[str]:
        return [queries.identifier(column["name"]) for column in self._columns]

    def _blame(self, error: Exception) -> dict[str, str]:
        """Return what is wrong, with the first column that alone does not work."""
        for column in () if isinstance(error, _Broken) else self._columns:
            try:
                with self._transaction() as session:
                    found = next(one for one in self._core.c if one.name == column["name"])
                    value = session.execute(sqlalchemy.select(found)).scalar_one()
                    if not self._table["view"]:
                        session.execute(sqlalchemy.insert(self._core).values({found.key: value}))
            except Exception as alone:  # noqa: BLE001 - as above
                return {"where": f"{self.where}, column {column['name']} ({column['type']})", "text": _cause(alone)}
        return {"where": self.where, "text": _cause(error)}


def _cause(error: Exception) -> str:
    text = _first_line(getattr(error, "orig", None) or error)
    return text if isinstance(error, _Broken) else f"{type(error).__name__}: {text}"


def _first_line(error: BaseException | None) -> str:
    return str(error).strip().partition("\n")[0]
