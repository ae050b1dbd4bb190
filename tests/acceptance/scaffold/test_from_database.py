"""`schemata init` from nothing and from a live database, to a migrated one that is equal to it."""

import subprocess
import sys
import venv
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from schemata import config, errors
from schemata.adoption import baseline as adoption
from schemata.deploy import migrate
from schemata.postgres import urls
from schemata.scaffold import init
from schemata.server.embedded import instance
from tests.conftest import REPOSITORY, Project

SCHEMAS = ("people", "stock", "sales")


def fill(url: str, *, circle: bool = False) -> None:
    """Make sixty tables in three schemas, with what hangs on tables, and the ledger of another tool."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'init_reader') THEN "
            "CREATE ROLE init_reader; END IF; END $$"
        )
        statements = ["CREATE EXTENSION btree_gist"]
        for schema in SCHEMAS:
            statements += [
                f"CREATE SCHEMA {schema}",
                f"GRANT USAGE ON SCHEMA {schema} TO init_reader",
                f"CREATE TYPE {schema}.state AS ENUM ('new', 'it''s done')",
            ]
            for number in range(20):
                table = f"{schema}.t{number}"
                statements += [
                    f"CREATE TABLE {table} (id bigserial PRIMARY KEY, name text NOT NULL DEFAULT 'x' "
                    "CHECK (length(name) BETWEEN 1 AND 90 AND name <> ''), "
                    f"state {schema}.state DEFAULT 'new', at timestamptz NOT NULL DEFAULT now(), "
                    f"up bigint REFERENCES {schema}.t{max(number - 1, 0)})",
                    f"CREATE INDEX ON {table} (at DESC, id DESC) WHERE state = 'new'",
                    f"COMMENT ON TABLE {table} IS 'table {number}'",
                    f"GRANT SELECT ON {table} TO init_reader",
                ]
        statements += [
            "ALTER TABLE sales.t1 ADD who bigint REFERENCES people.t2, ADD what bigint REFERENCES stock.t2",
            "CREATE VIEW sales.v AS SELECT t1.id, p.name FROM sales.t1 JOIN people.t2 p ON p.id = t1.who",
            "CREATE FUNCTION stock.f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$",
            "CREATE TRIGGER t BEFORE INSERT ON stock.t3 FOR EACH ROW EXECUTE FUNCTION stock.f()",
            "ALTER TABLE people.t4 ADD EXCLUDE USING gist (id WITH =)",
            "CREATE TABLE public._prisma_migrations (id serial PRIMARY KEY, migration_name text, started_at date)",
        ]
        if circle:
            statements.append("ALTER TABLE people.t5 ADD sale bigint REFERENCES sales.t5")
        connection.execute("; ".join(statements))


@pytest.mark.parametrize("circle", [False, True], ids=["in order", "in a circle"])
def test_a_live_database_becomes_migrations_that_make_it(
    circle: bool, tmp_path: Path, make_database: Callable[..., str], dump: Callable[[str], str]
) -> None:
    """pg_dump says the same of it and of an empty database that the migrations ran on, but for the other tool's table.

    Schemas that need each other in a circle come in one migration. A second run reads nothing.
    """
    source, target = make_database(), make_database()
    fill(source, circle=circle)
    result = init.init(tmp_path, from_database=source)
    settings = config.load(tmp_path, {})
    assert set(settings.schemas) == set(SCHEMAS)
    _, _, told = result.next_steps
    through, url = told.removeprefix("inv migrate-baseline --through ").split(" --url ")
    assert url == "URL"
    # At a terminal what is printed is all; a test has none, and names the database.
    done = adoption.baseline(settings, through=through, url=source, confirm=urls.database_of(source))
    assert done.exit_code == 0, "what is printed is what works"
    written = sorted(path.parent.name for path in settings.migrations.glob("*/*.sql"))
    assert written == ([settings.schemas[0]] if circle else sorted(SCHEMAS))
    assert any("_prisma_migrations of Prisma" in note for note in result.notes)
    with psycopg.connect(source) as connection:
        connection.execute("DROP TABLE public._prisma_migrations; DROP SCHEMA schemata CASCADE")
    assert migrate.migrate(settings, url=target).done
    with psycopg.connect(target) as connection:
        connection.execute("DROP SCHEMA schemata CASCADE")
    assert dump(target) == dump(source)
    again = init.init(tmp_path, from_database=source)
    assert {step.action for step in again.steps} <= {"there", "create"}
    assert any("was not read" in note for note in again.notes)


def test_what_cannot_be_equal_is_refused_by_name(tmp_path: Path, database: str) -> None:
    """An index that is not valid is in no dump as such: nothing is written, and the difference is named."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA app; CREATE TABLE app.a (b int); INSERT INTO app.a VALUES (1), (1)")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("CREATE UNIQUE INDEX CONCURRENTLY a_b ON app.a (b)")
    with pytest.raises(errors.MigrationError, match=r"app\.a\.a_b|a_b") as caught:
        init.init(tmp_path, from_database=database)
    assert "Nothing was written" in str(caught.value)
    assert not (tmp_path / "pyproject.toml").exists()


