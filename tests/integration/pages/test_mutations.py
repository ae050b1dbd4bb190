"""Whatever breaks a page of the platform is found by its name: without rows, at the committed scale, on rows."""

import dataclasses
import uuid
from collections.abc import Callable, Iterator, Sequence

import psycopg
import pytest

from schemata import config
from schemata.ghost import ghost
from schemata.migrations import files
from schemata.pages import outcome, pages, planner, sql_file, verdicts
from schemata.postgres import urls, waiting
from schemata.scale import scale_file
from schemata.seed import seed
from schemata.server import programs as server_programs
from schemata.server.embedded import binaries, server_state
from schemata.smoke import smoke
from tests.conftest import REPOSITORY
from tests.integration.pages import mutations
from tests.services import paging

# One worker makes the rows and the server of its own.
pytestmark = pytest.mark.xdist_group("mutations")

SETTINGS = config.load(REPOSITORY, {})
#: Rows of each list. With --whole: rows of the transactions; the other lists have their share by the scale file.
ROWS, WHOLE = 12_000, 1_000_000
LISTED = (
    "public.users", "financial.institutions", "financial.categories", "financial.clients", "financial.accounts",
    "financial.invoices", "financial.transactions", "trading.strategies", "trading.positions", "trading.orders",
)  # fmt: skip


def judged(url: str, chosen: Sequence[pages.Page], place: str) -> dict[str, outcome.Judged]:
    """Return what is found of each page."""
    wanted = scale_file.read(SETTINGS) if place == "scale" else None
    with waiting.connect(url, application_name="test") as connection:
        return {page.name: one for page, one in verdicts.judge(SETTINGS, connection, chosen, place, wanted)}


def failed(found: dict[str, outcome.Judged]) -> set[str]:
    """Return the names of the pages with problems."""
    return {name for name, one in found.items() if one.problems}


