"""Where financial-svc keeps its resources: the typed client's models, in sessions of SQLAlchemy."""

import asyncio
import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

import anyio
import anyio.to_thread
import psycopg
import sqlalchemy
import sqlalchemy.event
import sqlalchemy.exc
import sqlalchemy.orm
from platform_client import financial, public
from sqlalchemy.sql import elements

from services import database, system_settings
from services.api_keys import audit
from services.financial_svc import invoices
from services.jobs import queue
from services.web import problems, resources

_MODELS: Final[Mapping[str, Any]] = {
    "public.users": public.Users,
    "financial.institutions": financial.Institutions,
    "financial.clients": financial.Clients,
    "financial.accounts": financial.Accounts,
    "financial.invoices": financial.Invoices,
    "financial.transactions": financial.Transactions,
}
#: What is queued when one is created.
_JOBS: Final = {"invoice": "invoice.issue", "transaction": "transaction.post"}
_CONNECTIONS: Final = 8

T = TypeVar("T")


class Store:
    """Rows of the financial schema. A session is used by one thread, for one request."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._arguments = {**settings, "autocommit": False}
        self._engine = sqlalchemy.create_engine(
            "postgresql+psycopg://",
            creator=self._connect,
            pool_size=_CONNECTIONS,
            max_overflow=0,
            pool_timeout=2,
            # A connection of a server that is gone is found before it is used, and all of its age with it.
            pool_pre_ping=True,
        )
        self._at_work: set[psycopg.Connection[Any]] = set()
        sqlalchemy.event.listen(self._engine, "checkout", self._taken)
        sqlalchemy.event.listen(self._engine, "checkin", self._returned)
        self._sessions = sqlalchemy.orm.sessionmaker(self._engine, expire_on_commit=False)
        self._limiter = anyio.CapacityLimiter(2 * _CONNECTIONS)
        self._settings = system_settings.Remembered(lambda: self._run(_settings))

    async def open(self) -> None:
        """Connect with the first request, not before."""

    async def close(self) -> None:
        """Cancel what is still at work, and disconnect."""
        cancels = [functools.partial(connection.cancel_safe, timeout=0.5) for connection in self._at_work]
        # Who has just finished, or whose server is gone, cannot be cancelled and need not be.
        await asyncio.gather(*map(anyio.to_thread.run_sync, cancels), return_exceptions=True)
        self._engine.dispose()

    async def settings(self) -> Mapping[str, float]:
        """Return the operators' settings, at most some seconds old."""
        return await self._settings.get()

    async def page(self, resource: resources.Resource, asked: resources.Asked) -> Sequence[Mapping[str, Any]]:
        """Return the rows of a page: by row comparison, which the page's index answers at any depth."""
        model = _MODELS[resource.table]
        keys = [getattr(model, column) for column, _ in asked.page.keys]
        descends = asked.page.keys[0][1]
        query = sqlalchemy.select(*(getattr(model, column) for column in resource.columns))
        for column, value in zip(asked.page.filter, asked.filters, strict=True):
            query = query.where(getattr(model, column) == value)
        if asked.after is not None:
            row = sqlalchemy.tuple_(*keys)
            after = sqlalchemy.tuple_(*(_bound(key, value) for key, value in zip(keys, asked.after, strict=True)))
            query = query.where(row < after if descends else row > after)
        query = query.order_by(*(key.desc() if descends else key.asc() for key in keys)).limit(asked.limit)
        return await self._run(lambda session: [dict(row) for row in session.execute(query).mappings()])

    async def one(self, resource: resources.Resource, number: int) -> Mapping[str, Any] | None:
        """Return the one of this id; an invoice with its lines."""

        def work(session: sqlalchemy.orm.Session) -> Mapping[str, Any] | None:
            found = session.get(_MODELS[resource.table], number)
            return None if found is None else _shown(resource, found)

        return await self._run(work)

    async def create(self, resource: resources.Resource, values: dict[str, Any]) -> Mapping[str, Any]:
        """Store a new one; with an invoice its lines and sums; what a worker has to do with it is queued with it."""

        def work(session: sqlalchemy.orm.Session) -> Mapping[str, Any]:
            if resource.noun == "transaction":
                _check_account(session, values)
            made = _made(resource, values)
            session.add(made)
            session.flush()
            session.refresh(made)
            record = audit.arguments(f"{resource.noun}.create", resource.table, made.id)
            session.connection().exec_driver_sql(audit.RECORD, record)
            if resource.noun in _JOBS:
                payload = {f"{resource.noun}_id": made.id}
                job = queue.Job("financial", _JOBS[resource.noun], payload, f"{resource.noun}-{made.id}")
                session.connection().exec_driver_sql(queue.ENQUEUE, queue.arguments(job))
            return _shown(resource, made)

        return await self._run(work)

    async def _run(self, work: Callable[[sqlalchemy.orm.Session], T]) -> T:
        """Do it in a transaction, in a thread. The caller may give up; the thread then ends by itself."""

        def inside() -> T:
            with _errors_of_the_driver(), self._sessions.begin() as session:
                return work(session)

        return await anyio.to_thread.run_sync(inside, abandon_on_cancel=True, limiter=self._limiter)

    def _taken(self, raw: psycopg.Connection[Any], *_: object) -> None:
        self._at_work.add(raw)

    def _returned(self, raw: psycopg.Connection[Any], *_: object) -> None:
        self._at_work.discard(raw)

    def _connect(self) -> psycopg.Connection[Any]:
        connection: psycopg.Connection[Any] = psycopg.connect(**self._arguments)
        connection.execute(database.session().encode())
        connection.commit()
        return connection


