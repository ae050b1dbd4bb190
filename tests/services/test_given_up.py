"""What a person sees of an order or a transaction whose job has failed for good."""

import decimal
import uuid
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.types import json

from tests.patience import until
from tests.services.conftest import Basis, make_basis, serving

Database = psycopg.Connection[Any]
LOST = "now() - interval '1 hour'"


@pytest.fixture
def database(platform: str) -> Any:
    """Give a session on the test's database; the sweep there is quick."""
    with psycopg.connect(platform, autocommit=True) as connection:
        connection.execute(
            "UPDATE public.system_settings SET value = '0.2' WHERE key = 'jobs.heartbeat_seconds';"
            "UPDATE public.system_settings SET value = '1.5' WHERE key = 'jobs.lost_after_seconds'"
        )
        yield connection


@pytest.fixture
def basis(platform: str, tmp_path: Path) -> Basis:
    """Create what other rows need."""
    with serving(tmp_path, "financial-svc", platform) as service:
        return make_basis(service)


def one(database: Database, query: str, *values: Any) -> Any:
    """Return the only row of a query."""
    (row,) = database.execute(query, values).fetchall()
    return row


def ordered(database: Database, basis: Basis, **values: Any) -> int:
    """Insert an order that is pending, without a job, and return its id."""
    row = {
        "account_id": basis.account,
        "instrument": "ACME",
        "side": "buy",
        "order_type": "limit",
        "limit_price": 1,
        "quantity": 1,
        "currency": "EUR",
        **values,
    }
    places = ", ".join(["%s"] * len(row))
    query = f"INSERT INTO trading.orders ({', '.join(row)}) VALUES ({places}) RETURNING id"
    return int(one(database, query, *row.values())[0])


def queued(database: Database, queue: str, kind: str, payload: dict[str, Any], most: int = 1) -> int:
    """Queue a job and return its id."""
    query = "INSERT INTO public.jobs (queue, kind, payload, max_attempts) VALUES (%s, %s, %s, %s) RETURNING id"
    return int(one(database, query, queue, kind, json.Jsonb(payload), most)[0])


def lost(database: Database, order: int) -> int:
    """Insert the job of an order whose worker was lost in the last attempt, and return its id."""
    query = (
        "INSERT INTO public.jobs (queue, kind, payload, state, attempts, max_attempts, locked_by, locked_at,"
        " heartbeat_at) VALUES ('trading', 'order.submit', %s, 'running', 2, 2, 'gone:1:0', "
        f"{LOST}, {LOST}) RETURNING id"
    )
    return int(one(database, query, json.Jsonb({"order_id": order}))[0])


def state(database: Database, job: int) -> str:
    """Return the state of a job."""
    return str(one(database, "SELECT state FROM public.jobs WHERE id = %s", job)[0])


def refuse(database: Database, table: str, condition: str, action: str = "INSERT") -> None:
    """Make a table refuse rows for which a condition is true."""
    name = f"refuse_{uuid.uuid4().hex[:8]}"
    database.execute(
        f"CREATE FUNCTION public.{name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF {condition} THEN RAISE EXCEPTION 'secret detail'; END IF; RETURN NEW; END $$;"
        f"CREATE TRIGGER {name} BEFORE {action} ON {table} FOR EACH ROW EXECUTE FUNCTION public.{name}()"
    )


@pytest.mark.parametrize("how", ["failed", "lost", "spent", "overflow"])
def test_an_order_whose_job_has_failed_is_rejected(
    how: str, platform: str, tmp_path: Path, database: Database, basis: Basis
) -> None:
    """However its job ends for good, an order is rejected with a reason that names the job and not the error."""
    order = ordered(database, basis)
    if how == "lost":
        job = lost(database, order)
    elif how == "spent":
        job = queued(database, "trading", "order.submit", {"order_id": order})
        database.execute("UPDATE public.jobs SET attempts = max_attempts WHERE id = %s", (job,))
    else:
        if how == "failed":
            refuse(database, "trading.executions", "true")
        else:
            database.execute("ALTER TABLE trading.executions ALTER COLUMN venue_execution_id TYPE varchar(2)")
        # What the database cannot hold fails in the first of five attempts.
        job = queued(database, "trading", "order.submit", {"order_id": order}, 1 if how == "failed" else 5)
    with serving(tmp_path, "worker-trading", platform):
        until(lambda: state(database, job) == "failed")
    found = one(database, "SELECT status, status_reason, closed_at FROM trading.orders WHERE id = %s", order)
    assert found[0] == "rejected"
    assert found[1].endswith(f"could not do it; job {job} has the error")
    assert "secret" not in found[1]
    assert found[2] is not None
    assert one(database, "SELECT count(*) FROM trading.executions") == (0,)


