"""Planted indexes are found on a real server, each proposal keeps what it promises, and nothing else is proposed."""

from collections.abc import Iterable
from typing import Any

import psycopg
import pytest

from schemata import config, errors
from schemata.advice import advise, outcome
from schemata.backups import backups
from schemata.deploy import migrate
from schemata.postgres import urls
from schemata.server.embedded import server_state
from tests.integration.advice import planted

# One worker fills the shop and asks for advice.
pytestmark = pytest.mark.xdist_group("advice")

CALLS = 20


def work(url: str, queries: Iterable[tuple[str, tuple[Any, ...]]], times: int = CALLS) -> None:
    """Run queries as an application does."""
    with psycopg.connect(url, autocommit=True, application_name="shop-svc") as connection:
        connection.execute("SET search_path = app")
        for _ in range(times):
            for text, values in queries:
                connection.execute(text, values)


def buffers(url: str, text: str, values: tuple[Any, ...]) -> int:
    """Return how many blocks a query looks at; what it changes is taken back."""
    with psycopg.connect(url) as connection:
        connection.execute("SET search_path = app")
        cursor = psycopg.ClientCursor(connection)
        found = cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {text}".encode(), values).fetchone()
        connection.rollback()
    assert found
    plan = found[0][0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> config.Config:
    """Return the settings of a project with the structure as its one migration."""
    root = tmp_path_factory.mktemp("shop")
    folder = root / "migrations" / "app"
    folder.mkdir(parents=True)
    (folder / "app.20260101000000.shop.sql").write_text(planted.STRUCTURE)
    (folder / "app.20260101000000.shop.rollback.sql").write_text(planted.ROLLBACK)
    found = config.parse({"schemas": ["app"], "name": "shop", "advice": {"unused_days": 0}}, root, {})
    return found.without_backups()


@pytest.fixture(scope="module")
def shop(collecting: server_state.Server, settings: config.Config) -> str:
    """Return the URL of a database with rows, in which the planted queries ran."""
    with psycopg.connect(urls.with_database(collecting.url, "postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE shop")
    url = urls.with_database(collecting.url, "shop")
    migrate.migrate(settings, url=url)
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in planted.ROWS.split(";\n"):
            if statement.strip():
                connection.execute(statement.encode())
    with psycopg.connect(urls.with_database(collecting.url, "postgres"), autocommit=True) as connection:
        connection.execute("SELECT pg_stat_statements_reset()")
    work(url, [*planted.MISSING.values(), *planted.SERVED])
    return url


@pytest.fixture(scope="module")
def advice(shop: str, settings: config.Config) -> outcome.Advice:
    """Return the advice, for which nothing was changed on the target."""
    return advise.advise(settings, url=shop, max_new=20)


def test_nothing_was_changed(shop: str, advice: outcome.Advice) -> None:
    """The target has the indexes that it had, and the planner's work on it left no statement of ours running."""
    with psycopg.connect(shop) as connection:
        found = connection.execute(
            "SELECT count(*) FROM pg_indexes WHERE schemaname = 'app' AND indexname !~ '_pkey$'"
        ).fetchone()
    assert found == (planted.STRUCTURE.count("CREATE INDEX") + planted.STRUCTURE.count("CREATE UNIQUE INDEX"),)
    assert advice.evaluator == "ghost"


def test_the_planted_ones_are_found(advice: outcome.Advice) -> None:
    """Of twelve missing indexes eleven at least, and for each the query that lacks it."""
    found = {(".".join(one.candidate.table), one.candidate.keys[0].text): one for one in advice.proposals}
    lacking = [key for key in planted.MISSING if key not in found]
    assert len(lacking) <= 1, f"not found: {lacking}"
    assert set(found) <= set(planted.MISSING), "and nothing else is proposed"
    for key, one in found.items():
        text, _ = planted.MISSING[key]
        assert any(helped.text.split("$")[0] in text for helped in one.helps), f"{one.name} is for another query"


def test_what_is_served_well_gets_nothing(advice: outcome.Advice) -> None:
    """None of the queries that have their index is a reason of a proposal."""
    helped = [one.text for proposal in advice.proposals for one in proposal.helps]
    served = [text.split("%s")[0] for text, _ in planted.SERVED]
    assert not [text for text in helped if text.split("$")[0] in served]


def of_the_target(url: str) -> tuple[Any, ...]:
    """Return what a target would show of somebody who worked on it: databases, indexes, reads of its tables."""
    with psycopg.connect(url, autocommit=True) as connection:
        return tuple(
            connection.execute(text).fetchall()
            for text in (
                "SELECT datname FROM pg_database ORDER BY 1",
                "SELECT indexrelid, indisvalid FROM pg_index ORDER BY 1",
                "SELECT relname, seq_scan, idx_scan, n_tup_ins, n_tup_upd, n_tup_del FROM pg_stat_user_tables"
                " WHERE schemaname = 'app' ORDER BY 1",
            )
        )


@pytest.mark.usefixtures("own_programs")
def test_a_restored_copy_judges_with_real_indexes(shop: str, settings: config.Config) -> None:
    """From the newest backup it finds what the ghost finds, and the sizes, and asks nothing of the target's tables."""
    backups.backup(settings, url=shop, verify="none")
    before = of_the_target(shop)
    result = advise.advise(settings, url=shop, evaluator="copy", max_new=20)
    assert of_the_target(shop) == before
    (kept,) = backups.listed(settings).as_dict()["backups"]
    assert result.evaluator == "copy"
    assert kept["name"] in result.origin
    found = {(".".join(one.candidate.table), one.candidate.keys[0].text): one for one in result.proposals}
    assert set(found) <= set(planted.MISSING)
    assert len(found) >= len(planted.MISSING) - 1
    helped = {helped.text.split("$")[0] for proposal in result.proposals for helped in proposal.helps}
    assert helped.isdisjoint(text.split("%s")[0] for text, _ in planted.SERVED)
    with psycopg.connect(shop) as connection:
        for one in result.proposals:
            (text,) = one.statements
            connection.execute(text.replace(" CONCURRENTLY", "").encode())
            built = connection.execute(f"SELECT pg_relation_size('app.{one.name}')".encode()).fetchone()
            assert built == (pytest.approx(one.size, rel=0.1),)
        connection.rollback()


def test_what_can_go(advice: outcome.Advice) -> None:
    """Every index that another covers, and every one that nothing reads; no other, and none that a page needs."""
    covered = {one.index.full_name: one.covered_by for one in advice.unneeded if one.covered_by}
    assert covered == planted.COVERED
    assert {one.index.full_name for one in advice.unneeded if not one.covered_by} == planted.UNUSED


def test_a_proposal_keeps_its_promise(shop: str, settings: config.Config, advice: outcome.Advice) -> None:
    """Applied as a migration each makes its query look at as few blocks as predicted, within a factor of two."""
    before = {key: buffers(shop, *query) for key, query in planted.MISSING.items()}
    written = advise.advise(settings, url=shop, max_new=20, write=True)
    assert len(written.written) == 2 * len(written.proposals)
    migrate.migrate(settings, url=shop)
    with psycopg.connect(shop, autocommit=True) as connection:
        connection.execute("ANALYZE")
    for one in written.proposals:
        key = (".".join(one.candidate.table), one.candidate.keys[0].text)
        (helped, *_) = one.helps
        left = buffers(shop, *planted.MISSING[key]) / before[key]

        assert left <= 2 * helped.after / helped.before, f"{one.name}: {left:.3f} of the blocks are left"
    again = advise.advise(settings, url=shop, max_new=20)
    assert again.proposals == (), "what has its index is not proposed again"


def test_hypopg_where_it_is(shop: str, settings: config.Config, collecting: server_state.Server) -> None:
    """It judges on the target where it is installed, and `auto` takes it; where it is not, that is said."""
    with psycopg.connect(shop, autocommit=True) as connection:
        there = connection.execute("SELECT FROM pg_available_extensions WHERE name = 'hypopg'").fetchone()
        if there is None:
            with pytest.raises(errors.NotAvailable, match="no extension hypopg"):
                advise.advise(settings, url=shop, evaluator="hypopg")
            return
        connection.execute(
            "DROP INDEX IF EXISTS app.idx_orders_code, app.idx_customers_lower_email, app.idx_customers_profile"
        )
        connection.execute("CREATE EXTENSION hypopg SCHEMA public")
    result = advise.advise(settings, url=shop, max_new=20)
    assert result.evaluator == "hypopg"
    assert {one.name for one in result.proposals} >= {"idx_orders_code", "idx_customers_lower_email"}
    assert all(one.size > 0 for one in result.proposals)
