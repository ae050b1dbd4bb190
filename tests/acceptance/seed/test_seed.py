"""`inv seed`: what it prints, how it ends, and which databases it leaves alone."""

import json

import psycopg
import pytest

from tests.conftest import Project

TABLES = "app.20260101000000.create_tables"


@pytest.fixture
def shop(project: Project) -> Project:
    """Give a project of two tables, migrated."""
    project.configure("[tool.schemata.seed]\nrows = 300\n")
    project.write(
        TABLES,
        "-- Tables\n"
        "CREATE TABLE app.shops (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL UNIQUE);\n"
        "CREATE TABLE app.sales (\n"
        "    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, shop_id bigint NOT NULL REFERENCES app.shops,\n"
        "    state text NOT NULL CHECK (state IN ('open', 'paid')), paid_at timestamptz,\n"
        "    price numeric(8, 2) NOT NULL, CHECK ((state = 'paid') = (paid_at IS NOT NULL))\n);\n",
        "DROP TABLE app.sales, app.shops;\n",
    )
    assert project.inv("migrate").returncode == 0
    return project


def _one(project: Project, query: str) -> object:
    with psycopg.connect(project.url) as connection:
        row = connection.execute(query).fetchone()  # type: ignore[arg-type]
        assert row is not None
        return row[0]


def test_every_table_is_filled_once(shop: Project) -> None:
    """The second run adds nothing and says so; more rows are added to those that are there."""
    done = shop.inv("seed", shop.confirm)
    assert done.returncode == 0, done.stderr
    assert "Target: postgresql://" in done.stderr
    assert "Added 330 rows of seed 42 to 2 tables" in done.stdout
    again = shop.inv("seed", shop.confirm)
    assert (again.returncode, "Nothing to add: 2 tables have the 330 rows of seed 42 already." in again.stdout) == (
        0,
        True,
    )
    before = _one(shop, "SELECT md5(string_agg(s::text, ',' ORDER BY id)) FROM app.sales s")
    more = shop.inv("seed", "--rows", "1_000", "--json", shop.confirm)
    told = json.loads(more.stdout)
    assert {one["table"]: (one["before"], one["added"]) for one in told["tables"]} == {
        "app.shops": (30, 70),
        "app.sales": (300, 700),
    }
    assert _one(shop, "SELECT count(*) FROM app.sales") == 1000
    assert _one(shop, "SELECT md5(string_agg(s::text, ',' ORDER BY id)) FROM app.sales s WHERE id <= 300") == before
    # The application goes on where the seed ended.
    assert _one(shop, "WITH new AS (INSERT INTO app.shops (name) VALUES ('x') RETURNING id) SELECT id FROM new") == 101
    status = shop.inv("migrate-status", "--check")
    assert status.returncode == 0, status.stdout


def test_another_seed_is_not_mixed_in(shop: Project) -> None:
    """Rows of two seeds do not go together: it is refused, and what goes on is said."""
    assert shop.inv("seed", "--tables", "app.shops", shop.confirm).returncode == 0
    assert _one(shop, "SELECT count(*) FROM app.sales") == 0
    refused = shop.inv("seed", "--seed", "43", shop.confirm)
    assert refused.returncode == 1
    assert "was seeded with 42" in refused.stderr
    assert "inv seed --seed 42" in refused.stderr


def test_a_database_that_is_not_for_development_is_left_alone(shop: Project) -> None:
    """Without its name nothing is written to one that is not the dev server's; nor with a wrong name."""
    for flags in ((), ("--yes",), ("--confirm", "other")):
        refused = shop.inv("seed", *flags)
        assert refused.returncode == 1
        assert "made-up rows" in refused.stderr or "is not the database" in refused.stderr
    assert _one(shop, "SELECT count(*) FROM app.sales") == 0
    assert _one(shop, "SELECT to_regclass('schemata.seeded')") is None


def test_a_table_that_refuses_is_named_and_nothing_is_written(shop: Project) -> None:
    """A trigger's own words are shown with what to set; the settings that are named lead out."""
    with psycopg.connect(shop.url) as connection:
        connection.execute(
            "CREATE FUNCTION app.no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "IF NEW.price <> 7 THEN RAISE 'prices are seven'; END IF; RETURN NEW; END $$;"
            "CREATE TRIGGER no BEFORE INSERT ON app.sales FOR EACH ROW EXECUTE FUNCTION app.no()"
        )
    refused = shop.inv("seed", shop.confirm)
    assert refused.returncode == 1
    assert "app.sales" in refused.stdout
    assert "prices are seven" in refused.stdout
    assert '[tool.schemata.seed."app.sales"] skip = true' in refused.stdout
    assert "Nothing was written" in refused.stdout
    assert "Traceback" not in refused.stderr + refused.stdout
    assert _one(shop, "SELECT count(*) FROM app.shops") == 0
    shop.configure(
        '[tool.schemata.seed]\nrows = 300\n[tool.schemata.seed."app.sales"]\n'
        'columns = { price = "7", state = { paid = 9, open = 1 } }\n[tool.schemata.seed."app.shops"]\nrows = 4\n'
    )
    assert shop.inv("seed", shop.confirm).returncode == 0
    assert _one(shop, "SELECT count(*) FROM app.shops") == 4
    assert _one(shop, "SELECT count(*) FILTER (WHERE state = 'paid') > 230 FROM app.sales WHERE price = 7") is True


