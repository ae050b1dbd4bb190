"""What worker-trading does with each kind of job."""

import decimal
from collections.abc import Mapping
from typing import Any, Final

from services.jobs import serving, worker
from services.worker_trading import fills

NAME: Final = "worker-trading"
VENUE: Final = "simulated"


def main() -> int:
    """Work until a signal comes; return the exit code."""
    return serving.main(NAME, "trading", HANDLERS, GIVEN_UP)


async def submit(connection: worker.Connection, payload: Mapping[str, Any]) -> None:
    """Fill a pending order whole, at its own price or, for one at market, at that of the position; else reject it.

    Leaves an order that is already further.
    """
    number = worker.identifier(payload, "order_id")
    query = "SELECT * FROM trading.orders WHERE id = %s FOR UPDATE"
    order = await (await connection.execute(query, (number,))).fetchone()
    if order is None:
        raise worker.Hopeless(f"there is no order {number}")
    if order["status"] != "pending":
        return
    position = await _position(connection, order, made=order["order_type"] != "market")
    price = order["limit_price"] or order["stop_price"] or position.price
    if not price:
        await _reject(connection, number, "the venue knows no price for it")
        return
    change = order["quantity"] if order["side"] == "buy" else -order["quantity"]
    after = fills.filled(position, change, price)
    if after.storable:
        await _fill(connection, order, price, after)
    else:
        await _reject(connection, number, "the position would be larger than can be kept")


async def reject(connection: worker.Connection, payload: Mapping[str, Any], reason: str) -> None:
    """Reject a pending order whose job has failed for good: it will not be filled."""
    number = worker.identifier(payload, "order_id")
    await connection.execute(
        "UPDATE trading.orders SET status = 'rejected', closed_at = now(), status_reason = %s"
        " WHERE id = %s AND status = 'pending'",
        (reason, number),
    )


async def _reject(connection: worker.Connection, number: int, reason: str) -> None:
    await connection.execute(
        "UPDATE trading.orders SET status = 'rejected', closed_at = now(), submitted_at = now(),"
        " status_reason = %s WHERE id = %s",
        (reason, number),
    )


async def _position(connection: worker.Connection, order: Mapping[str, Any], *, made: bool) -> fills.Position:
    """Return the position of the order's account and instrument, locked until the transaction ends.

    :param made: whether to insert it where there is none.
    """
    where = {name: order[name] for name in ("account_id", "instrument", "currency")}
    if made:
        await connection.execute(
            "INSERT INTO trading.positions (account_id, instrument, currency)"
            " VALUES (%(account_id)s, %(instrument)s, %(currency)s) ON CONFLICT (account_id, instrument) DO NOTHING",
            where,
        )
    row = await (
        await connection.execute(
            "SELECT quantity, average_price, realized_profit FROM trading.positions"
            " WHERE account_id = %(account_id)s AND instrument = %(instrument)s FOR UPDATE",
            where,
        )
    ).fetchone()
    return fills.Position(row["quantity"], row["average_price"], row["realized_profit"]) if row else fills.Position()


async def _fill(
    connection: worker.Connection, order: Mapping[str, Any], price: decimal.Decimal, after: fills.Position
) -> None:
    await connection.execute(
        "INSERT INTO trading.executions"
        " (order_id, venue, venue_execution_id, quantity, price, fee_currency, executed_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, now())",
        (order["id"], VENUE, f"order-{order['id']}", order["quantity"], price, order["currency"]),
    )
    await connection.execute(
        "UPDATE trading.orders SET status = 'filled', filled_quantity = quantity, submitted_at = now(),"
        " closed_at = now() WHERE id = %s",
        (order["id"],),
    )
    await connection.execute(
        "UPDATE trading.positions SET quantity = %s, average_price = %s, realized_profit = %s"
        " WHERE account_id = %s AND instrument = %s",
        (after.quantity, after.price, after.profit, order["account_id"], order["instrument"]),
    )


HANDLERS: Final[Mapping[str, worker.Handler]] = {"order.submit": submit}
GIVEN_UP: Final[Mapping[str, worker.GivenUp]] = {"order.submit": reject}
