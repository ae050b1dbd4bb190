"""Jobs: done once whatever dies, given back, tried again, given up; by worker processes on a real queue."""

import contextlib
import signal
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.types import json

from tests.patience import until
from tests.services.conftest import SESSIONS, Basis, Service, make_basis, serving

Database = psycopg.Connection[Any]


@pytest.fixture
def database(platform: str) -> Iterator[Database]:
    """Give a session on the test's database; heartbeats there are quick."""
    with psycopg.connect(platform, autocommit=True) as connection:
        pace(connection, heartbeat=0.2, lost_after=1.5)
        yield connection


def pace(database: Database, **seconds: float) -> None:
    """Set the seconds that the workers heed."""
    for name, value in seconds.items():
        database.execute(
            "UPDATE public.system_settings SET value = %s WHERE key = %s",
            (json.Jsonb(value), f"jobs.{name}_seconds"),
        )


@pytest.fixture
def basis(platform: str, tmp_path: Path) -> Basis:
    """Create what other rows need."""
    with serving(tmp_path, "financial-svc", platform) as service:
        return make_basis(service)


def enqueue(database: Database, kind: str, queue: str = "financial", attempts: int = 5, **payload: Any) -> int:
    """Queue a job and return its id."""
    (number,) = database.execute(
        "INSERT INTO public.jobs (queue, kind, payload, max_attempts) VALUES (%s, %s, %s, %s) RETURNING id",
        (queue, kind, json.Jsonb(payload), attempts),
    ).fetchone()
    return int(number)


def job(database: Database, number: int) -> dict[str, Any]:
    """Return a job as it is now."""
    cursor = database.cursor(row_factory=psycopg.rows.dict_row)
    found = cursor.execute("SELECT * FROM public.jobs WHERE id = %s", (number,)).fetchone()
    assert found is not None
    return found


def drafts(database: Database, basis: Basis, count: int = 1) -> list[int]:
    """Insert invoices that are drafts, and return their ids."""
    return [
        number
        for (number,) in database.execute(
            "INSERT INTO financial.invoices (client_id, number, due_date, currency)"
            " SELECT %s, %s || n, 'infinity', 'EUR' FROM generate_series(1, %s) n RETURNING id",
            (basis.client, uuid.uuid4().hex, count),
        )
    ]


def status(database: Database, invoice: int) -> str:
    """Return the status of an invoice."""
    (found,) = database.execute("SELECT status FROM financial.invoices WHERE id = %s", (invoice,)).fetchone()
    return str(found)


@contextlib.contextmanager
def held(platform: str, invoice: int) -> Iterator[Database]:
    """Lock an invoice, so that a job that needs it goes on until the end of the block."""
    with psycopg.connect(platform) as connection:
        connection.execute("SELECT 1 FROM financial.invoices WHERE id = %s FOR UPDATE", (invoice,))
        yield connection
        connection.rollback()


def waits(database: Database) -> bool:
    """Tell whether a worker waits for a lock."""
    query = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name LIKE 'worker-financial@%' AND wait_event_type = 'Lock'"
    )
    return database.execute(query).fetchone() == (1,)


def locked(database: Database, invoice: int) -> bool:
    """Tell whether another session has locked an invoice."""
    try:
        database.execute("SELECT 1 FROM financial.invoices WHERE id = %s FOR UPDATE NOWAIT", (invoice,))
    except psycopg.errors.LockNotAvailable:
        return True
    return False


@pytest.fixture
def worker(platform: str, tmp_path: Path, database: Database) -> Iterator[Service]:
    """Give a running worker-financial."""
    with serving(tmp_path, "worker-financial", platform) as service:
        yield service


def test_each_job_is_done_once(platform: str, tmp_path: Path, database: Database, basis: Basis) -> None:
    """Four workers do 200 jobs, each once, and all four take part."""
    # Whoever does a job leaves a trace in its transaction.
    database.execute(
        "CREATE TABLE public.traces (invoice_id bigint, worker int);"
        "CREATE FUNCTION public.trace() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " INSERT INTO public.traces VALUES (NEW.id, pg_backend_pid()); PERFORM pg_sleep(0.02); RETURN NEW; END $$;"
        "CREATE TRIGGER trace AFTER UPDATE ON financial.invoices FOR EACH ROW EXECUTE FUNCTION public.trace()"
    )
    invoices = drafts(database, basis, 200)
    with contextlib.ExitStack() as stack:
        workers = [stack.enter_context(serving(tmp_path, "worker-financial", platform)) for _ in range(4)]
        for service in workers:
            until(lambda one=service: one.ask("/ready").status == 200)
        with database.transaction():
            numbers = [enqueue(database, "invoice.issue", invoice_id=invoice) for invoice in invoices]
        finished = "SELECT count(*) FROM public.jobs WHERE state = 'succeeded' AND attempts = 1 AND id = ANY(%s)"
        until(lambda: database.execute(finished, (numbers,)).fetchone() == (200,))
    traces = database.execute("SELECT invoice_id, worker FROM public.traces").fetchall()
    assert sorted(invoice for invoice, _ in traces) == sorted(invoices)
    assert len({backend for _, backend in traces}) == 4
    assert all("Traceback" not in service.said() for service in workers)