def failed_in_smoke(url: str, chosen: Sequence[pages.Page], monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Return the names of the pages with problems by `inv smoke`, if these are declared."""
    monkeypatch.setattr("schemata.pages.declarations.read", lambda _: tuple(chosen))
    checks = smoke.smoke(SETTINGS, url=url).as_dict()["checks"]
    return {one["name"] for one in checks if one["group"] == "page" and one["problem"]}


def name_of(mutation: mutations.Mutation) -> str:
    """Return the name of a case."""
    return f"{mutation.page}: {mutation.name}"


def changed(url: str, statements: Sequence[str]) -> str:
    """Run statements in a database and return its URL."""
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())
    return url


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Ask at the scale and on rows for a sample of the mutations, or with --whole for all."""
    samples = {test_at_the_scale: mutations.SOME, test_on_rows: mutations.FEW}
    if metafunc.function in samples:
        whole = metafunc.config.getoption("--whole")
        metafunc.parametrize("mutation", mutations.MUTATIONS if whole else samples[metafunc.function], ids=name_of)


def test_there_are_enough() -> None:
    """The table has every index of a page in four ways, and other changes."""
    for some in (mutations.MUTATIONS, mutations.SOME):
        assert len(some) >= 40
        assert {mutation.page for mutation in some} >= set(mutations.BY_NAME)


@pytest.mark.parametrize("mutation", mutations.MUTATIONS, ids=name_of)
def test_on_an_empty_database(
    mutation: mutations.Mutation,
    make_database: Callable[..., str],
    platform_template: str,
    monkeypatch: pytest.MonkeyPatch,
    pytestconfig: pytest.Config,
) -> None:
    """The page is found, and no other one, by `inv pages` and by `inv smoke`."""
    url = changed(make_database(platform_template), mutation.ddl)
    chosen = mutation.pages()
    found = judged(url, chosen, "empty")
    assert mutation.breaks(failed(found)), found
    if mutation not in mutations.FEW and not pytestconfig.getoption("--whole"):
        return
    assert mutation.breaks(failed_in_smoke(url, chosen, monkeypatch))


@pytest.fixture(scope="module")
def platform_server() -> Iterator[ghost.Server]:
    """Run a server with the structure of the platform."""
    with ghost.server(SETTINGS, files.read(SETTINGS.migrations, SETTINGS.schemas)) as running:
        yield running


@pytest.mark.pg(least=18)
def test_at_the_scale(mutation: mutations.Mutation, platform_server: ghost.Server) -> None:
    """The page is found, and no other one, where the planner believes in 50 million rows."""
    url = platform_server.database(scale_file.read(SETTINGS), mutation.ddl)
    found = judged(url, mutation.pages(), "scale")
    assert mutation.breaks(failed(found)), found
    with psycopg.connect(urls.with_database(url, "postgres"), autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{urls.database_of(url)}"'.encode())


@pytest.mark.pg(least=18)
def test_the_platform_is_served_at_the_scale(platform_server: ghost.Server) -> None:
    """Every page of the platform is read from its index, a page of rows at a time."""
    url = platform_server.database(scale_file.read(SETTINGS))
    found = judged(url, [*mutations.PAGES, *mutations.SERVED], "scale")
    assert failed(found) == set(), found
    assert max(one.rows_estimated or 0 for one in found.values()) == pytest.approx(pages.LIMIT)


@pytest.mark.pg(most=17)
def test_a_project_on_an_older_server_is_judged_at_the_scale_too(programs: binaries.Binaries) -> None:
    """What an index can serve is asked of the project's own version, what is planned at the scale of PostgreSQL 18."""
    settings = server_programs.of_version(SETTINGS, programs.major)
    result = verdicts.on_scratch(settings, mutations.PAGES, scale_file.read(SETTINGS))
    assert f"an empty PostgreSQL {programs.major} and on one without rows" in result.scope
    assert all([one.place for one in verdict.judged] == ["empty", "scale"] for verdict in result.verdicts)
    assert all(verdict.ok for verdict in result.verdicts)


@pytest.fixture(scope="module")
def seeded(
    server: server_state.Server, admin: psycopg.Connection, platform_template: str, pytestconfig: pytest.Config
) -> Iterator[str]:
    """Give the name of a platform with rows in every list."""
    name = f"seeded_pages_{uuid.uuid4().hex[:8]}"
    admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{platform_template}"')
    url = urls.with_database(server.url, name)
    if pytestconfig.getoption("--whole"):
        seed.seed(
            SETTINGS, url=url, wanted=WHOLE, scale_file="migrations/scale.toml", tables=LISTED, yes=True, confirm=name
        )
        # An index that a mutation leaves is a new one: the others are to be as compact.
        changed(url, [f'REINDEX DATABASE "{name}"'])
    else:
        paging.seed(url, ROWS)
    changed(url, ["VACUUM (ANALYZE)"])
    yield name
    admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def mutated(
    mutation: mutations.Mutation, seeded: str, server: server_state.Server, make_database: Callable[..., str]
) -> Iterator[str]:
    """Give the URL of a database with rows and the mutation; an index is as it was afterwards, the rest is a copy."""
    if any("INDEX" not in statement.split()[:2] or "RENAME" in statement for statement in mutation.ddl):
        yield changed(make_database(seeded), mutation.ddl)
        return
    url = urls.with_database(server.url, seeded)
    before = definitions(url)
    try:
        yield changed(url, mutation.ddl)
    finally:
        after = definitions(url)
        changed(url, [f"DROP INDEX {name}" for name, text in after.items() if before.get(name) != text])
        changed(url, [text for name, text in before.items() if after.get(name) != text])
        assert definitions(url) == before


def definitions(url: str) -> dict[str, str]:
    """Return what makes each index of the platform."""
    text = (
        "SELECT quote_ident(schemaname) || '.' || quote_ident(indexname), indexdef FROM pg_indexes"
        " WHERE schemaname = ANY(%s)"
    )
    with psycopg.connect(url, autocommit=True) as connection:
        return dict(connection.execute(text, [list(SETTINGS.schemas)]).fetchall())


def test_on_rows(
    mutation: mutations.Mutation, mutated: str, monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config
) -> None:
    """The page is found, and no other one, where every list has rows: with --whole a million transactions."""
    chosen = mutation.pages()
    found = judged(mutated, chosen, "live")
    if pytestconfig.getoption("--whole"):
        assert mutation.breaks_its_table(failed(found)), found
        assert mutation.breaks(failed_in_smoke(mutated, chosen, monkeypatch))
    else:
        assert mutation.breaks(failed(found)), found


def test_the_platform_is_served_whatever_analyze_finds(
    seeded: str, make_database: Callable[..., str], pytestconfig: pytest.Config
) -> None:
    """Round after round, with ANALYZE in between, no page of the platform fails, empty or with rows."""
    url = make_database(seeded)
    rounds = 50 if pytestconfig.getoption("--whole") else 5
    chosen = [*mutations.PAGES, *mutations.SERVED]
    for _ in range(rounds):
        found = judged(url, chosen, "live")
        assert failed(found) == set(), found
        changed(url, ["ANALYZE"])
    measured = {name: one for name, one in found.items() if one.first}
    assert set(mutations.BY_NAME) <= set(measured)
    for page in mutations.PAGES:
        one = measured[page.name]
        assert one.first
        assert one.first[0] <= page.rows_allowed or one.first[1] <= pages.LIMIT
        assert 0 < one.first[1] <= page.max_buffers
    assert measured["transactions"].deep


def test_the_platform_is_served_without_rows(platform: str) -> None:
    """No page of the platform fails on an empty database, analysed or not."""
    chosen = [*mutations.PAGES, *mutations.SERVED]
    for statement in ("SELECT 1", "ANALYZE", "VACUUM"):
        changed(platform, [statement])
        for place in ("empty", "live"):
            assert failed(judged(platform, chosen, place)) == set(), (statement, place)


def test_partitions_and_views_are_pages_too(database: str) -> None:
    """A partitioned table is judged by the indexes of the whole, and of a view nobody asks for a unique key."""
    settings = dataclasses.replace(SETTINGS, schemas=("app",))
    order, columns = ("day desc", "id desc"), ("id", "day")
    event = pages.Page("event", "app.event", (), order, "event_day", columns)
    chosen = [
        event,
        dataclasses.replace(event, name="view", table="app.all_events"),
        dataclasses.replace(event, name="lost", order=("day desc",)),
        dataclasses.replace(event, name="absent", table="app.nothing"),
    ]
    changed(
        database,
        [
            "CREATE SCHEMA app",
            "CREATE TABLE app.event (id bigint, day date, PRIMARY KEY (id, day)) PARTITION BY RANGE (day)",
            "CREATE TABLE app.event_1 PARTITION OF app.event FOR VALUES FROM ('2026-01-01') TO ('2026-02-01')",
            "CREATE TABLE app.event_2 PARTITION OF app.event FOR VALUES FROM ('2026-02-01') TO ('2026-03-01')",
            "CREATE INDEX event_day ON app.event (day DESC, id DESC)",
            "CREATE VIEW app.all_events AS SELECT * FROM app.event",
            "INSERT INTO app.event SELECT n, '2026-01-01'::date + n % 59 FROM generate_series(1, 20000) n",
            "VACUUM (ANALYZE)",
        ],
    )
    with waiting.connect(database, application_name="test") as connection:
        found = {page.name: one for page, one in verdicts.judge(settings, connection, chosen, "live")}
    assert failed(found) == {"lost", "absent"}, found
    assert found["event"].indexes == ("event_day",)
    assert found["event"].first
    assert found["event"].first[0] <= event.rows_allowed


def test_a_page_that_takes_too_long_is_ended(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a target no question lasts longer than the patience, and the page is named with that."""
    monkeypatch.setattr(planner, "PATIENCE", 0.2)
    slow = sql_file.parse(
        "-- page: slow\n-- index: categories_pkey\n"
        "SELECT id FROM financial.categories WHERE id > 0 AND pg_sleep(1) IS NOT NULL ORDER BY id LIMIT 51",
        "pages/slow.sql",
    )
    (found,) = judged(platform, [slow], "live").values()
    assert "a page of its rows was not read within 0.2 s" in found.problems


@pytest.mark.pg(least=18)
def test_bounds_count(platform_server: ghost.Server) -> None:
    """A page that reads more rows than it may is refused with both numbers."""
    url = platform_server.database(scale_file.read(SETTINGS))
    page = mutations.file_page("f", "idx_transactions_account_date", "account_id = :account AND amount > :least")
    tight = dataclasses.replace(page, max_rows=1)
    wide = dataclasses.replace(page, max_rows=100)
    (words,) = (one.problems for one in judged(url, [tight], "scale").values())
    assert any("are read for a page of 51, at most 51 may be" in word for word in words), words
    (words,) = (one.problems for one in judged(url, [wide], "scale").values())
    assert not any("may be" in word for word in words), words
