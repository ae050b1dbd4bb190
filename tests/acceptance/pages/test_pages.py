"""`inv pages`: what is said of pages that are served and of those that are not, and of what cannot be asked."""

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.conftest import Project

PAGE = """
    [[tool.schemata.pages]]
    name = "sales"
    table = "app.sale"
    columns = ["id", "made_at", "status"]
    filter = ["status"]
    order = ["made_at desc", "id desc"]
    index = "idx_sale_status_made_at"
"""
TABLE = """
    -- Create the sales.

    CREATE TABLE app.sale (
        id bigint PRIMARY KEY,
        status text NOT NULL,
        made_at timestamptz NOT NULL,
        note text
    );
    CREATE INDEX idx_sale_status_made_at ON app.sale (status, made_at DESC, id DESC);
"""
SCALE = "[app.sale]\nrows = 40_000_000\nn_distinct.status = 5\nn_distinct.id = -1\n"
FILE = """-- page: by_note
-- index: idx_sale_status_made_at
-- keyset: made_at desc, id desc
-- bounds: rows 5
SELECT id, made_at FROM app.sale
WHERE status = :status AND (made_at, id) < (:after_made_at, :after_id)
ORDER BY made_at DESC, id DESC LIMIT :page_limit
"""


@pytest.fixture
def shop(project: Project, own_programs: None) -> Project:
    """Give a project with a table, a page and a migration."""
    project.configure(PAGE)
    project.write("app.20260101000000.create_sale", TABLE)
    return project


def scale(project: Project, text: str = SCALE) -> None:
    """Write the scale file."""
    (project.root / "migrations" / "scale.toml").write_text(text, encoding="utf-8")


def add_file(project: Project, text: str = FILE) -> None:
    """Write a page as a file, and let the settings name it."""
    (project.root / "pages").mkdir(exist_ok=True)
    (project.root / "pages" / "by_note.sql").write_text(text, encoding="utf-8")
    project.environment["SCHEMATA_PAGE_FILES"] = "pages/*.sql"


def asked(project: Project, *arguments: str, code: int = 0) -> Any:
    """Return the JSON document of `inv pages`."""
    result = project.inv("pages", *arguments, "--json")
    assert result.returncode == code, result.stdout + result.stderr
    return json.loads(result.stdout)


def test_without_a_scale_file_it_is_the_empty_database(shop: Project) -> None:
    """Each page has its row; with its name its SQL is shown, as the server receives it."""
    result = shop.inv("pages", "sales")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Judged on an empty PostgreSQL" in result.stdout
    sql = (
        'SELECT "id", "made_at", "status" FROM "app"."sale" WHERE "status" = $1 AND ("made_at", "id") < ($2, $3)'
        ' ORDER BY "made_at" DESC, "id" DESC LIMIT $4'
    )
    assert sql in result.stdout
    assert result.stdout.endswith("1 page served by the declared index.\n")


def test_a_page_that_is_not_served_is_named_with_the_reason(shop: Project) -> None:
    """The index lacks the filter: exit 1, the page, the reason and the SQL, in the text and in the JSON."""
    shop.write(
        "app.20260102000000.change_index",
        "-- Change the index.\n\nDROP INDEX app.idx_sale_status_made_at;\n"
        "CREATE INDEX idx_sale_status_made_at ON app.sale (made_at DESC, id DESC);\n",
    )
    result = shop.inv("pages")
    assert result.returncode == 1
    assert "sales, to be served by idx_sale_status_made_at" in result.stdout
    assert "on an empty database: first page: " in result.stdout
    assert "1 of 1 page failed." in result.stdout
    (page,) = asked(shop, code=1)["pages"]
    assert (page["name"], page["index"], page["ok"]) == ("sales", "idx_sale_status_made_at", False)
    assert page["judged"][0]["problems"]


@pytest.mark.pg(least=18)
def test_at_the_scale(shop: Project) -> None:
    """With a scale file both are asked, with --scale and --empty one; a page of a file is asked like any other."""
    scale(shop)
    add_file(shop)
    document = asked(shop)
    assert [page["name"] for page in document["pages"]] == ["sales", "by_note"]
    assert document["scale"] == "migrations/scale.toml"
    for page in document["pages"]:
        empty, full = page["judged"]
        assert (empty["on"], full["on"]) == ("empty", "scale")
        assert full["indexes"] == ["idx_sale_status_made_at"]
        assert full["rows_estimated"] == pytest.approx(51)
    assert document["pages"][1]["rows_allowed"] == 5 * 51
    assert document["pages"][1]["parameters"] == ["status", "after_made_at", "after_id", "page_limit"]
    for flag, place in (("--scale", "scale"), ("--empty", "empty")):
        (one,) = asked(shop, "sales", flag)["pages"][0]["judged"]
        assert one["on"] == place


def test_on_a_target_rows_are_read_and_nothing_is_written(shop: Project) -> None:
    """Rows, buffers and times of the first page and of one far behind it, in a session that may not write."""
    assert shop.inv("migrate").returncode == 0
    with psycopg.connect(shop.url, autocommit=True) as connection:
        empty = asked(shop, "--url", shop.url)
        assert empty["pages"][0]["judged"][0]["first_page"] is None
        assert "there is no row: app.sale" in " ".join(empty["notes"])
        connection.execute(
            "INSERT INTO app.sale SELECT n, 'open', '2026-01-01'::timestamptz + n * interval '1 s'"
            " FROM generate_series(1, 20000) n"
        )
        connection.execute("VACUUM (ANALYZE) app.sale")
        (one,) = asked(shop, "--url", f"{shop.url}?options=-cdefault_transaction_read_only%3Don")["pages"][0]["judged"]
    for page in (one["first_page"], one["deep_page"]):
        assert page["rows_read"] == 51
        assert 0 < page["buffers"] < 60
        assert page["milliseconds"] > 0
    assert one["on"] == "live"
    shown = shop.inv("pages", "--url", shop.url).stdout
    assert "buffers" in shown
    assert " ms" in shown