def test_a_killed_workers_job_is_done_by_another(
    platform: str, tmp_path: Path, database: Database, basis: Basis
) -> None:
    """A job whose worker was killed with -9 is queued again when its heartbeat is too old, and done by another."""
    (invoice,) = drafts(database, basis)
    with serving(tmp_path, "worker-financial", platform) as first, held(platform, invoice) as holder:
        number = enqueue(database, "invoice.issue", invoice_id=invoice)
        until(lambda: job(database, number)["state"] == "running")
        owner = job(database, number)["locked_by"]
        assert f":{first.process.pid}:" in owner
        first.process.kill()
        first.process.wait()
        with serving(tmp_path, "worker-financial", platform) as second:
            until(lambda: job(database, number)["attempts"] == 2)
            assert f":{second.process.pid}:" in job(database, number)["locked_by"]
            assert status(database, invoice) == "draft"
            holder.rollback()
            until(lambda: job(database, number)["state"] == "succeeded")
    assert job(database, number)["attempts"] == 2
    assert status(database, invoice) == "issued"


def test_a_long_job_keeps_its_heart_beating(
    platform: str, database: Database, basis: Basis, worker: Service, tmp_path: Path
) -> None:
    """A job that takes longer than a lost one may is not taken away, because its heartbeat goes on."""
    database.execute(
        "CREATE FUNCTION public.dawdle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " PERFORM pg_sleep(4); RETURN NEW; END $$;"
        "CREATE TRIGGER dawdle BEFORE UPDATE ON financial.invoices FOR EACH ROW EXECUTE FUNCTION public.dawdle()"
    )
    (invoice,) = drafts(database, basis)
    with serving(tmp_path, "worker-financial", platform):
        number = enqueue(database, "invoice.issue", invoice_id=invoice)
        until(lambda: job(database, number)["state"] == "running")
        began = job(database, number)
        until(lambda: (job(database, number)["heartbeat_at"] - began["locked_at"]).total_seconds() > 3)
        assert job(database, number)["locked_by"] == began["locked_by"]
        until(lambda: job(database, number)["state"] == "succeeded")
    assert job(database, number)["attempts"] == 1


def test_a_frozen_worker_stops_nobody(platform: str, tmp_path: Path, database: Database, basis: Basis) -> None:
    """A worker that stands still for ever in its transaction is put out of it; its job and all others are done once."""
    database.execute(
        "CREATE TABLE public.traces (invoice_id bigint);"
        "CREATE FUNCTION public.trace() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " INSERT INTO public.traces VALUES (NEW.id); RETURN NEW; END $$;"
        "CREATE TRIGGER trace AFTER UPDATE ON financial.invoices FOR EACH ROW EXECUTE FUNCTION public.trace()"
    )
    invoices = drafts(database, basis, 5)
    with serving(tmp_path, "worker-financial", platform) as frozen:
        with held(platform, invoices[0]):
            number = enqueue(database, "invoice.issue", invoice_id=invoices[0])
            until(lambda: waits(database))
            frozen.process.send_signal(signal.SIGSTOP)
        until(lambda: locked(database, invoices[0]))
        numbers = [number, *(enqueue(database, "invoice.issue", invoice_id=invoice) for invoice in invoices[1:])]
        with serving(tmp_path, "worker-financial", platform):
            until(lambda: all(job(database, one)["state"] == "succeeded" for one in numbers))
            # It is still frozen; when it goes on, it finds out, and takes part again.
            frozen.process.send_signal(signal.SIGCONT)
            until(lambda: frozen.ask("/ready").status == 200)
            until(lambda: "no work is taken" in frozen.said() or "given to another" in frozen.said())
    traces = database.execute("SELECT invoice_id FROM public.traces ORDER BY invoice_id").fetchall()
    assert traces == [(invoice,) for invoice in invoices]
    assert "Traceback" not in frozen.said()