def test_both_or_neither(platform: str, tmp_path: Path, database: Database, basis: Basis) -> None:
    """While the order is locked its lost job is not failed either; other lost jobs are, and then this one."""
    first, second = ordered(database, basis), ordered(database, basis)
    jobs = lost(database, first), lost(database, second)
    with psycopg.connect(platform) as holder:
        holder.execute("SELECT 1 FROM trading.orders WHERE id = %s FOR UPDATE", (first,))
        with serving(tmp_path, "worker-trading", platform) as worker:
            until(lambda: state(database, jobs[1]) == "failed")
            assert state(database, jobs[0]) == "running"
            free = ordered(database, basis)
            done = queued(database, "trading", "order.submit", {"order_id": free})
            until(lambda: state(database, done) == "succeeded")
            holder.rollback()
            until(lambda: state(database, jobs[0]) == "failed")
            assert "Traceback" not in worker.said()
    rows = database.execute("SELECT status FROM trading.orders ORDER BY id").fetchall()
    assert rows == [("rejected",), ("rejected",), ("filled",)]


def test_what_cannot_be_told_ends_all_the_same(platform: str, tmp_path: Path, database: Database, basis: Basis) -> None:
    """A job whose order can neither be filled nor rejected is failed, once, and the worker goes on."""
    order, free = ordered(database, basis), ordered(database, basis)
    refuse(database, "trading.orders", f"NEW.id = {order}", "UPDATE")
    job = queued(database, "trading", "order.submit", {"order_id": order})
    with serving(tmp_path, "worker-trading", platform) as worker:
        until(lambda: state(database, job) == "failed")
        done = queued(database, "trading", "order.submit", {"order_id": free})
        until(lambda: state(database, done) == "succeeded")
        assert f"what job {job} is about was not told" in worker.said()
    assert one(database, "SELECT status FROM trading.orders WHERE id = %s", order) == ("pending",)


@pytest.mark.parametrize(
    ("held", "price", "profit", "order"),
    [
        ("999999999999999999.9999999999", "1", "0", {"quantity": "1"}),
        ("999999999999999", "1", "9999999999999999", {"side": "sell", "quantity": "1", "limit_price": "999999999999"}),
    ],
)
def test_a_position_beyond_the_columns(
    held: str, price: str, profit: str, order: dict[str, Any], platform: str, tmp_path: Path, database: Database,
    basis: Basis,
) -> None:  # fmt: skip
    """An order after which the position could not be stored is rejected with that reason; the position stays."""
    database.execute(
        "INSERT INTO trading.positions (account_id, instrument, currency, quantity, average_price, realized_profit)"
        " VALUES (%s, 'ACME', 'EUR', %s, %s, %s)",
        (basis.account, held, price, profit),
    )
    number = ordered(database, basis, **order)
    job = queued(database, "trading", "order.submit", {"order_id": number})
    with serving(tmp_path, "worker-trading", platform):
        until(lambda: state(database, job) == "succeeded")
    found = one(database, "SELECT status, status_reason FROM trading.orders WHERE id = %s", number)
    assert found == ("rejected", "the position would be larger than can be kept")
    assert one(database, "SELECT quantity FROM trading.positions") == (decimal.Decimal(held),)


def test_a_transaction_whose_job_has_failed_is_failed(
    platform: str, tmp_path: Path, database: Database, basis: Basis
) -> None:
    """A transaction that cannot be posted is failed when its job is."""
    refuse(database, "financial.transactions", "NEW.status = 'posted'", "UPDATE")
    (number,) = one(
        database,
        "INSERT INTO financial.transactions (account_id, date, amount, currency)"
        " VALUES (%s, '2026-01-31', 5, 'EUR') RETURNING id",
        basis.account,
    )
    job = queued(database, "financial", "transaction.post", {"transaction_id": number})
    with serving(tmp_path, "worker-financial", platform):
        until(lambda: state(database, job) == "failed")
    assert one(database, "SELECT status FROM financial.transactions WHERE id = %s", number) == ("failed",)