@contextlib.contextmanager
def _errors_of_the_driver() -> Iterator[None]:
    try:
        yield
    except sqlalchemy.exc.DBAPIError as error:
        if isinstance(error.orig, psycopg.Error):
            raise error.orig from error
        raise
    except sqlalchemy.exc.TimeoutError:
        raise problems.unavailable("every connection of this service is at work") from None


def _settings(session: sqlalchemy.orm.Session) -> list[tuple[str, Any]]:
    setting = public.SystemSettings
    rows = session.execute(sqlalchemy.select(setting.key, setting.value).where(setting.key.in_(system_settings.KNOWN)))
    return [(key, value) for key, value in rows]


def _bound(key: Any, value: Any) -> elements.BindParameter[Any]:
    # With the column's type: without it psycopg would send a small id as smallint.
    return sqlalchemy.bindparam(None, value, type_=key.type, unique=True)


def _made(resource: resources.Resource, values: Mapping[str, Any]) -> Any:
    if resource.noun != "invoice":
        return _MODELS[resource.table](**values)
    lines = values["lines"]
    try:
        subtotal, tax = invoices.totals(lines)
    except invoices.OutOfRange as error:
        if error.line is None:
            place, text = "lines", "must not come to a negative sum, nor to one beyond 16 digits"
        else:
            place, text = f"lines/{error.line}", "must not come to an amount beyond 16 digits"
        raise problems.unprocessable(place, text) from None
    head = {name: value for name, value in values.items() if name != "lines"}
    return financial.Invoices(
        **head,
        subtotal=subtotal,
        tax=tax,
        total=subtotal + tax,
        invoice_lines=[financial.InvoiceLines(line_number=at, **line) for at, line in enumerate(lines, 1)],
    )


def _shown(resource: resources.Resource, row: Any) -> dict[str, Any]:
    shown = {column: getattr(row, column) for column in resource.columns}
    if resource.noun == "invoice":
        names = [field.name for field in resource.field("lines").kind.fields]
        lines = sorted(row.invoice_lines, key=lambda line: line.line_number)
        shown["lines"] = [{name: getattr(line, name) for name in names} for line in lines]
    return shown


def _check_account(session: sqlalchemy.orm.Session, values: Mapping[str, Any]) -> None:
    """Refuse a transaction whose account is not there or has another currency, in words of the request."""
    account = session.get(financial.Accounts, values["account_id"])
    field, text = "", ""
    if account is None:
        field, text = "account_id", "refers to no account"
    elif account.currency != values["currency"]:
        field, text = "currency", f"must be that of the account, {account.currency}"
    elif account.status == "closed":
        field, text = "account_id", "refers to an account that is closed"
    if field:
        raise problems.unprocessable(field, text)
