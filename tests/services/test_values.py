"""Values that PostgreSQL holds and Python does not: every list shows them, and what comes behind them is reached."""

import asyncio
import doctest
import json
import signal
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import psycopg
import pytest

from services import database as databases
from services import pool, system_settings, values
from services.financial_svc import invoices
from services.web import cursors, lists
from tests.patience import until
from tests.services import paging
from tests.services.conftest import SESSIONS, Answer, Service, make_basis, serving
from tests.services.test_openapi import check, media

Database = psycopg.Connection[Any]
MOMENTS = {
    "infinity": "infinity",
    "-infinity": "-infinity",
    "4713-01-01 00:00:00+00 BC": "4713-01-01T00:00:00.000000+00:00 BC",
    "0044-03-15 12:00:00.5+00 BC": "0044-03-15T12:00:00.500000+00:00 BC",
    "20000-02-29 00:00:00+00": "20000-02-29T00:00:00.000000+00:00",
    "294276-12-31 23:59:59.999999+00": "294276-12-31T23:59:59.999999+00:00",
}
DATES = ("infinity", "-infinity", "4713-01-01 BC", "0044-03-15 BC", "20000-02-29", "5874897-12-31")
KEYS = {"/invoices": "issue_date", "/transactions": "date"}


@pytest.fixture
def database(platform: str) -> Any:
    """Give a session on the test's database."""
    with psycopg.connect(platform, autocommit=True) as connection:
        connection.execute("SET timezone = 'UTC'")
        yield connection


def service_of(path: str) -> str:
    """Return the service that serves a list."""
    return "financial-svc" if path in paging.FINANCIAL else "trading-svc"


def unchecked(database: Database, table: str) -> None:
    """Drop every check of a table, as an older database may have none."""
    query = "SELECT conname FROM pg_constraint WHERE contype = 'c' AND conrelid = %s::regclass"
    for (name,) in database.execute(query, (table,)).fetchall():
        database.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')


def problem(answer: Answer, status: int) -> str:
    """Check that an answer is this problem, without a word of the driver's, and return its id."""
    assert answer.status == status, answer
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert {"type", "title", "status", "detail", "instance"} <= answer.json.keys()
    for word in ("psycopg", "Traceback", "operator", "mood"):
        assert word not in answer.body.decode()
    return str(answer.json["instance"]).removeprefix("urn:uuid:")


@pytest.mark.parametrize("path", paging.TABLES)
def test_every_row_is_reached_and_shown(path: str, platform: str, database: Database, tmp_path: Path) -> None:
    """A list goes through infinite and far dates, one row a page, in the database's order, and shows each exactly."""
    table, key = paging.TABLES[path], KEYS.get(path, "created_at")
    paging.seed(platform, 20)
    unchecked(database, table)
    moments = MOMENTS if key == "created_at" else {text: text for text in DATES}
    numbers = [number for (number,) in database.execute(f"SELECT id FROM {table} ORDER BY id").fetchall()]
    expected = dict(zip(numbers[5:], moments.values(), strict=False))
    for number, moment in zip(numbers[5:], moments, strict=False):
        database.execute(f"UPDATE {table} SET {key} = %s WHERE id = %s", (moment, number))
    order = database.execute(f"SELECT id FROM {table} ORDER BY {key} DESC, id DESC").fetchall()
    for extra in ({}, {"SERVICES_CURSOR_KEY": "secret"}):
        with serving(tmp_path, service_of(path), platform, **extra) as service:
            assert [(number,) for number in paging.walk(service.base, path, 1)] == order
            shown = {item["id"]: item[key] for item in service.ask(f"{path}?limit=200").json["items"]}
            document = service.ask("/openapi.json").json
            schema = media(document["paths"][path]["get"]["responses"]["200"]["content"])
            check(document, service.ask(f"{path}?limit=200").json, schema)
            for number, text in expected.items():
                assert shown[number] == text
                assert service.ask(f"{path}/{number}").json[key] == text
            assert service.ask(f"{path}?order=-{key}").status == 200


def test_numbers_that_are_none_or_huge(platform: str, database: Database, tmp_path: Path) -> None:
    """NaN, infinity and a number of 2,000 digits are shown as the database writes them."""
    paging.seed(platform, 5)
    unchecked(database, "financial.accounts")
    database.execute("ALTER TABLE financial.accounts ALTER COLUMN balance TYPE numeric")
    numbers = ("NaN", "Infinity", "9" * 2_000, "-0." + "0" * 900 + "1")
    with serving(tmp_path, "financial-svc", platform) as service:
        for number in numbers:
            database.execute("UPDATE financial.accounts SET balance = %s::numeric", (number,))
            items = service.ask("/accounts").json["items"]
            assert {item["balance"] for item in items} == {number}
            assert service.ask(f"/accounts/{items[0]['id']}").json["balance"] == number


