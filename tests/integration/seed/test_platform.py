"""The platform, filled: every key leads somewhere, and the same seed makes the same rows."""

import dataclasses
from collections.abc import Callable

import psycopg
import pytest

from schemata import config, errors
from schemata.config import seeding
from schemata.postgres import urls
from schemata.seed import ahead, filling, outcome, seed
from tests.conftest import REPOSITORY

ROWS = 2000


def made(url: str, **asked: object) -> outcome.Seeded:
    """Seed the platform in a database."""
    settings = config.load(REPOSITORY, {})
    asked = {"wanted": ROWS, **asked}
    return seed.seed(settings, url=url, confirm=urls.database_of(url), **asked)  # type: ignore[arg-type]


def checksums(url: str) -> dict[str, tuple[object, ...]]:
    """Return rows and a checksum of each table, by a connection that has nothing to do with the seed."""
    with psycopg.connect(url) as connection:
        names = connection.execute(
            "SELECT format('%I.%I', table_schema, table_name) FROM information_schema.tables "
            "WHERE table_schema IN ('public', 'financial', 'tagging', 'trading') AND table_type = 'BASE TABLE'"
        ).fetchall()
        query = "SELECT count(*), md5(string_agg(md5(t::text), '' ORDER BY md5(t::text))) FROM {} t"
        # What migrations wrote has the time of the migration.
        kept = " WHERE created_at < '2026-06-01'"
        found = {}
        for (name,) in names:
            plain = name in ("public.system_settings", "public.audit_log")
            row = connection.execute(query.format(name) + ("" if plain else kept)).fetchone()  # type: ignore[arg-type]
            found[name] = tuple(row or ())
        del found["public.system_settings"]
        return found


def test_the_platform_is_filled_alike(platform_template: str, make_database: Callable[..., str]) -> None:
    """Two databases have the same rows, a third one by another seed has others; foreign keys and checks hold."""
    first, second, third = (make_database(platform_template) for _ in range(3))
    done = made(first)
    assert done.ok, done.problems
    assert made(second).added == done.added
    assert made(third, number=43).ok
    one, same, other = checksums(first), checksums(second), checksums(third)
    assert one == same
    assert one["financial.transactions"][0] == other["financial.transactions"][0] == ROWS
    different = {name for name in one if one[name] != other[name]}
    assert different >= {"financial.transactions", "financial.invoices", "trading.orders", "public.sessions"}
    with psycopg.connect(first) as connection:
        constraints = connection.execute(
            "SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint "
            "WHERE contype IN ('c', 'f') AND connamespace::regnamespace::text "
            "IN ('public', 'financial', 'tagging', 'trading')"
        ).fetchall()
        assert len(constraints) > 100
        for number, (table, definition) in enumerate(constraints):
            connection.execute(f"ALTER TABLE {table} ADD CONSTRAINT again_{number} {definition}")  # type: ignore[arg-type]
        connection.rollback()
        # Some accounts have most of the transactions, all states come, tags are on rows that are there.
        shares = connection.execute(
            "SELECT count(*)::float8 / sum(count(*)) OVER () FROM financial.transactions "
            "GROUP BY account_id ORDER BY 1 DESC"
        ).fetchall()
        assert shares[0][0] > 5 / len(shares)
        states = connection.execute("SELECT status, count(*) FROM trading.orders GROUP BY 1 ORDER BY 2 DESC").fetchall()
        assert states[0][0] == "filled"
        assert len(states) > 4
        assert connection.execute(
            "SELECT count(*) FILTER (WHERE i.id IS NULL) FROM tagging.taggings t LEFT JOIN financial.invoices i "
            "ON i.id = t.entity_id WHERE t.entity_table = 'invoices'"
        ).fetchone() == (0,)