@pytest.mark.parametrize(
    ("schemas", "says"),
    [("app,absent", "has no schema absent"), ("app", "whose schema is not among app")],
)
def test_schemas_that_cannot_stand_alone_are_refused(tmp_path: Path, database: str, schemas: str, says: str) -> None:
    """A schema that is not there, and one that needs another that was not named; nothing is written."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "CREATE SCHEMA app; CREATE SCHEMA base; CREATE TABLE base.b (id int PRIMARY KEY);"
            "CREATE TABLE app.a (b int REFERENCES base.b)"
        )
    with pytest.raises(errors.ConfigError, match=says):
        init.init(tmp_path, schemas=schemas, from_database=database)
    assert list(tmp_path.iterdir()) == []


def test_a_schema_that_needs_quotes_is_named(tmp_path: Path, database: str) -> None:
    """It is of the database and in no setting: it is named, with the flag that takes the others."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            'CREATE SCHEMA app; CREATE TABLE app.a (); CREATE SCHEMA "App Two"; CREATE TABLE "App Two".a ()'
        )
    with pytest.raises(errors.ConfigError, match='the schema "App Two" of the database') as caught:
        init.init(tmp_path, from_database=database)
    assert "--schemas app." in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel and install it where nothing else is; what it depends on is lent by the tests' environment."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", folder, REPOSITORY], check=True)
    (wheel,) = folder.glob("pgschemata-*.whl")
    venv.create(folder / "venv", with_pip=False)
    (site,) = (folder / "venv/lib").glob("python*/site-packages")
    subprocess.run([*pip, "install", "--no-deps", "--target", site, wheel], check=True)
    (site / "lent.pth").write_text(f"{Path(psycopg.__file__).parent.parent}\n", encoding="utf-8")
    return folder / "venv/bin/python"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """Give an empty folder; a server that was started for it is gone afterwards."""
    folder = tmp_path / "shop"
    folder.mkdir()
    yield folder
    instance.remove(folder / ".schemata")


def _typed(python: Path, place: Path, *arguments: str) -> str:
    """Run a command as somebody types it who has nothing but the wheel; return what it printed."""
    plain = Project(place).env()
    plain.pop("PYTHONPATH", None)
    done = subprocess.run(
        [python, "-m", *arguments], cwd=place, env=plain, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_from_a_wheel_and_an_empty_folder_to_a_migrated_database(installed: Path, place: Path) -> None:
    """`schemata init`, a first migration, `inv dev-up`, `inv lock`, `inv parity`."""
    _typed(installed, place, "schemata.cli", "init")
    _typed(installed, place, "invoke", "migrate-new", "--name", "create_orders")
    for path in (place / "migrations/app").glob("*.sql"):
        undo = "rollback" in path.name
        path.write_text(
            "-- Orders.\nDROP TABLE app.orders;\n" if undo else "-- Orders.\nCREATE TABLE app.orders (id bigint);\n",
            encoding="utf-8",
        )
    assert "create_orders" in _typed(installed, place, "invoke", "dev-up")
    _typed(installed, place, "invoke", "lock")
    assert "Parity: no difference." in _typed(installed, place, "invoke", "parity")


def test_from_a_wheel_and_a_live_database_to_parity(installed: Path, place: Path, database: str) -> None:
    """`schemata init --from-database URL` and `inv dev-up` end with a database that differs from it in nothing."""
    fill(database)
    told = _typed(installed, place, "schemata.cli", "init", "--from-database", database)
    assert "Left out: public._prisma_migrations of Prisma" in told
    _typed(installed, place, "invoke", "dev-up")
    assert "Parity: no difference." in _typed(installed, place, "invoke", "parity", "--against", database)
