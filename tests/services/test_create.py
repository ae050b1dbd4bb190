"""Creating: what is stored, what is queued with it, and what is refused with which words."""

import decimal
import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.services.conftest import Answer, Basis, Service, make_basis, serving


@pytest.fixture
def database(shared: str) -> Any:
    """Give a session on the services' database, in autocommit."""
    with psycopg.connect(shared, autocommit=True) as connection:
        yield connection


def invoice(basis: Basis, **values: Any) -> dict[str, Any]:
    """Return the body of an invoice."""
    line = {"description": "Consulting", "quantity": "2", "unit_price": "50.00", "tax_rate": "0.19"}
    return {
        "client_id": basis.client,
        "number": uuid.uuid4().hex,
        "due_date": "2999-01-01",
        "currency": "EUR",
        "lines": [line],
        **values,
    }


def order(basis: Basis, **values: Any) -> dict[str, Any]:
    """Return the body of an order."""
    return {
        "account_id": basis.account,
        "instrument": "ACME",
        "side": "buy",
        "order_type": "limit",
        "limit_price": "10",
        "quantity": "3",
        "currency": "EUR",
        **values,
    }


def transaction(basis: Basis, **values: Any) -> dict[str, Any]:
    """Return the body of a transaction."""
    return {"account_id": basis.account, "date": "2026-01-31", "amount": "-12.50", "currency": "EUR", **values}


def refused(answer: Answer, status: int) -> list[str]:
    """Check that an answer is this problem; return the places that it blames, or else its detail."""
    assert answer.status == status, answer
    assert answer.headers["Content-Type"] == "application/problem+json"
    return [error["pointer"] for error in answer.json["errors"]] if "errors" in answer.json else [answer.json["detail"]]


def jobs(database: psycopg.Connection, kind: str, **payload: int) -> list[tuple[str, str, int]]:
    """Return queue, state and attempts of the jobs with this payload."""
    return database.execute(
        "SELECT queue, state, attempts FROM public.jobs WHERE kind = %s AND payload = %s",
        (kind, psycopg.types.json.Jsonb(payload)),
    ).fetchall()


def test_an_invoice_has_its_sums_and_its_job(financial: Service, basis: Basis, database: psycopg.Connection) -> None:
    """The sums are those of the lines as the database computes them, and the job to issue it is queued with it."""
    lines = [
        {"description": "Hours", "quantity": "2.5", "unit_price": "99.9999", "tax_rate": "0.19"},
        {"description": "Half a cent", "quantity": "0.5", "unit_price": 0.0001},
        {"description": "Discount", "unit_price": "-10"},
    ]
    made = financial.made("/invoices", **invoice(basis, lines=lines))
    assert [line["amount"] for line in made["lines"]] == ["249.9998", "0.0001", "-10.0000"]
    assert (made["subtotal"], made["tax"], made["total"]) == ("239.9999", "47.5000", "287.4999")
    stored = database.execute(
        "SELECT sum(amount), sum(round(amount * tax_rate, 4)) FROM financial.invoice_lines WHERE invoice_id = %s",
        (made["id"],),
    ).fetchone()
    assert stored is not None
    assert tuple(map(str, stored)) == (made["subtotal"], made["tax"])
    assert made["status"] == "draft"
    assert financial.ask(f"/invoices/{made['id']}").json == made
    assert jobs(database, "invoice.issue", invoice_id=made["id"]) == [("financial", "queued", 0)]


def test_what_is_refused_leaves_nothing(financial: Service, basis: Basis, database: psycopg.Connection) -> None:
    """A refused invoice leaves no line and no job: all of it is one transaction."""

    def counts() -> Any:
        tables = ("financial.invoices", "financial.invoice_lines", "public.jobs")
        return [database.execute(f"SELECT count(*) FROM {table}").fetchone() for table in tables]

    number = financial.made("/invoices", **invoice(basis))["number"]
    before = counts()
    assert refused(financial.post("/invoices", invoice(basis, number=number)), 409) == [
        "There is already one with this number."
    ]
    assert counts() == before


def test_an_order_is_checked_and_queued(
    financial: Service, trading: Service, basis: Basis, database: psycopg.Connection
) -> None:
    """An order fits its account and strategy, is queued with what it is, and a repeated one is refused."""
    strategy = trading.made("/strategies", owner_id=basis.user, name=uuid.uuid4().hex)
    assert refused(trading.post("/orders", order(basis, strategy_id=strategy["id"])), 422) == ["#/strategy_id"]
    assert refused(trading.post("/orders", order(basis, strategy_id=2**63 - 1)), 422) == ["#/strategy_id"]
    assert refused(trading.post("/orders", order(basis, account_id=2**63 - 1)), 422) == ["#/account_id"]
    assert refused(trading.post("/orders", order(basis, currency="USD")), 422) == ["#/currency"]
    chosen = str(uuid.uuid4())
    made = trading.made("/orders", **order(basis, client_order_id=chosen))
    assert (made["status"], made["client_order_id"], made["quantity"]) == ("pending", chosen, "3.0000000000")
    assert jobs(database, "order.submit", order_id=made["id"]) == [("trading", "queued", 0)]
    assert refused(trading.post("/orders", order(basis, client_order_id=chosen)), 409) == [
        "There is already one with this account id client order id."
    ]


