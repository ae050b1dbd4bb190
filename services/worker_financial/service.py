"""What worker-financial does with each kind of job."""

from collections.abc import Mapping
from typing import Any, Final

from services.jobs import serving, worker

NAME: Final = "worker-financial"


def main() -> int:
    """Work until a signal comes; return the exit code."""
    return serving.main(NAME, "financial", HANDLERS, GIVEN_UP)


async def issue(connection: worker.Connection, payload: Mapping[str, Any]) -> None:
    """Turn the draft of an invoice into an issued one; leave one that is already further."""
    number = worker.identifier(payload, "invoice_id")
    query = "SELECT status FROM financial.invoices WHERE id = %s FOR UPDATE"
    found = await (await connection.execute(query, (number,))).fetchone()
    if found is None:
        raise worker.Hopeless(f"there is no invoice {number}")
    if found["status"] == "draft":
        await connection.execute("UPDATE financial.invoices SET status = 'issued' WHERE id = %s", (number,))


async def post(connection: worker.Connection, payload: Mapping[str, Any]) -> None:
    """Post a pending transaction; leave one that is already further."""
    number = worker.identifier(payload, "transaction_id")
    query = "SELECT status FROM financial.transactions WHERE id = %s FOR UPDATE"
    found = await (await connection.execute(query, (number,))).fetchone()
    if found is None:
        raise worker.Hopeless(f"there is no transaction {number}")
    if found["status"] == "pending":
        update = "UPDATE financial.transactions SET status = 'posted', posted_at = now() WHERE id = %s"
        await connection.execute(update, (number,))


async def fail(connection: worker.Connection, payload: Mapping[str, Any], _: str) -> None:
    """Mark a pending transaction as failed: it will not be posted."""
    number = worker.identifier(payload, "transaction_id")
    await connection.execute(
        "UPDATE financial.transactions SET status = 'failed' WHERE id = %s AND status = 'pending'", (number,)
    )


HANDLERS: Final[Mapping[str, worker.Handler]] = {"invoice.issue": issue, "transaction.post": post}
#: An invoice has no word for it: it stays a draft.
GIVEN_UP: Final[Mapping[str, worker.GivenUp]] = {"transaction.post": fail}