def test_a_status_that_this_build_does_not_know(platform: str, database: Database, tmp_path: Path) -> None:
    """A row whose status was renamed is shown with the new word, in lists and alone, with an id below 1 too."""
    paging.seed(platform, 5)
    unchecked(database, "financial.clients")
    database.execute("UPDATE financial.clients SET status = 'merged'")
    database.execute(
        "INSERT INTO financial.clients (id, name, created_at) OVERRIDING SYSTEM VALUE"
        " VALUES (0, 'Zero', '2999-01-01'), (-9223372036854775808, 'Least', '2998-01-01')"
    )
    with serving(tmp_path, "financial-svc", platform) as service:
        found = paging.walk(service.base, "/clients", 1)
        assert found[:2] == [0, -(2**63)]
        assert len(found) == 7
        assert service.ask(f"/clients/{found[-1]}").json["status"] == "merged"


def test_settings_of_any_size(platform: str, database: Database, tmp_path: Path) -> None:
    """A setting with more digits than Python reads has its default, for the services and the workers."""
    database.execute("UPDATE public.system_settings SET value = %s::jsonb", ("9" * 5_000,))
    with serving(tmp_path, "financial-svc", platform) as service:
        assert service.ask("/clients?limit=200").status == 200
        assert service.ask("/clients?limit=201").status == 400
    with serving(tmp_path, "worker-financial", platform) as worker:
        payload = f'{{"invoice_id": {"9" * 5_000}}}'
        deep = '{"invoice_id": ' + "[" * 2_000 + "]" * 2_000 + "}"
        insert = (
            "INSERT INTO public.jobs (queue, kind, payload, max_attempts) VALUES ('financial', 'invoice.issue', %s, 1)"
        )
        for text in (payload, deep):
            database.execute(insert, (text,))
        states = "SELECT count(*) FROM public.jobs WHERE state = 'failed' AND last_error LIKE '%%no invoice_id'"
        until(lambda: database.execute(states).fetchone() == (2,))
        assert worker.process.poll() is None


def test_infinite_dates_are_refused_where_they_make_no_sense(database: Database) -> None:
    """Where a date says when something happened the database refuses infinity; an invoice may be due at infinity."""
    with pytest.raises(psycopg.errors.CheckViolation, match="clients_dates_are_finite"):
        database.execute("INSERT INTO financial.clients (name, created_at) VALUES ('x', 'infinity')")
    database.execute("INSERT INTO financial.clients (name, created_at) VALUES ('x', '20000-01-01')")
    insert = (
        "INSERT INTO financial.invoices (client_id, number, issue_date, due_date, currency)"
        " SELECT id, %s, %s, 'infinity', 'EUR' FROM financial.clients"
    )
    database.execute(insert, ("1", "2026-01-01"))
    with pytest.raises(psycopg.errors.CheckViolation, match="invoices_dates_are_finite"):
        database.execute(insert, ("2", "-infinity"))
    columns = database.execute(
        "SELECT count(*) FROM pg_constraint WHERE conname LIKE '%dates_are_finite' AND NOT convalidated"
    )
    assert columns.fetchone() == (0,)


def test_types_that_no_list_has_yet(platform: str) -> None:
    """24:00, intervals of months and the rest come as text, whatever the role's own settings of dates are."""
    cases = {
        "time '24:00'": "24:00:00",
        "timetz '24:00+15:59'": "24:00:00+15:59",
        "interval '1 year 2 months -3 days 04:05:06.5'": "P1Y2M-3DT4H5M6.5S",
        "interval '178000000 years'": "P178000000Y",
        "timestamp '20000-01-01'": "20000-01-01T00:00:00.000000",
        "timestamptz '0001-01-01 BC'": "0001-01-01T00:00:00.000000+00:00 BC",
        "date 'infinity'": "infinity",
        "numeric 'NaN'": "NaN",
        "1::bigint": 1,
        "true": True,
        "null::timestamptz": None,
    }
    with psycopg.connect(platform, autocommit=True) as connection:
        for setting in ("datestyle = 'SQL, DMY'", "intervalstyle = 'postgres_verbose'", "timezone = 'Asia/Kolkata'"):
            connection.execute(f"ALTER ROLE CURRENT_USER IN DATABASE {connection.info.dbname} SET {setting}".encode())

    async def ask() -> pool.Row:
        connections = pool.Pool({**psycopg.conninfo.conninfo_to_dict(platform), "autocommit": True})
        await connections.open()
        listed = ", ".join(f'{case} AS "{number}"' for number, case in enumerate(cases))
        try:
            return (await connections.fetch(f"SELECT {listed}"))[0]
        finally:
            await connections.close()

    assert list(asyncio.run(ask()).values()) == list(cases.values())


