"""Where trading-svc keeps its resources: SQL through a pool of psycopg."""

import decimal
from collections.abc import Mapping, Sequence
from typing import Any, Final

from psycopg import sql

from services import pool, system_settings
from services.api_keys import audit
from services.jobs import queue
from services.web import lists, problems, resources

#: What a position's realized_profit, numeric(20, 4), holds less than.
_WORTH: Final = decimal.Decimal(10) ** 16


class Store:
    """Rows of the trading schema. Every statement names its columns: a newer database may have more."""

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

    async def page(self, resource: resources.Resource, asked: resources.Asked) -> Sequence[Mapping[str, Any]]:
        """Return the rows of a page: by row comparison, which the page's index answers at any depth."""
        return await self._pool.fetch(*lists.statement(asked))

    async def one(self, resource: resources.Resource, number: int) -> Mapping[str, Any] | None:
        """Return the one of this id."""
        query = sql.SQL("SELECT {} FROM {} WHERE id = %s").format(_columns(resource), _table(resource))
        found = await self._pool.fetch(query, (number,))
        return found[0] if found else None

    async def create(self, resource: resources.Resource, values: dict[str, Any]) -> Mapping[str, Any]:
        """Store a new one; with an order its job, in the same transaction."""
        query = sql.SQL("INSERT INTO {} ({}) VALUES ({}) RETURNING {}").format(
            _table(resource),
            sql.SQL(", ").join(map(sql.Identifier, values)),
            sql.SQL(", ").join([sql.Placeholder()] * len(values)),
            _columns(resource),
        )
        async with self._pool.transaction() as connection:
            if resource.noun == "order":
                await _check_order(connection, values)
            (made,) = await pool.fetch(connection, query, list(values.values()))
            record = audit.arguments(f"{resource.noun}.create", resource.table, made["id"])
            await connection.execute(audit.RECORD, record)
            if resource.noun == "order":
                job = queue.Job("trading", "order.submit", {"order_id": made["id"]}, f"order-{made['id']}")
                await connection.execute(queue.ENQUEUE, queue.arguments(job))
            return made


async def _check_order(connection: pool.Connection, values: Mapping[str, Any]) -> None:
    """Refuse an order that the tables would take and no venue: see the comments on trading.strategies."""
    with decimal.localcontext(prec=80):
        for price in ("limit_price", "stop_price"):
            if values["quantity"] * (values.get(price) or 0) >= _WORTH:
                raise problems.unprocessable("quantity", f"times {price} must be below 10^16")
    found = await connection.execute(
        "SELECT status, currency FROM financial.accounts WHERE id = %s FOR SHARE", (values["account_id"],)
    )
    account = await found.fetchone()
    if account is None:
        raise problems.unprocessable("account_id", "refers to no account")
    if account["status"] != "active":
        raise problems.unprocessable("account_id", f"refers to an account that is {account['status']}")
    if account["currency"] != values["currency"]:
        raise problems.unprocessable("currency", f"must be that of the account, {account['currency']}")
    if values.get("strategy_id") is not None:
        found = await connection.execute(
            "SELECT status FROM trading.strategies WHERE id = %s FOR SHARE", (values["strategy_id"],)
        )
        strategy = await found.fetchone()
        if strategy is None:
            raise problems.unprocessable("strategy_id", "refers to no strategy")
        if strategy["status"] != "active":
            text = f"refers to a strategy that is {strategy['status']}; only an active one trades"
            raise problems.unprocessable("strategy_id", text)


def _table(resource: resources.Resource) -> sql.Identifier:
    return sql.Identifier(*resource.table.split("."))


def _columns(resource: resources.Resource) -> sql.Composed:
    """Return every column, also what lists leave out."""
    return sql.SQL(", ").join(map(sql.Identifier, resource.shown.model_fields))