def test_a_table_that_is_to_stay_empty_does(shop: Project) -> None:
    """A table is skipped by the settings; one that needs its rows is then named."""
    shop.configure('[tool.schemata.seed."app.shops"]\nskip = true\n')
    refused = shop.inv("seed", shop.confirm)
    assert refused.returncode == 1
    assert 'shop_id must reference a row of "app"."shops"' in refused.stdout.replace("app.shops", '"app"."shops"')


def test_the_scale_file_says_how_tables_differ(shop: Project) -> None:
    """The largest table has the rows that are wanted, the others fewer in proportion, columns few different values."""
    (shop.root / "scale.toml").write_text(
        "[app.sales]\nrows = 50_000_000\nn_distinct.shop_id = 3\nn_distinct.price = 5\n[app.shops]\nrows = 1_000_000\n",
        encoding="utf-8",
    )
    done = shop.inv("seed", "--rows", "500", "--scale", "scale.toml", shop.confirm)
    assert done.returncode == 0, done.stderr + done.stdout
    assert _one(shop, "SELECT count(*) FROM app.shops") == 10
    assert _one(shop, "SELECT count(*) FROM app.sales") == 500
    assert _one(shop, "SELECT count(DISTINCT shop_id) FROM app.sales") == 3


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (("--rows", "many"), "--rows many is not a whole number"),
        (("--rows", "0"), "is not above 0"),
        (("--rows", "99999999999999999999"), "is not a whole number from 1 to 100000000000"),
        (("--seed", "-3"), "is not a whole number from 0"),
        (("--tables", ","), "--tables , names nothing"),
        (("--tables", "app.sale"), "Did you mean app.sales?"),
        (("--scale", "nowhere.toml"), "there is no scale file"),
    ],
)
def test_what_is_wrong_with_a_flag_is_said(shop: Project, flags: tuple[str, ...], text: str) -> None:
    """Exit code 2, in words."""
    refused = shop.inv("seed", *flags, shop.confirm)
    assert refused.returncode == 2, refused.stderr
    assert text in refused.stderr


def test_a_column_that_is_called_n_is_told_apart_from_the_number(shop: Project) -> None:
    """SQL of the settings for it is refused with the name that the row's number has beside it, which works."""
    with psycopg.connect(shop.url) as connection:
        connection.execute("CREATE TABLE app.counts (id bigint PRIMARY KEY, n integer NOT NULL)")
    shop.configure('[tool.schemata.seed."app.counts"]\ncolumns = { n = "n * 10" }\n')
    refused = shop.inv("seed", "--rows", "50", shop.confirm)
    assert refused.returncode == 2
    assert "Write __row for the row's number" in refused.stderr
    shop.configure('[tool.schemata.seed."app.counts"]\ncolumns = { n = "__row * 10" }\n')
    done = shop.inv("seed", "--rows", "50", "--tables", "app.counts", shop.confirm)
    assert done.returncode == 0, done.stderr + done.stdout
    assert "Added 50 rows of seed 42 to 1 table in" in done.stdout
    assert _one(shop, "SELECT sum(n) FROM app.counts") == 10 * 50 * 51 // 2
    again = shop.inv("seed", "--rows", "50", "--tables", "app.counts", shop.confirm)
    assert "Nothing to add: 1 table has the 50 rows" in again.stdout


def test_settings_that_are_no_sql_are_told_by_the_server(shop: Project) -> None:
    """The server's own words on what it cannot read come through."""
    shop.configure('[tool.schemata.seed."app.shops"]\ncolumns = { name = "lower(" }\n')
    refused = shop.inv("seed", shop.confirm)
    assert refused.returncode == 1
    assert "syntax error at" in refused.stdout
    assert "savepoint" not in refused.stdout + refused.stderr


def test_a_database_without_tables_asks_for_migrations(project: Project) -> None:
    """What the settings say of tables is not to blame."""
    project.configure('[tool.schemata.seed."app.shops"]\nrows = 5\n')
    refused = project.inv("seed", project.confirm)
    assert refused.returncode == 1
    assert "Apply the migrations first: inv migrate" in refused.stderr
    assert "tool.schemata.seed" not in refused.stderr