def test_a_locked_job_goes_back_to_the_queue(platform: str, database: Database, basis: Basis, worker: Service) -> None:
    """A job that waits for a lock for too long is queued for later, its attempt not counted; the others are done."""
    locked, free = drafts(database, basis, 2)
    with held(platform, locked):
        number = enqueue(database, "invoice.issue", invoice_id=locked)
        until(lambda: job(database, number)["state"] == "running")
        other = enqueue(database, "invoice.issue", invoice_id=free)
        until(lambda: job(database, other)["state"] == "succeeded")
        found = job(database, number)
        assert (found["attempts"], found["state"]) == (0, "queued")
        assert "LockNotAvailable" in found["last_error"]
        assert 1 < (found["run_at"] - found["updated_at"]).total_seconds() < 10
    until(lambda: job(database, number)["state"] == "succeeded")
    assert job(database, number)["attempts"] == 1


def test_a_worker_that_was_taken_for_dead_rolls_back(
    platform: str, tmp_path: Path, database: Database, basis: Basis
) -> None:
    """A worker that stood still so long that another did its job does nothing when it goes on."""
    (invoice,) = drafts(database, basis)
    with serving(tmp_path, "worker-financial", platform) as frozen:
        with held(platform, invoice):
            number = enqueue(database, "invoice.issue", invoice_id=invoice)
            until(lambda: job(database, number)["state"] == "running")
            frozen.process.send_signal(signal.SIGSTOP)
        # It has the row now, and does not know.
        with serving(tmp_path, "worker-financial", platform):
            until(lambda: job(database, number)["attempts"] == 2)
            frozen.process.send_signal(signal.SIGCONT)
            until(lambda: job(database, number)["state"] == "succeeded")
        until(lambda: "given to another" in frozen.said())
        assert status(database, invoice) == "issued"
        assert job(database, number)["attempts"] == 2
        # It is none the worse for it.
        (another,) = drafts(database, basis)
        number = enqueue(database, "invoice.issue", invoice_id=another)
        until(lambda: job(database, number)["state"] == "succeeded")


def test_a_failed_attempt_is_made_again(database: Database, basis: Basis, worker: Service) -> None:
    """A job that fails is queued for later with the reason, later each time, and succeeds when it can."""
    (invoice,) = drafts(database, basis)
    database.execute(
        "CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " RAISE EXCEPTION 'not today' USING ERRCODE = 'P0001'; END $$;"
        "CREATE TRIGGER refuse BEFORE UPDATE ON financial.invoices FOR EACH ROW EXECUTE FUNCTION public.refuse()"
    )
    number = enqueue(database, "invoice.issue", invoice_id=invoice)
    delays = []
    for attempt in (1, 2):
        until(lambda at=attempt: job(database, number)["attempts"] == at and job(database, number)["state"] == "queued")
        found = job(database, number)
        assert "not today" in found["last_error"]
        delays.append((found["run_at"] - found["updated_at"]).total_seconds())
    assert 0.7 < delays[0] < 1.3
    assert 1.5 < delays[1] < 2.5
    database.execute("DROP TRIGGER refuse ON financial.invoices")
    until(lambda: job(database, number)["state"] == "succeeded")
    assert job(database, number)["last_error"] is None
    assert status(database, invoice) == "issued"


def test_the_last_attempt_fails_for_good(database: Database, basis: Basis, worker: Service) -> None:
    """A job that fails in its last attempt is failed, with the reason."""
    (invoice,) = drafts(database, basis)
    database.execute(
        "CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " RAISE EXCEPTION 'never'; END $$;"
        "CREATE TRIGGER refuse BEFORE UPDATE ON financial.invoices FOR EACH ROW EXECUTE FUNCTION public.refuse()"
    )
    number = enqueue(database, "invoice.issue", attempts=1, invoice_id=invoice)
    until(lambda: job(database, number)["state"] == "failed")
    assert "never" in job(database, number)["last_error"]
    assert status(database, invoice) == "draft"


@pytest.mark.parametrize(
    "payload",
    [{}, {"invoice_id": "7"}, {"invoice_id": True}, {"invoice_id": 2**63 - 1}, {"invoice_id": 2**70}, {"x": [1]}],
)
def test_a_hopeless_job_fails_at_once(payload: dict[str, Any], database: Database, worker: Service) -> None:
    """A job that no attempt can do fails in the first one, and the worker goes on."""
    number = enqueue(database, "invoice.issue", **payload)
    until(lambda: job(database, number)["state"] == "failed")
    assert job(database, number)["attempts"] == 1
    assert "invoice" in job(database, number)["last_error"]
    assert worker.ask("/ready").status == 200


