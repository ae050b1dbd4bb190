"""The SQL of financial-svc, made of the typed client's models: each statement is compiled once and kept.

Of the models' tables, not of their attributes: those would configure all mappers within the first request, a quarter
of a second, for objects that nobody makes here.
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy
from platform_client import financial, public
from sqlalchemy.dialects.postgresql import psycopg as dialects

MODELS: Final[Mapping[str, Any]] = {
    "public.users": public.Users,
    "financial.institutions": financial.Institutions,
    "financial.clients": financial.Clients,
    "financial.accounts": financial.Accounts,
    "financial.invoices": financial.Invoices,
    "financial.transactions": financial.Transactions,
}
_LINES: Final[Any] = financial.InvoiceLines.__table__
_DIALECT: Final = dialects.dialect()  # type: ignore[no-untyped-call]


@functools.lru_cache(maxsize=256)
def one(table: str, columns: tuple[str, ...]) -> str:
    """Return the query of the row of an id; its argument is `number`."""
    known = MODELS[table].__table__.c
    return _compiled(_select(known, columns).where(known.id == _bound("number", known.id)))


@functools.lru_cache(maxsize=256)
def insert(table: str, given: tuple[str, ...], columns: tuple[str, ...]) -> str:
    """Return the statement that inserts a row with these columns, its arguments, and returns those."""
    target = MODELS[table].__table__
    statement = sqlalchemy.insert(target).returning(*(target.c[column] for column in columns))
    return str(statement.compile(dialect=_DIALECT, column_keys=list(given)))


@functools.cache
def insert_line() -> str:
    """Return the statement that inserts a line of an invoice, whose columns are its arguments."""
    names = ["invoice_id", "line_number", "description", "quantity", "unit_price", "tax_rate"]
    return str(sqlalchemy.insert(_LINES).compile(dialect=_DIALECT, column_keys=names))


@functools.lru_cache(maxsize=16)
def lines(columns: tuple[str, ...]) -> str:
    """Return the query of the lines of an invoice, in their order; its argument is `number`."""
    known = _LINES.c
    query = _select(known, columns).where(known.invoice_id == _bound("number", known.invoice_id))
    return _compiled(query.order_by(known.line_number))


def account() -> str:
    """Return the query of what a transaction must fit: status and currency of the account `number`."""
    return one("financial.accounts", ("status", "currency"))


def _select(known: Any, columns: Sequence[str]) -> sqlalchemy.Select[Any]:
    return sqlalchemy.select(*(known[column] for column in columns))


def _bound(name: str, column: Any) -> sqlalchemy.BindParameter[Any]:
    # With the column's type: without it psycopg would send a small id as smallint, and an index might not serve it.
    return sqlalchemy.bindparam(name, type_=column.type)


def _compiled(statement: sqlalchemy.ClauseElement) -> str:
    return str(statement.compile(dialect=_DIALECT))