def test_bounds_are_held_on_a_target(shop: Project) -> None:
    """More buffers than a page may read are a failure, with both numbers."""
    shop.configure(PAGE + "    max_buffers = 1\n")
    assert shop.inv("migrate").returncode == 0
    with psycopg.connect(shop.url, autocommit=True) as connection:
        connection.execute("INSERT INTO app.sale SELECT n, 'open', now() FROM generate_series(1, 20000) n")
        connection.execute("VACUUM (ANALYZE) app.sale")
    (page,) = asked(shop, "--url", shop.url, code=1)["pages"]
    assert any("buffers were read for a page, at most 1 may be" in text for text in page["judged"][0]["problems"])


REFUSED = [
    ("a name that is none", ("sale",), None, "there is no page sale\nDid you mean sales?"),
    ("two flags", ("--scale", "--empty"), SCALE, "--scale and --empty exclude each other"),
    ("no scale file", ("--scale",), None, "there is no scale file migrations/scale.toml"),
    ("a scale file that is no TOML", (), "[app", "migrations/scale.toml is not TOML"),
    ("a table that is not in it", (), "[app.other]\nrows = 1\n", "has no size of app.sale (page sales)"),
    (
        "a table that no migration makes",
        (),
        f"{SCALE}[app.sales]\nrows = 1\n",
        "has a size of app.sales, and the migrations make no such table\nDid you mean app.sale?",
    ),
]


@pytest.mark.pg(least=18)
@pytest.mark.parametrize(("name", "arguments", "text", "expected"), REFUSED, ids=[row[0] for row in REFUSED])
def test_what_cannot_be_asked_is_refused(
    shop: Project, name: str, arguments: tuple[str, ...], text: str | None, expected: str
) -> None:
    """A slip is an error of the settings, by name, with what to write instead."""
    if text is not None:
        scale(shop, text)
    result = shop.inv("pages", *arguments)
    assert result.returncode == 2, result.stdout + result.stderr
    assert expected in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.pg(least=18)
def test_a_file_that_reads_a_table_without_a_size_is_named(shop: Project) -> None:
    """Which tables a file reads is known from its plan."""
    shop.write(
        "app.20260102000000.create_other", "-- Create another.\n\nCREATE TABLE app.other (id bigint PRIMARY KEY);"
    )
    scale(shop)
    add_file(shop, "-- page: others\n-- index: other_pkey\nSELECT id FROM app.other ORDER BY id LIMIT 51")
    result = shop.inv("pages")
    assert result.returncode == 2, result.stdout + result.stderr
    assert "migrations/scale.toml has no size of app.other (page others)" in result.stderr


def test_files_that_are_no_pages_are_refused(shop: Project, tmp_path: Path) -> None:
    """A pattern without a file, and a name that is there twice."""
    shop.environment["SCHEMATA_PAGE_FILES"] = "nothing/*.sql"
    result = shop.inv("pages")
    assert (result.returncode, "there is no file nothing/*.sql" in result.stderr) == (2, True)
    add_file(shop, FILE.replace("by_note", "sales"))
    result = shop.inv("pages")
    assert result.returncode == 2
    assert "pages/by_note.sql: the page sales is in [[tool.schemata.pages]] too" in result.stderr


def test_smoke_asks_files_too(shop: Project) -> None:
    """A file whose index is gone is named by `inv smoke`."""
    add_file(shop)
    assert shop.inv("migrate").returncode == 0
    assert shop.inv("smoke").returncode == 0
    with psycopg.connect(shop.url, autocommit=True) as connection:
        connection.execute("DROP INDEX app.idx_sale_status_made_at")
    result = shop.inv("smoke")
    assert result.returncode == 1
    assert "page by_note: " in result.stdout


@pytest.mark.pg(least=18)
def test_the_checklist_asks_at_the_scale(shop: Project) -> None:
    """The line of the query plans says that it did, and fails where a page's table has no size."""
    scale(shop)
    result = shop.inv("check", "--only", "query-plans")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "1 question answered, also at the committed scale" in " ".join(result.stdout.split())
    scale(shop, "[app.other]\nrows = 1\n")
    result = shop.inv("check", "--only", "query-plans")
    assert result.returncode == 2, result.stdout + result.stderr
    assert "has no size of app.sale (page sales)" in " ".join(result.stdout.split())


@pytest.mark.pg(most=17)
def test_without_postgresql_18_the_checklist_says_so(shop: Project) -> None:
    """Statistics can be restored from 18 on: the other questions are asked, and that this one was not is said."""
    scale(shop)
    shop.environment["PIP_NO_INDEX"] = "1"  # nor can it be downloaded
    result = shop.inv("check", "--only", "query-plans")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "1 question answered, not at the committed scale" in " ".join(result.stdout.split())
    result = shop.inv("pages", "--scale")
    assert result.returncode == 3, result.stdout + result.stderr
    assert "a temporary server of PostgreSQL 18 is needed" in result.stderr
    assert shop.inv("pages", "--empty").returncode == 0