def test_a_transaction_is_checked_and_queued(financial: Service, basis: Basis, database: psycopg.Connection) -> None:
    """A transaction fits its account, is queued with what it is, and a repeated import is refused."""
    assert refused(financial.post("/transactions", transaction(basis, currency="USD")), 422) == ["#/currency"]
    assert refused(financial.post("/transactions", transaction(basis, account_id=2**63 - 1)), 422) == ["#/account_id"]
    imported = uuid.uuid4().hex
    made = financial.made("/transactions", **transaction(basis, external_id=imported))
    assert jobs(database, "transaction.post", transaction_id=made["id"]) == [("financial", "queued", 0)]
    assert refused(financial.post("/transactions", transaction(basis, external_id=imported)), 409)


@pytest.mark.parametrize(
    ("body", "places"),
    [
        (lambda basis: invoice(basis, lines=[]), ["#/lines"]),
        (lambda basis: invoice(basis, lines=[{"unit_price": "1"}, 7]), ["#/lines/0/description", "#/lines/1"]),
        (lambda basis: invoice(basis, lines=[{"description": "x", "unit_price": "-1"}]), ["#/lines"]),
        (
            lambda basis: invoice(
                basis,
                lines=[
                    {"description": "x", "unit_price": "1"},
                    {"description": "x", "quantity": "9" * 14, "unit_price": "9" * 16},
                ],
            ),
            ["#/lines/1"],
        ),
        (lambda basis: invoice(basis, lines=[{"description": "x", "unit_price": "9" * 16}] * 2), ["#/lines"]),
        (
            lambda basis: invoice(
                basis,
                lines=[
                    {"description": "x", "unit_price": "1", "quantity": "0.000000"},
                    {"description": "x", "unit_price": "1", "tax_rate": "1.000001"},
                    {"description": " ", "unit_price": "1", "quantity": -1},
                ],
            ),
            ["#/lines/0/quantity", "#/lines/1/tax_rate", "#/lines/2/description", "#/lines/2/quantity"],
        ),
        (lambda basis: invoice(basis, due_date="2026-02-30"), ["#/due_date"]),
        (lambda basis: invoice(basis, due_date="1999-01-01"), ["A rule is broken: due after issue."]),
        (lambda basis: invoice(basis, client_id=True), ["#/client_id"]),
        (lambda basis: invoice(basis, client_id=2**63), ["#/client_id"]),
        (lambda basis: invoice(basis, client_id=None), ["#/client_id"]),
        (
            lambda basis: invoice(basis, client_id=2**63 - 1),
            ["What client id refers to does not exist, or does not fit."],
        ),
        (lambda basis: invoice(basis, number="a\x00b"), ["#/number"]),
        (lambda basis: invoice(basis, number="\ud800"), ["#/number"]),
        (lambda basis: invoice(basis, number=" \t"), ["#/number"]),
        (lambda basis: invoice(basis, number="x" * 65), ["#/number"]),
        (lambda basis: invoice(basis, currency="EUR\n"), ["#/currency"]),
        (lambda basis: {**invoice(basis), "total": "1", "a/b~c": 1}, ["#/total", "#/a~1b~0c"]),
        (lambda basis: [], ["#"]),
        (lambda basis: "text", ["#"]),
        (lambda basis: None, ["#"]),
    ],
)
def test_a_wrong_body_is_refused(
    body: Callable[[Basis], Any], places: list[str], financial: Service, basis: Basis
) -> None:
    """What is JSON and not possible is 422, with a pointer to every place, or the rule that the database keeps."""
    assert refused(financial.post("/invoices", body(basis)), 422) == places


def test_a_rule_of_the_database_is_told_in_its_words(financial: Service, basis: Basis) -> None:
    """A check constraint that nothing before it caught is 422 and named for what it says."""
    assert refused(financial.post("/transactions", transaction(basis, amount="0")), 422) == [
        "A rule is broken: amount is a movement."
    ]
    assert refused(financial.post("/clients", {"name": "x", "tax_number": "1"}), 422) == [
        "A rule is broken: tax number has a country."
    ]


def test_parameters_are_kept_as_they_are(trading: Service, basis: Basis) -> None:
    """A JSON object comes back as it was sent."""
    value = {"a": [1, 2.5, None, True, {"ü": "\u2603"}], "": {}}
    made = trading.made("/strategies", owner_id=basis.user, name=uuid.uuid4().hex, parameters=value)
    assert trading.ask(f"/strategies/{made['id']}").json["parameters"] == value