def test_a_moment_in_another_zone_is_still_one() -> None:
    """A session that a pooler left in another zone gives moments with that offset."""
    assert values.moment("2026-01-31 09:30:00.5+05:30") == "2026-01-31T09:30:00.500000+05:30"
    assert values.moment("1890-01-01 00:00:00-00:25:21") == "1890-01-01T00:00:00.000000-00:25:21"
    assert "timezone = 'UTC'" in databases.session()


def test_a_mistake_of_ours_is_a_problem_too(platform: str, database: Database, tmp_path: Path) -> None:
    """What nobody thought of is 500 as a problem document, says nothing of the inside, and is in the log by its id."""
    unchecked(database, "financial.clients")
    database.execute("DROP INDEX financial.idx_clients_status_created_at")
    database.execute("ALTER TABLE financial.clients ALTER status DROP DEFAULT")
    database.execute("ALTER TABLE financial.clients ALTER status TYPE json USING '1'")
    with serving(tmp_path, "financial-svc", platform) as service:
        request_id = problem(service.ask("/clients?status=active"), 500)
        until(lambda: "status=500" in service.said())
        assert (
            service.said().count("Traceback (most recent call last)") == service.said().count("a request failed") == 1
        )
        assert f"a request failed request_id={request_id} path=/clients" in service.said()
        assert service.ask("/clients?status=active", "HEAD").body == b""
        assert service.ask("/clients").status == 200


def test_not_ready_is_a_problem_too(database_url_of_nobody: str, tmp_path: Path) -> None:
    """/ready and the lists answer 503 as problem documents while there is no database."""
    for name, path in (("financial-svc", "/clients"), ("worker-trading", "/ready"), ("trading-svc", "/orders/1")):
        with serving(tmp_path, name, database_url_of_nobody) as service:
            for target in (path, "/ready"):
                answer = service.ask(target)
                problem(answer, 503)
                assert answer.headers["Retry-After"] == "2"


@pytest.fixture
def database_url_of_nobody(tmp_path: Path) -> str:
    """Give the URL of a database that no server has."""
    return f"postgresql://u@/d?host={tmp_path}"


def test_a_stop_answers_what_it_cancels(platform: str, database: Database, tmp_path: Path) -> None:
    """A request that a stop cancels is answered with 503 as a problem document, or its connection is closed."""
    answers: list[Answer] = []

    def ask(service: Service) -> None:
        try:
            answers.append(service.ask("/clients"))
        except OSError:
            return

    with serving(tmp_path, "financial-svc", platform) as service, psycopg.connect(platform) as blocker:
        assert service.ask("/clients").status == 200
        blocker.execute("LOCK TABLE financial.clients")
        thread = threading.Thread(target=ask, args=(service,))
        thread.start()
        waiting = SESSIONS + " AND wait_event_type = 'Lock'"
        until(lambda: database.execute(waiting, ("financial-svc",)).fetchone() == (1,))
        service.process.send_signal(signal.SIGTERM)
        assert service.ends() in (0, 143)
        thread.join()
        for answer in answers:
            problem(answer, 503)


def test_connections_that_died_meanwhile(platform: str, database: Database, tmp_path: Path) -> None:
    """After every session of a service was ended by the server, its next requests are answered as if nothing was."""
    end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = %s"
    with serving(tmp_path, "financial-svc", platform) as service:
        basis = make_basis(service)
        for _ in range(2):
            database.execute(end, ("financial-svc",))
            assert service.ask("/clients").status == 200
            database.execute(end, ("financial-svc",))
            assert service.post("/clients", {"name": "After"}).status == 201
        assert basis.client in paging.walk(service.base, "/clients")


@pytest.mark.parametrize("module", [values, cursors, lists, system_settings, invoices], ids=lambda one: one.__name__)
def test_examples_hold(module: ModuleType) -> None:
    """The examples in docstrings are true."""
    found = doctest.testmod(module)
    assert (found.failed, found.attempted > 0) == (0, True)


def test_an_unknown_member_is_named_whatever_its_name(financial: Service) -> None:
    """A member's name that no text can hold is refused, not a mistake of ours."""
    body = json.dumps({"name": "x", "\ud800": 1}).encode()
    assert financial.ask("/clients", "POST", body, content_type="application/json").status == 422
