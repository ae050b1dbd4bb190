"""Lists over HTTP: every row once, served by the declared index, with cursors that fit one list."""

import base64
import json
import re
import urllib.parse
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from schemata import config
from schemata.pages import declarations, pages
from tests.conftest import REPOSITORY
from tests.patience import until
from tests.services import paging
from tests.services.conftest import Answer, Service, serving

ROWS = 10_000
PAGES = config.load(REPOSITORY, {}).pages
PATHS = {table: path for path, table in paging.TABLES.items()}


def problem(answer: Answer, status: int) -> str:
    """Check that an answer is this problem, and return the parameter that it blames, or the detail."""
    assert answer.status == status, answer
    assert answer.headers["Content-Type"] == "application/problem+json"
    said = answer.json
    assert {"type", "title", "status", "detail", "instance"} <= said.keys()
    assert said["status"] == status
    return str(said["errors"][0]["parameter"] if "errors" in said else said["detail"])


@pytest.fixture(scope="module")
def seeded(shared: str) -> dict[str, set[int]]:
    """Fill every list."""
    return paging.seed(shared, ROWS)


@pytest.fixture
def of(financial: Service, trading: Service) -> Callable[[str], Service]:
    """Return the service that serves a path."""
    return lambda path: financial if path in paging.FINANCIAL else trading


@pytest.mark.parametrize("path", paging.TABLES)
def test_each_row_comes_once_while_others_come(
    path: str, shared: str, seeded: dict[str, set[int]], of: Callable[[str], Service]
) -> None:
    """Of 10,000 rows each comes exactly once while rows are inserted before, between and behind them."""
    with paging.inserting(shared) as rounds:
        until(lambda: rounds)
        began = len(rounds)
        found = paging.walk(of(path).base, path, 97)
        assert len(rounds) > began, "nothing was inserted meanwhile"
    assert len(found) == len(set(found))
    assert seeded[path] <= set(found)


@pytest.mark.usefixtures("seeded")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_page_is_as_declared(page: config.Page, shared: str, of: Callable[[str], Service]) -> None:
    """A declared page gives the rows of its filter in its order, and PostgreSQL reads them from the declared index."""
    path = PATHS[page.table]
    with psycopg.connect(shared, autocommit=True) as database:
        condition, query = "true", {}
        if page.filter:
            (column,) = page.filter
            # The rarest of the frequent: for a value that most rows have the planner rightly takes the other index.
            (value,) = database.execute(
                f"SELECT {column} FROM {page.table} GROUP BY 1 HAVING count(*) > 150 ORDER BY count(*) LIMIT 1"
            ).fetchone()
            condition, query = f"{column} = '{value}'", {column: value}
        order = "-" + page.order[0].split()[0]
        expected = [
            number
            for (number,) in database.execute(
                f"SELECT id FROM {page.table} WHERE {condition} ORDER BY {', '.join(page.order)} LIMIT 500"
            )
        ]
        used = f"SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = '{page.index}'"
        before = database.execute(used).fetchone()
        found = []
        first = target = f"{path}?{urllib.parse.urlencode({'limit': 100, 'order': order, **query})}"
        while target and len(found) < 500:
            answer = of(path).ask(target)
            assert answer.status == 200, answer
            found += [item["id"] for item in answer.json["items"]]
            link = re.fullmatch(r'<(/.*)>; rel="next"', answer.headers["Link"] or "")
            assert bool(link) == (answer.json["next"] is not None)
            target = link[1] if link else ""
        assert found == expected
        # A session reports what it did about once a second, when it next has something to do.
        until(lambda: of(path).ask(first).status == 200 and database.execute(used).fetchone() > before)