@pytest.mark.parametrize(
    "number", ["0.12345678901234567890123", "1e-400", "-2.50", "1e308", "123456789012345678901234567890", "1E+999", "7"]
)
def test_numbers_of_parameters_are_kept_exactly(number: str, trading: Service, basis: Basis) -> None:
    """A number in an object comes back as a number of exactly the same value, whatever its size."""
    body = f'{{"owner_id": {basis.user}, "name": "{uuid.uuid4().hex}", "parameters": {{"a": [{number}]}}}}'
    made = trading.ask("/strategies", "POST", body.encode(), content_type="application/json")
    assert made.status == 201, made
    one = trading.ask(made.headers["Location"])
    assert one.body == made.body
    (read,) = json.loads(one.body, parse_float=decimal.Decimal, parse_int=decimal.Decimal)["parameters"]["a"]
    assert read == decimal.Decimal(number)


@pytest.mark.parametrize(
    "value",
    [
        json.dumps({"a": "x" * 65_600}),
        json.dumps({"a": "\u2603" * 22_000}, ensure_ascii=False),
        '{"a": [' + ", ".join(["1e999"] * 100) + "]}",
        '{"a": 1e99999999}',
        '{"a": 1e-99999999}',
        '{"a": ' + "9" * 1_001 + "}",
        '{"a": "\\u0000"}',
        '{"\\ud800": 1}',
        '{"a":' * 22 + "1" + "}" * 22,
        "[]",
        "1.5",
    ],
    ids=lambda value: value[:16],
)
def test_parameters_that_cannot_be_kept(value: str, trading: Service, basis: Basis) -> None:
    """An object that is too large, too deep, or has a number or text that cannot be stored is refused by its name."""
    body = f'{{"owner_id": {basis.user}, "name": "{uuid.uuid4().hex}", "parameters": {value}}}'
    answer = trading.ask("/strategies", "POST", body.encode(), content_type="application/json")
    assert refused(answer, 422) == ["#/parameters"]


def test_a_page_of_the_largest_rows_is_small(platform: str, tmp_path: Path) -> None:
    """The largest page of the largest strategies that can be created is below 10 MB: lists leave parameters out."""
    with serving(tmp_path, "financial-svc", platform) as financial:
        basis = make_basis(financial)
    with serving(tmp_path, "trading-svc", platform) as trading:
        large = {"name": "\x01" * 199, "description": "\x01" * 1_000, "parameters": {"a": "x" * 65_000}}
        made = trading.made("/strategies", owner_id=basis.user, **large)
        assert made["parameters"] == large["parameters"]
        with psycopg.connect(platform, autocommit=True) as database:
            database.execute(
                "INSERT INTO trading.strategies (owner_id, name, description, parameters)"
                " SELECT owner_id, name || n, description, parameters"
                " FROM trading.strategies, generate_series(1, 999) n"
            )
            database.execute("UPDATE public.system_settings SET value = '1000' WHERE key = 'pagination.page_size_max'")
        page = trading.ask("/strategies?limit=1000")
    assert len(page.json["items"]) == 1_000
    assert "parameters" not in page.json["items"][0]
    assert len(page.body) < 10_000_000


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"quantity": "999999999999999999.9999999999"}, "#/quantity"),
        ({"quantity": "999999999999999", "limit_price": "11"}, "#/quantity"),
        ({"quantity": 1e4, "limit_price": "999999999999.99999999", "order_type": "stop_limit", "stop_price": 1}, ""),
        (
            {"quantity": "10001", "limit_price": 1, "order_type": "stop_limit", "stop_price": "999999999999"},
            "#/quantity",
        ),
        ({"quantity": "1" + "0" * 15}, "#/quantity"),
        ({"quantity": "0"}, "#/quantity"),
        ({"limit_price": "0.00000000"}, "#/limit_price"),
        ({"limit_price": "1" + "0" * 12}, "#/limit_price"),
    ],
)
def test_an_order_that_no_position_could_hold(
    values: dict[str, Any], place: str, trading: Service, basis: Basis
) -> None:
    """A quantity or price, or their product, beyond what can be stored is refused by its name; just below it is not."""
    answer = trading.post("/orders", order(basis, **values))
    if place:
        assert refused(answer, 422) == [place]
    else:
        assert answer.status == 201


@pytest.mark.parametrize("number", ["0", "-1", "1.0", "x", "9223372036854775808", "9" * 4_301, "%00", "١"])
def test_what_is_no_id_is_not_found(number: str, financial: Service, trading: Service) -> None:
    """An id that no row can have is 404, like one that none has."""
    quoted = number.encode().decode("latin-1") if number.isascii() else "%D9%A1"
    for service, path in ((financial, "/invoices"), (trading, "/orders")):
        assert refused(service.ask(f"{path}/{quoted}"), 404)