def test_indexes_that_are_built_afterwards_are_whole(platform: str) -> None:
    """Where a table gets most of its rows each index has all of them, and is used again at once."""
    names = ("public.users", "financial.institutions", "financial.categories", "financial.clients")
    names += ("financial.accounts", "financial.invoices", "financial.transactions")
    done = made(platform, wanted=25_000, tables=names)
    assert done.ok, done.problems
    with psycopg.connect(platform, autocommit=True) as connection:
        assert connection.execute("SELECT count(*) FROM pg_index WHERE NOT (indisready AND indisvalid)").fetchone() == (
            0,
        )
        connection.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")
        for order in ("id", "date, id", "status, date", "account_id, external_id", "account_id, date DESC, id DESC"):
            listed = order.replace(" DESC", "")
            query = f"SELECT count(*) FROM (SELECT {listed} FROM financial.transactions ORDER BY {order}) t"
            assert connection.execute(query).fetchone() == (25_000,)  # type: ignore[arg-type]
        lost = connection.execute(
            "SELECT count(*) FROM financial.transactions t LEFT JOIN financial.accounts a "
            "ON (a.id, a.currency) = (t.account_id, t.currency) WHERE a.id IS NULL"
        ).fetchone()
        assert lost == (0,)
        new = connection.execute(
            "INSERT INTO financial.transactions (account_id, currency, date, amount) "
            "SELECT id, currency, '2026-01-01', 1 FROM financial.accounts LIMIT 1 RETURNING id"
        ).fetchone()
        assert new == (25_001,)


NEEDED = ("public.users", "financial.institutions", "financial.categories", "financial.clients", "financial.accounts")
MADE_AHEAD = "SELECT count(*) FROM pg_class WHERE relname LIKE 'seed_rows%'"


def test_a_second_session_makes_the_same_rows(
    platform_template: str, make_database: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of the rows come from a table that is gone afterwards, as is what a killed run left; they lie in order."""
    names = (*NEEDED, "financial.invoices", "financial.transactions")
    found = []
    helped: list[tuple[int, int]] = []
    monkeypatch.setattr(filling, "BULK", 1000)
    fill = ahead.Helper.fill
    monkeypatch.setattr(ahead.Helper, "fill", lambda *args: (helped.append((args[-2], args[-1])), fill(*args))[1])
    for least in (ahead.LEAST, 1000):
        monkeypatch.setattr(ahead, "LEAST", least)
        monkeypatch.setattr(ahead, "BLOCK", 1500)
        url = make_database(platform_template)
        with psycopg.connect(url) as connection:
            connection.execute("CREATE UNLOGGED TABLE schemata.seed_rows_1_1 (id int)")
        assert made(url, tables=names).ok
        assert bool(helped) == (least == 1000)
        with psycopg.connect(url) as connection:
            query = "SELECT string_agg(t::text, ',' ORDER BY ctid) FROM financial.transactions t"
            found.append(connection.execute(query).fetchone())
            assert connection.execute(MADE_AHEAD).fetchone() == (0,)
    assert (1, 1500) in helped
    assert found[0] == found[1]


def test_a_second_session_that_fails_leaves_nothing(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the server tells the second session is the reason, and the table is as before."""
    assert made(platform, tables=(*NEEDED, "financial.invoices")).ok
    monkeypatch.setattr(filling, "BULK", 1000)
    monkeypatch.setattr(ahead, "LEAST", 1000)
    settings = config.load(REPOSITORY, {})
    given = seeding.Table(columns={"description": f"(1 / (n - {ROWS - 1}))::text"})
    settings = dataclasses.replace(settings, seed=seeding.Seed(tables={"financial.transactions": given}))
    name = urls.database_of(platform)
    done = seed.seed(settings, url=platform, confirm=name, wanted=ROWS, tables=("financial.transactions",))
    assert [one.reason for one in done.problems] == ["division by zero"]
    with psycopg.connect(platform) as connection:
        assert connection.execute("SELECT count(*) FROM financial.transactions").fetchone() == (0,)
        assert connection.execute(MADE_AHEAD).fetchone() == (0,)
        query = "SELECT count(*) FROM pg_index WHERE NOT (indisready AND indisvalid)"
        assert connection.execute(query).fetchone() == (0,)


def test_others_who_work_are_waited_for(platform: str) -> None:
    """A table that somebody holds makes the seed end with exit code 5, and nothing half done."""
    with psycopg.connect(platform) as other:
        other.execute("LOCK TABLE financial.institutions IN EXCLUSIVE MODE")
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(filling, "_LOCK_TIMEOUT", "50ms")
            with pytest.raises(errors.Busy, match=r"financial\.institutions"):
                made(platform)
    assert made(platform, tables=("financial.institutions",)).ok