def test_a_job_of_a_newer_release_is_left(database: Database, basis: Basis, worker: Service) -> None:
    """A kind that this build does not know stays queued, and holds up nothing behind it."""
    unknown = enqueue(database, "invoice.fold")
    (invoice,) = drafts(database, basis)
    number = enqueue(database, "invoice.issue", invoice_id=invoice)
    until(lambda: job(database, number)["state"] == "succeeded")
    assert (job(database, unknown)["state"], job(database, unknown)["attempts"]) == ("queued", 0)


def test_a_stop_gives_the_job_back(platform: str, tmp_path: Path, database: Database, basis: Basis) -> None:
    """SIGTERM during a job that does not end queues it again as if it had not been claimed; exit 0 in five seconds."""
    (invoice,) = drafts(database, basis)
    with serving(tmp_path, "worker-financial", platform) as service, held(platform, invoice):
        number = enqueue(database, "invoice.issue", invoice_id=invoice)
        until(lambda: job(database, number)["state"] == "running")
        service.process.send_signal(signal.SIGTERM)
        assert service.ends(5) == 0
        assert "job given back" in service.said()
        found = job(database, number)
        assert (found["state"], found["attempts"], found["locked_by"]) == ("queued", 0, None)
        until(lambda: database.execute(SESSIONS, ("worker-financial",)).fetchone() == (0,))


def test_a_stop_lets_the_job_finish(platform: str, tmp_path: Path, database: Database, basis: Basis) -> None:
    """SIGTERM during a job that ends soon lets it end, and claims no other."""
    first, second = drafts(database, basis, 2)
    with serving(tmp_path, "worker-financial", platform) as service:
        with held(platform, first):
            number = enqueue(database, "invoice.issue", invoice_id=first)
            until(lambda: job(database, number)["state"] == "running")
            other = enqueue(database, "invoice.issue", invoice_id=second)
            service.process.send_signal(signal.SIGTERM)
            until(lambda: not answers(service))
        assert service.ends(5) == 0
        assert job(database, number)["state"] == "succeeded"
        assert job(database, other)["state"] == "queued"


def answers(service: Service) -> bool:
    """Tell whether the service still accepts connections."""
    try:
        return service.ask("/health").status == 200
    except OSError:
        return False


def test_what_can_never_be_claimed_is_failed(database: Database, worker: Service) -> None:
    """A job that is queued with all its attempts used up is failed by the sweep instead of waiting for ever."""
    number = enqueue(database, "invoice.issue", attempts=1, invoice_id=1)
    (stuck,) = database.execute(
        "INSERT INTO public.jobs (queue, kind, attempts, max_attempts) VALUES ('financial', 'invoice.issue', 3, 3)"
        " RETURNING id"
    ).fetchone()
    until(lambda: job(database, stuck)["state"] == "failed")
    until(lambda: job(database, number)["state"] == "failed")


def test_a_lost_last_attempt_is_failed(database: Database, worker: Service) -> None:
    """A job that was lost in its last attempt is failed and says which worker was lost."""
    (lost,) = database.execute(
        "INSERT INTO public.jobs (queue, kind, state, attempts, max_attempts, locked_by, locked_at, heartbeat_at)"
        " VALUES ('financial', 'invoice.issue', 'running', 2, 2, 'gone:1:0', now() - interval '1 hour',"
        " now() - interval '1 hour') RETURNING id"
    ).fetchone()
    until(lambda: job(database, lost)["state"] == "failed")
    assert "gone:1:0" in job(database, lost)["last_error"]


def test_old_jobs_are_forgotten(platform: str, tmp_path: Path, database: Database) -> None:
    """A worker deletes jobs that finished longer ago than the operators keep them, and no other."""
    old, new = (
        database.execute(
            "INSERT INTO public.jobs (queue, kind, state, finished_at)"
            " VALUES ('financial', 'invoice.issue', 'succeeded', now() - %s * interval '1 day') RETURNING id",
            (days,),
        ).fetchone()[0]
        for days in (15, 13)
    )
    with serving(tmp_path, "worker-financial", platform):
        left = "SELECT id FROM public.jobs WHERE id IN (%s, %s)"
        until(lambda: database.execute(left, (old, new)).fetchall() == [(new,)])