@pytest.mark.usefixtures("seeded")
@pytest.mark.parametrize("page", declarations.read(config.load(REPOSITORY, {})), ids=lambda page: page.name)
def test_what_is_sent_is_what_is_judged(page: pages.Page, shared: str, of: Callable[[str], Service]) -> None:
    """The text that reaches the server is that of `inv pages`, letter by letter, first page and next page."""
    service = of(PATHS[page.table])
    with psycopg.connect(shared, autocommit=True) as database:
        query = {}
        if page.filter:
            (column,) = page.filter
            (value,) = database.execute(
                f"SELECT {column} FROM {page.table} GROUP BY 1 HAVING count(*) > 5 LIMIT 1"
            ).fetchone()
            query[column] = value

        def sent() -> set[str]:
            rows = database.execute(
                "SELECT query FROM pg_stat_activity"
                " WHERE datname = current_database() AND split_part(application_name, '@', 1) = %s",
                (service.name,),
            )
            return {text for (text,) in rows}

        target = f"{PATHS[page.table]}?{urllib.parse.urlencode({'limit': 2, **query})}"
        for keyset in (False, True):
            text, _ = pages.numbered(page, keyset)
            assert text not in sent()
            answer = service.ask(target)
            assert answer.status == 200, answer
            assert text in sent()
            target = f"{target}&cursor={answer.json['next']}"


@pytest.mark.usefixtures("seeded")
def test_a_cursor_fits_one_list(financial: Service, trading: Service) -> None:
    """A cursor is refused by another list, another filter, another value of the filter; another limit is fine."""
    cursor = financial.ask("/clients?status=active&limit=2").json["next"]
    assert financial.ask(f"/clients?status=active&limit=9&cursor={cursor}").status == 200
    assert financial.ask(f"/clients?status=active&order=-created_at&cursor={cursor}").status == 200
    for service, target in (
        (financial, "/clients?"),
        (financial, "/clients?status=prospect&"),
        (financial, "/accounts?"),
        (financial, "/invoices?status=issued&"),
        (trading, "/strategies?status=active&"),
    ):
        assert problem(service.ask(f"{target}cursor={cursor}"), 400) == "cursor"


def cursor_of(*parts: object) -> str:
    """Return a cursor as a client might make one."""
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "%00",
        "a",
        "é",
        "a" * 5_000,
        cursor_of(),
        cursor_of("clients", [], []),
        cursor_of("clients", [], ["2026-01-01T00:00:00.000000+00:00", "1"]),
        cursor_of("clients", [], ["2026-01-01T00:00:00.000000+00:00", True]),
        cursor_of("clients", [], ["2026-01-01T00:00:00.000000+00:00", 2**63]),
        cursor_of("clients", [], ["2026-01-01T00:00:00.000000+00:00", 1.5]),
        cursor_of("clients", [], ["2026-02-30T00:00:00.000000+00:00", 1]),
        cursor_of("clients", [], ["2026-01-01T00:00:00+00:00", 1]),
        cursor_of("clients", [], ["2026-01-01", 1]),
        cursor_of("clients", [], ["2026-01-01T00:00:00.000000+00:00\n", 1]),
        cursor_of("clients", [], [{}, 1]),
        cursor_of("clients", [], ["2026-01-01T00:00:00.000000+00:00", 1], 1),
        cursor_of("clients", ["active"], ["2026-01-01T00:00:00.000000+00:00", 1]),
        cursor_of("accounts", [], ["2026-01-01T00:00:00.000000+00:00", 1]),
        base64.urlsafe_b64encode(b"[" * 700).decode().rstrip("="),
        base64.urlsafe_b64encode(b"\xff\xfe").decode().rstrip("="),
    ],
)
def test_a_cursor_that_is_none_is_refused(cursor: str, financial: Service) -> None:
    """What is not exactly a cursor of the list is 400 and names the parameter."""
    assert problem(financial.ask(f"/clients?cursor={urllib.parse.quote(cursor, safe='%')}"), 400) == "cursor"


def test_signed_cursors(platform: str, tmp_path: Path) -> None:
    """With SERVICES_CURSOR_KEY a made or changed cursor is refused, and replicas with one key share theirs."""
    paging.seed(platform, 20)
    forged = cursor_of("clients", [], ["2026-01-01T00:00:00.000000+00:00", 1])
    with (
        serving(tmp_path, "financial-svc", platform, SERVICES_CURSOR_KEY="one") as first,
        serving(tmp_path, "financial-svc", platform, SERVICES_CURSOR_KEY="one") as second,
        serving(tmp_path, "financial-svc", platform, SERVICES_CURSOR_KEY="two") as other,
    ):
        cursor = first.ask("/clients?limit=5").json["next"]
        assert second.ask(f"/clients?limit=5&cursor={cursor}").status == 200
        assert problem(other.ask(f"/clients?limit=5&cursor={cursor}"), 400) == "cursor"
        assert problem(first.ask(f"/clients?limit=5&cursor={forged}"), 400) == "cursor"
        changed = ("A" if cursor[0] != "A" else "B") + cursor[1:]
        assert problem(first.ask(f"/clients?limit=5&cursor={changed}"), 400) == "cursor"
        assert problem(first.ask(f"/clients?limit=5&cursor={cursor[:-1]}"), 400) == "cursor"


