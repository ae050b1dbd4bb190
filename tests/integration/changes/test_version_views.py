"""`inv views-sync`: the views of a version are what its file says, for everybody who may use the tables."""

import psycopg
import pytest

from tests.acceptance.conftest import CommandLine
from tests.conftest import Project

FILE = """
[app.clients]
name = "customers"
columns = { id = "id", title = "name" }

[app.orders]
"""
SEED = """
CREATE TABLE app.clients (id int PRIMARY KEY, name text, secret text);
CREATE TABLE app.orders (id int PRIMARY KEY, client int REFERENCES app.clients);
INSERT INTO app.clients VALUES (1, 'one', 's');
"""


@pytest.fixture
def schemata(project: Project, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """Give the command line in the project, whose database has tables and whose version v2 has a file."""
    project.write("app.20250101000000.seed", SEED, "DROP TABLE app.orders, app.clients;\n")
    folder = project.root / "versions"
    folder.mkdir()
    (folder / "v2.toml").write_text(FILE, encoding="utf-8")
    made = CommandLine(project, capfd, monkeypatch)
    assert made("migrate").returncode == 0
    return made


def _views(connection: psycopg.Connection) -> list[tuple[str, int]]:
    return connection.execute(
        "SELECT oid::regclass::text, oid::int FROM pg_class WHERE relnamespace = to_regnamespace('app_v2') ORDER BY 1"
    ).fetchall()


def test_the_views_are_what_the_file_says(project: Project, schemata: CommandLine) -> None:
    """Made once; changed where the file is; dropped where it names them no longer; rights as on the tables."""
    with psycopg.connect(project.url, autocommit=True) as connection:
        role = f"reader_{connection.info.backend_pid}"
        connection.execute(f"CREATE ROLE {role}")
        try:
            connection.execute(f"GRANT USAGE ON SCHEMA app TO {role}; GRANT SELECT ON app.clients TO {role}")
            found = schemata.json("views-sync", "--version", "v2")
            assert [one["done"] for one in found["views"]] == ["made", "made"]
            before = _views(connection)
            connection.execute("INSERT INTO app_v2.customers (id, title) VALUES (2, 'two')")
            connection.execute(f"SET ROLE {role}")
            rows = connection.execute("SELECT id, title FROM app_v2.customers ORDER BY id").fetchall()
            assert rows == [(1, "one"), (2, "two")]
            connection.execute("RESET ROLE")
            assert schemata.json("views-sync", "--version", "v2")["unchanged"] == 2
            assert _views(connection) == before
            path = project.root / "versions" / "v2.toml"
            path.write_text(FILE.replace("[app.orders]", "").replace('id = "id", ', 'id = "id", word = "secret", '))
            found = schemata.json("views-sync", "--version", "v2")
            assert {one["view"]: one["done"] for one in found["views"]} == {
                "app_v2.customers": "made again",
                "app_v2.orders": "dropped",
            }
            assert connection.execute("SELECT word FROM app_v2.customers WHERE id = 1").fetchone() == ("s",)
            assert schemata("views-sync", "--version", "v2", "--drop").returncode == 0
            assert connection.execute("SELECT to_regnamespace('app_v2') IS NULL").fetchone() == (True,)
        finally:
            connection.execute(f"RESET ROLE; DROP OWNED BY {role}; DROP ROLE {role}")


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("[app.nothing]\n", 2, "there is no table app.nothing"),
        ('[app.clients]\ncolumns = { id = "nr" }\n', 2, "has no column nr"),
        ("[other.clients]\n", 2, "other is none of the schemas"),
        ("[app.clients]\nrows = 1\n", 2, "has no setting rows"),
        ("[app.clients\n", 2, "is no TOML"),
        ("", 2, "names no table"),
        ('[app.clients]\nname = "orders"\n[app.orders]\n', 2, "two views are called app.orders"),
    ],
)
def test_a_wrong_file_changes_nothing(
    project: Project, schemata: CommandLine, text: str, code: int, words: str
) -> None:
    """It is refused with the words of its line, and the views of before stay."""
    assert schemata("views-sync", "--version", "v2").returncode == 0
    with psycopg.connect(project.url, autocommit=True) as connection:
        before = _views(connection)
        (project.root / "versions" / "v2.toml").write_text(text, encoding="utf-8")
        ended = schemata("views-sync", "--version", "v2")
        assert ended.returncode == code
        assert words in ended.stderr
        assert _views(connection) == before


def test_what_is_somebody_elses_stays(project: Project, schemata: CommandLine) -> None:
    """A table in the version's schema is no view of ours; row security on 14 has no view that heeds it."""
    with psycopg.connect(project.url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA app_v2; CREATE TABLE app_v2.customers (x int)")
        ended = schemata("views-sync", "--version", "v2")
        assert (ended.returncode, "no view of a version" in ended.stderr) == (1, True)
        connection.execute("DROP TABLE app_v2.customers; ALTER TABLE app.clients ENABLE ROW LEVEL SECURITY")
        ended = schemata("views-sync", "--version", "v2")
        assert ended.returncode == (0 if connection.info.server_version >= 150000 else 1)
    assert schemata("views-sync", "--version", "V 2").returncode == 2
    assert schemata("views-sync").returncode == 2
