"""Where financial-svc keeps its resources: the statements of the typed client's models, on a pool of psycopg."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from services import pool, system_settings
from services.api_keys import audit
from services.financial_svc import invoices, resources, statements
from services.jobs import queue
from services.web import lists, problems
from services.web.resources import Asked, Resource

#: What is queued when one is created.
_JOBS: Final = {"invoice": "invoice.issue", "transaction": "transaction.post"}
_LINE: Final = tuple(resources.Line.model_fields)


class Store:
    """Rows of the financial schema."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._pool = pool.Pool(settings)
        self._settings = system_settings.Remembered(
            lambda: self._pool.fetch(system_settings.QUERY, (list(system_settings.KNOWN),))
        )

    async def open(self) -> None:
        """Start to connect; does not wait for the database."""
        await self._pool.open()

    async def close(self) -> None:
        """Disconnect."""
        await self._pool.close()

    async def settings(self) -> Mapping[str, float]:
        """Return the operators' settings, at most some seconds old."""
        return await self._settings.get()

    async def page(self, resource: Resource, asked: Asked) -> Sequence[Mapping[str, Any]]:
        """Return the rows of a page, in its order."""
        return await self._pool.fetch(*lists.statement(asked))

    async def one(self, resource: Resource, number: int) -> Mapping[str, Any] | None:
        """Return the one of this id; an invoice with its lines."""
        found = await self._pool.fetch(statements.one(resource.table, resource.columns), {"number": number})
        if found and resource.noun == "invoice":
            found[0]["lines"] = await self._pool.fetch(statements.lines(_LINE), {"number": number})
        return found[0] if found else None

    async def create(self, resource: Resource, values: dict[str, Any]) -> Mapping[str, Any]:
        """Store a new one; with an invoice its lines and sums; what a worker has to do with it is queued with it."""
        async with self._pool.transaction() as connection:
            if resource.noun == "transaction":
                await _check_account(connection, values)
            lines = values.pop("lines", ())
            if lines:
                values |= _sums(lines)
            statement = statements.insert(resource.table, tuple(values), resource.columns)
            (made,) = await pool.fetch(connection, statement, values)
            if lines:
                made["lines"] = await _insert_lines(connection, made["id"], lines)
            record = audit.arguments(f"{resource.noun}.create", resource.table, made["id"])
            await connection.execute(audit.RECORD, record)
            if resource.noun in _JOBS:
                payload = {f"{resource.noun}_id": made["id"]}
                job = queue.Job("financial", _JOBS[resource.noun], payload, f"{resource.noun}-{made['id']}")
                await connection.execute(queue.ENQUEUE, queue.arguments(job))
            return made


def _sums(lines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    try:
        subtotal, tax = invoices.totals(lines)
    except invoices.OutOfRange as error:
        if error.line is None:
            place, text = "lines", "must not come to a negative sum, nor to one beyond 16 digits"
        else:
            place, text = f"lines/{error.line}", "must not come to an amount beyond 16 digits"
        raise problems.unprocessable(place, text) from None
    return {"subtotal": subtotal, "tax": tax, "total": subtotal + tax}


async def _insert_lines(
    connection: pool.Connection, invoice: int, lines: Sequence[Mapping[str, Any]]
) -> list[pool.Row]:
    defaults = {name: resources.NewLine.model_fields[name].default for name in ("quantity", "tax_rate")}
    rows = [{"invoice_id": invoice, "line_number": at, **defaults, **line} for at, line in enumerate(lines, 1)]
    async with connection.cursor() as cursor:
        await cursor.executemany(statements.insert_line().encode(), rows)
    return await pool.fetch(connection, statements.lines(_LINE), {"number": invoice})


async def _check_account(connection: pool.Connection, values: Mapping[str, Any]) -> None:
    """Refuse a transaction whose account is not there or has another currency, in words of the request."""
    found = await pool.fetch(connection, statements.account(), {"number": values["account_id"]})
    if not found:
        raise problems.unprocessable("account_id", "refers to no account")
    if found[0]["currency"] != values["currency"]:
        raise problems.unprocessable("currency", f"must be that of the account, {found[0]['currency']}")
    if found[0]["status"] == "closed":
        raise problems.unprocessable("account_id", "refers to an account that is closed")