@pytest.mark.parametrize(
    ("target", "blamed", "said"),
    [
        ("/clients?limit=0", "limit", "limit must be a whole number from 1 to 200."),
        ("/clients?limit=201", "limit", "from 1 to 200"),
        ("/clients?limit=-1", "limit", "from 1 to 200"),
        ("/clients?limit=ten", "limit", "from 1 to 200"),
        ("/clients?limit=", "limit", "from 1 to 200"),
        ("/clients?limit=%D9%A1", "limit", "from 1 to 200"),
        ("/clients?limit=" + "9" * 5_000, "limit", "from 1 to 200"),
        ("/clients?limit=1&limit=2", "limit", "limit is given twice."),
        ("/clients?offset=10", "offset", "status, order, limit, cursor"),
        ("/clients?status=unknown", "status", "prospect, active, inactive, archived"),
        ("/clients?status=", "status", "one of"),
        ("/clients?status=%00", "status", "one of"),
        ("/clients?order=name", "order", "-created_at"),
        ("/clients?order=created_at", "order", "-created_at"),
        ("/clients?%FF=1", "\ufffd", "not known"),
        ("/accounts?institution_id=x", "institution_id", "institution_id must be an id: a whole number."),
        ("/accounts?institution_id=0", "institution_id", "between 1 and"),
        ("/accounts?institution_id=9223372036854775808", "institution_id", "between 1 and"),
        ("/accounts?institution_id=1'%20OR%201=1", "institution_id", "a whole number"),
        ("/transactions?account_id=1&status=posted", "account_id", "none; account_id; status"),
    ],
)
def test_a_query_that_no_page_serves_is_refused(target: str, blamed: str, said: str, financial: Service) -> None:
    """A query that no declared page serves is 400, names the parameter and says what there is instead."""
    answer = financial.ask(target)
    assert problem(answer, 400) == blamed
    assert said in answer.json["detail"]


def test_the_operators_choose_the_size(platform: str, tmp_path: Path) -> None:
    """The size of a page and its maximum are those of public.system_settings; nonsense there means the default."""
    paging.seed(platform, 60)
    with psycopg.connect(platform, autocommit=True) as database:
        change = "UPDATE public.system_settings SET value = %s WHERE key = %s"
        database.execute(change, ("7", "pagination.page_size"))
        database.execute(change, ('"many"', "pagination.page_size_max"))
        with serving(tmp_path, "trading-svc", platform) as service:
            assert len(service.ask("/orders").json["items"]) == 7
            assert service.ask("/orders?limit=200").status == 200
            database.execute(change, ("20", "pagination.page_size_max"))
            until(lambda: service.ask("/orders?limit=21").status == 400)
            assert len(service.ask("/orders?limit=20").json["items"]) == 20


def test_a_list_shows_what_the_database_has(platform: str, tmp_path: Path) -> None:
    """Money comes as exact text, moments with their microseconds in UTC, what is missing as null."""
    with psycopg.connect(platform, autocommit=True) as database:
        database.execute(
            "INSERT INTO financial.clients (name, created_at) VALUES ('Ünï\u2603', '2026-03-29 03:30:00.000001+02')"
        )
    with serving(tmp_path, "financial-svc", platform) as service:
        (item,) = service.ask("/clients").json["items"]
    assert item["name"] == "Ünï\u2603"
    assert item["created_at"] == "2026-03-29T01:30:00.000001+00:00"
    assert item["email"] is None


def test_a_database_without_the_tables_is_not_the_clients_fault(database: str, tmp_path: Path) -> None:
    """On a database that is not migrated a list is 503 and says so, and names no table."""
    with serving(tmp_path, "trading-svc", database) as service:
        answer = service.ask("/orders")
    assert problem(answer, 503) == "The database is not at a revision that this build knows. Try again."
    assert answer.headers["Retry-After"] == "2"