def test_the_higher_priority_goes_first(platform: str, tmp_path: Path, database: Database, basis: Basis) -> None:
    """Jobs are taken by priority, then by the time from which they may run; not before that time."""
    invoices = drafts(database, basis, 3)
    numbers = [enqueue(database, "invoice.issue", invoice_id=invoice) for invoice in invoices]
    later = enqueue(database, "invoice.issue", invoice_id=invoices[0])
    database.execute("UPDATE public.jobs SET priority = 5 WHERE id = %s", (numbers[2],))
    database.execute("UPDATE public.jobs SET run_at = now() + interval '1 hour', priority = 9 WHERE id = %s", (later,))
    with serving(tmp_path, "worker-financial", platform):
        until(lambda: all(job(database, number)["state"] == "succeeded" for number in numbers))
    times = [job(database, number)["finished_at"] for number in numbers]
    assert times[2] < times[0] < times[1]
    assert job(database, later)["state"] == "queued"


def test_a_lost_connection_loses_no_job(platform: str, database: Database, basis: Basis, worker: Service) -> None:
    """A worker whose sessions are ended during a job connects again and does the job at once, as a second attempt."""
    pace(database, lost_after=600)
    (invoice,) = drafts(database, basis)
    with held(platform, invoice):
        number = enqueue(database, "invoice.issue", invoice_id=invoice)
        until(lambda: job(database, number)["state"] == "running")
        database.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name LIKE 'worker-financial@%'"
        )
        until(lambda: job(database, number)["attempts"] == 2)
    until(lambda: job(database, number)["state"] == "succeeded")
    assert worker.process.poll() is None


def test_a_wrong_revision_stops_the_work(platform: str, tmp_path: Path, database: Database, basis: Basis) -> None:
    """A worker takes no job while the database is at a revision that its build does not accept."""
    (head,) = database.execute("SELECT digest FROM schemata.head").fetchone()
    database.execute("UPDATE schemata.head SET digest = 'other'")
    (invoice,) = drafts(database, basis)
    number = enqueue(database, "invoice.issue", invoice_id=invoice)
    with serving(tmp_path, "worker-financial", platform) as service:
        until(lambda: service.ask("/ready").status == 503)
        until(lambda: "not ready" in service.said())
        assert job(database, number)["state"] == "queued"
        database.execute("UPDATE schemata.head SET digest = %s", (head,))
        until(lambda: job(database, number)["state"] == "succeeded")


def test_orders_become_positions(platform: str, tmp_path: Path, database: Database) -> None:
    """Orders are filled by worker-trading, and the position is what they come to; without a price they are rejected."""
    with (
        serving(tmp_path, "financial-svc", platform) as financial,
        serving(tmp_path, "trading-svc", platform) as trading,
        serving(tmp_path, "worker-trading", platform),
    ):
        basis = make_basis(financial)

        def placed(side: str, quantity: str, price: str | None, instrument: str = "ACME") -> dict[str, Any]:
            kind = {"order_type": "limit", "limit_price": price} if price else {"order_type": "market"}
            made = trading.made(
                "/orders",
                account_id=basis.account,
                instrument=instrument,
                side=side,
                quantity=quantity,
                currency="EUR",
                **kind,
            )
            until(lambda: trading.ask(f"/orders/{made['id']}").json["status"] != "pending")
            ended: dict[str, Any] = trading.ask(f"/orders/{made['id']}").json
            return ended

        assert placed("buy", "10", "100")["status"] == "filled"
        assert placed("buy", "10", "110")["filled_quantity"] == "10.0000000000"
        assert placed("sell", "5", None)["status"] == "filled"
        assert placed("sell", "25", "120")["status"] == "filled"
        rejected = placed("buy", "1", None, "OTHER")
        assert (rejected["status"], rejected["status_reason"]) == ("rejected", "the venue knows no price for it")
        (position,) = trading.ask(f"/positions?account_id={basis.account}").json["items"]
    # 20 at 105; 5 sold at 105 earn nothing; 25 sold at 120 close 15 with 225 and open 10 short.
    assert (position["quantity"], position["average_price"], position["realized_profit"]) == (
        "-10.0000000000",
        "120.00000000",
        "225.0000",
    )
    fills = database.execute("SELECT sum(quantity), count(*) FROM trading.executions").fetchone()
    assert fills is not None
    assert (str(fills[0]), fills[1]) == ("50.0000000000", 4)


def test_transactions_are_posted(platform: str, tmp_path: Path, database: Database) -> None:
    """A transaction over HTTP is posted by worker-financial."""
    with (
        serving(tmp_path, "financial-svc", platform) as financial,
        serving(tmp_path, "worker-financial", platform),
    ):
        basis = make_basis(financial)
        body = {"account_id": basis.account, "date": "2026-01-31", "amount": "5", "currency": "EUR"}
        made = financial.made("/transactions", **body)
        began = time.monotonic()
        until(lambda: financial.ask(f"/transactions/{made['id']}").json["status"] == "posted")
        assert time.monotonic() - began < 10
