"""What `inv change-new` refuses: the reason, what to do instead, the exit code; nothing is written."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from schemata import config, errors
from schemata.changes.authoring import change_new
from schemata.server.embedded import binaries
from tests.conftest import Project
from tests.integration.changes.test_written import write

LONG = "n" * 64
WIDE = "ü" * 32  # 64 bytes in 32 letters

SEED = """
CREATE SCHEMA app;
CREATE TABLE app.nokey (a text, b text UNIQUE);
CREATE TABLE app.t (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    number serial,
    seen text NOT NULL DEFAULT '',
    base integer,
    twice integer GENERATED ALWAYS AS (base * 2) STORED,
    guarded text,
    watched text,
    referred text UNIQUE,
    excluded int4range,
    plain text,
    "Mixed" text,
    EXCLUDE USING gist (excluded WITH &&)
);
INSERT INTO app.t (seen, plain) VALUES ('x', 'same'), ('y', 'same');
CREATE VIEW app.t_seen AS SELECT seen FROM app.t;
CREATE FUNCTION app.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER on_watched BEFORE UPDATE OF watched ON app.t FOR EACH ROW EXECUTE FUNCTION app.f();
CREATE TABLE app.referring (id bigint PRIMARY KEY, to_t text REFERENCES app.t (referred), other bigint);
INSERT INTO app.referring (id, other) VALUES (1, 77);
CREATE TABLE app.secured (id bigint PRIMARY KEY, owner text, note text);
ALTER TABLE app.secured ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON app.secured USING (owner = current_user);
CREATE TABLE app.parts (id bigint NOT NULL, at date NOT NULL, name text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE app.parts_1 PARTITION OF app.parts FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE INDEX idx_parts_name ON app.parts (name);
CREATE TABLE app.above (id bigint PRIMARY KEY, a text);
CREATE TABLE app.below () INHERITS (app.above);
CREATE TABLE app.ruled (id bigint PRIMARY KEY, a text);
CREATE RULE r AS ON DELETE TO app.ruled DO INSTEAD NOTHING;
CREATE TABLE app."Upper" (id bigint PRIMARY KEY, a text);
"""

DUAL = ("--strategy", "dual")
SAME = ("--strategy", "samename")


@dataclasses.dataclass(frozen=True)
class Row:
    """Words that are refused: with which exit code, and what the text says."""

    words: tuple[str, ...]
    code: int
    texts: tuple[str, ...]
    least: int = 14
    most: int = 99


NEEDS, WRONG = errors.NEEDS_PERSON, errors.WRONG_SETTINGS
ROWS = (
    # The command line.
    Row((), WRONG, ("needs its kind", "rename-column")),
    Row(("rename-colum", "app.t", "a", "b"), WRONG, ("no kind of change rename-colum", "rename-column?")),
    Row(("rename-column", "app.t", "a"), WRONG, ("needs TABLE COLUMN NEW", "inv change-new rename-column app.clients")),
    Row(("drop-table", "app.t", "--using", "a"), WRONG, ("drop-table has no --using",)),
    Row(("drop-table", "app.t", *SAME), WRONG, ("drop-table has no --strategy",)),
    Row(("rename-table", "app.t", "u", *DUAL), WRONG, ("rename-table has samename, view",)),
    Row(("rename-column", "t", "a", "b"), WRONG, ("without its schema", "app.t")),
    Row(("rename-column", "other.t", "a", "b"), WRONG, ("the schema other is not one of",)),
    Row(("rename-column", "app.T x", "a", "b"), WRONG, ("is not a name as SQL has it", '"Weird Name"')),
    Row(("rename-column", "app.missing", "a", "b"), WRONG, ("no table app.missing", "inv migrate")),
    Row(("rename-column", "app.upper", "a", "b"), WRONG, ("no table app.upper", 'app."Upper"')),
    Row(("rename-column", "app.t", "mixed", "b"), WRONG, ("no column mixed", 'Did you mean "Mixed"?')),
    Row(("rename-column", "app.t", "plain", LONG), WRONG, ("has 64 bytes", "keeps 63", "shorter")),
    Row(("rename-column", "app.t", "plain", f'"{WIDE}"'), WRONG, ("has 64 bytes",)),
    Row(("rename-table", 'app."Upper"', LONG), WRONG, ("has 64 bytes",)),
    Row(("rename-column", "app.t", "plain", "a.b"), WRONG, ("has a dot in it",)),
    Row(("change-type", "app.t", "base", "bigin"), WRONG, ("type bigin", "does not exist")),
    Row(("change-type", "app.t", "base", "int; DROP TABLE x"), WRONG, ("is no type",)),
    Row(("change-type", "app.t", "plain", "text"), WRONG, ("of the type text already",)),
    Row(("change-type", "app.t", "plain", "int4range[]", "--using", "plain"), WRONG, ("--using", "type int4range[]")),
    Row(("change-type", "app.t", "plain", "int", "--using", "nothing::int"), WRONG, ('"nothing" does not exist',)),
    Row(("change-type", "app.t", "plain", "bigint", "--using", "1; SELECT 2"), WRONG, ("no expression of SQL",)),
    Row(("change-type", "app.t", "plain", "bigint", "--using", "1, 2"), WRONG, ("more than one expression",)),
    Row(("split-column", "app.t", "plain"), WRONG, ("needs --into and --back",)),
    Row(("split-column", "app.t", "plain", "--into", "a", "--back", "a"), WRONG, ("has no expression",)),
    Row(("add-column-not-null", "app.t", "x", "text"), WRONG, ("--default",)),
    Row(("add-column-not-null", "app.t", "x", "text", "--default", "plain"), WRONG, ("column",)),
    Row(("add-foreign-key", "app.referring", "id,other", "app.t"), WRONG, ("2 columns cannot refer to 1",)),
    Row(("add-foreign-key", "app.referring", "other", "app.nokey"), WRONG, ("has no primary key",)),
    Row(("add-check", "app.t", "c", "nothing > 1"), WRONG, ("no column nothing",)),
    Row(("add-unique", "app.t", "plain,plain"), WRONG, ("named twice",)),
    # The table.
    Row(("rename-column", "app.t", "plain", '"Mixed"'), NEEDS, ('has a column "Mixed" already', "another name")),
    Row(("rename-column", "app.t", "plain", "xmin"), NEEDS, ("has a column xmin already",)),
    Row(("rename-table", 'app."Upper"', "t"), NEEDS, ("has a table, view, index or type t already",)),
    Row(("rename-column", "app.nokey", "a", "c", *DUAL), NEEDS, ("no key to go through its rows", "add-unique")),
    Row(("set-not-null", "app.nokey", "a", "--default", "'x'"), NEEDS, ("no key",)),
    Row(("split-column", "app.nokey", "a", "--into", "c=a", "--back", "c"), NEEDS, ("no key",)),
    Row(("rename-column", "app.t", "id", "key", *DUAL), NEEDS, ("is an identity column", "samename")),
    Row(("rename-column", "app.t", "number", "n", *DUAL), NEEDS, ("numbered by a sequence", "samename")),
    Row(("rename-column", "app.t", "twice", "n", *DUAL), NEEDS, ("generated from other columns", "samename")),
    Row(("rename-column", "app.t", "base", "n", *DUAL), NEEDS, ("the generated column twice uses app.t.base",)),
    Row(("rename-column", "app.t", "seen", "n", *DUAL), NEEDS, ("the view app.t_seen uses app.t.seen", "samename")),
    Row(("change-type", "app.t", "seen", "varchar(9)"), NEEDS, ("the view app.t_seen", "Drop that first")),
    Row(("rename-column", "app.t", "watched", "n", *DUAL), NEEDS, ("the trigger on_watched uses",)),
    Row(("rename-column", "app.t", "referred", "n", *DUAL), NEEDS, ("foreign key of app.referring refers to",)),
    Row(("rename-column", "app.t", "excluded", "n", *DUAL), NEEDS, ("exclusion constraint",)),
    Row(("rename-column", "app.secured", "owner", "n", *DUAL), NEEDS, ("the policy own uses app.secured.owner",)),
    Row(("rename-column", "app.secured", "id", "n", *DUAL), NEEDS, ("is of the primary key", "samename")),
    Row(("rename-column", "app.secured", "note", "n", *SAME), NEEDS, ("row level", "--strategy dual"), most=14),
    Row(("rename-table", "app.secured", "n"), NEEDS, ("row level security", "PostgreSQL 15"), most=14),
    Row(("rename-column", "app.t", "plain", "n", "--strategy", "view"), NEEDS, ("no view of a version", "views-sync")),
    Row(("rename-column", "app.ruled", "a", "n", *SAME), NEEDS, ("has rules", "--strategy dual")),
    Row(("rename-column", "app.parts", "at", "n", *DUAL), NEEDS, ("primary key",)),
    Row(("rename-column", "app.parts", "name", "n", *DUAL), NEEDS, ("is partitioned, and idx_parts_name",)),
    Row(("rename-column", "app.parts_1", "name", "n"), NEEDS, ("is a partition", "Name the partitioned table")),
    Row(("rename-column", "app.above", "a", "n"), NEEDS, ("tables that inherit from it", "migrate-new")),
    Row(("rename-column", "app.below", "a", "n"), NEEDS, ("inherits from another table",)),
    Row(("rename-column", "app.t_seen", "seen", "n"), NEEDS, ("is a view",)),
    Row(("drop-column", "app.t", "seen"), NEEDS, ("the view app.t_seen uses",)),
    Row(("drop-column", "app.t", "id"), NEEDS, ("primary key",)),
    Row(("drop-column", "app.t", "referred"), NEEDS, ("foreign key of app.referring",)),
    Row(("drop-column", "app.parts", "at"), NEEDS, ("primary key",)),
    Row(("drop-table", "app.t"), NEEDS, ("foreign key of app.referring refers to app.t",)),
    Row(("set-not-null", "app.t", "seen"), NEEDS, ("NOT NULL already",)),
    Row(("set-not-null", "app.t", "guarded"), NEEDS, ("rows that break it", "--default EXPR", "guarded IS NULL")),
    Row(("add-unique", "app.t", "plain"), NEEDS, ("rows that break it", "duplicates", "HAVING count(*) > 1")),
    Row(("add-unique", "app.parts", "name"), NEEDS, ("is partitioned",)),
    Row(("add-unique", "app.t", "guarded", "--name", "t_pkey"), NEEDS, ("a constraint t_pkey already",)),
    Row(("add-check", "app.t", "c", "plain <> 'same'"), NEEDS, ("rows that break it", "NOT (plain <> 'same')")),
    Row(("add-foreign-key", "app.referring", "other", "app.t"), NEEDS, ("rows that break it", "NOT EXISTS")),
    Row(("add-foreign-key", "app.referring", "other", "app.t.base"), NEEDS, ("is not unique", "add-unique app.t base")),
    Row(("add-foreign-key", "app.parts", "id", "app.t"), NEEDS, ("is partitioned", "NOT VALID"), most=17),
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, admin: psycopg.Connection) -> Project:
    """Give a project whose database has tables that cannot be changed so easily; no test changes it."""
    admin.execute("DROP DATABASE IF EXISTS changes_refused")
    admin.execute("CREATE DATABASE changes_refused")
    dsn = {"host": admin.info.host, "port": admin.info.port, "user": admin.info.user, "password": admin.info.password}
    with psycopg.connect(**dsn, dbname="changes_refused", autocommit=True) as connection:
        connection.execute(SEED)
    url = f"postgresql://{dsn['user']}:{dsn['password']}@{dsn['host']}:{dsn['port']}/changes_refused"
    made = Project(tmp_path_factory.mktemp("refused"), url)
    made.configure()
    return made


@pytest.mark.parametrize("row", ROWS, ids=lambda row: " ".join(row.words)[:70])
def test_a_change_is_refused(row: Row, project: Project, programs: binaries.Binaries) -> None:
    """It says why, and what to type; there is no file."""
    if not row.least <= programs.major <= row.most:
        pytest.skip(f"for PostgreSQL {row.least} to {row.most}, this is {programs.major}")
    folder = project.root / "migrations" / "app"
    try:
        with pytest.raises(errors.Error) as refused:
            write(project, *row.words)
        written = list(folder.iterdir())
    finally:
        for path in folder.iterdir():
            path.unlink()
    for text in row.texts:
        assert text in str(refused.value)
    assert refused.value.exit_code == row.code
    assert refused.value.hint
    assert not written


def test_the_command_ends_with_the_code(project: Project) -> None:
    """The same through the command line; without a database to ask it is 3."""
    ended = project.inv("change-new", "rename-column", "app.nokey", "a", "c", "--strategy", "dual")
    assert ended.returncode == NEEDS
    assert "no key" in ended.stderr
    ended = project.inv("change-new", "rename-column", "app.missing", "a", "c")
    assert ended.returncode == WRONG
    url = "postgresql://nobody@127.0.0.1:1/x"
    ended = project.inv("change-new", "rename-column", "app.t", "plain", "c", "--url", url)
    assert ended.returncode == errors.NOT_AVAILABLE
    assert not list((project.root / "migrations" / "app").iterdir())


def _tables(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA app; CREATE TABLE app.a (id bigint PRIMARY KEY, x text, y text)")
        connection.execute("CREATE TABLE app.b (id bigint PRIMARY KEY, x text)")


def test_a_second_open_change_of_a_table_is_refused(tmp_path: Path, database: str) -> None:
    """Until all files of the first are applied in the database; a change of another table is none of it."""
    _tables(database)
    project = Project(tmp_path, database)
    project.configure()
    project.write(
        "app.20250101000000.tables",
        "CREATE TABLE app.a (id bigint PRIMARY KEY, x text, y text);\n"
        "CREATE TABLE app.b (id bigint PRIMARY KEY, x text);",
    )
    write(project, "rename-column", "app.a", "x", "z")
    with pytest.raises(change_new.ChangeRefused, match="rename_a_x is about") as refused:
        write(project, "drop-column", "app.a", "y")
    assert "inv change-abort rename_a_x" in str(refused.value)
    with pytest.raises(change_new.ChangeRefused, match="a change rename_a_x already"):
        write(project, "rename-column", "app.b", "x", "z", id_="rename_a_x")
    write(project, "rename-column", "app.b", "x", "z")
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("DROP TABLE app.a, app.b")
    done = project.inv("migrate")
    assert done.returncode == 0, done.stderr
    write(project, "drop-column", "app.a", "y")


@pytest.mark.pg(least=15)
def test_row_security_holds_through_the_view(make_database: Callable[..., str], tmp_path: Path) -> None:
    """From 15 on a view in the table's place shows to each role what the table did."""
    url = make_database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA app; CREATE TABLE app.s (id bigint PRIMARY KEY, owner text, note text)")
        connection.execute("ALTER TABLE app.s ENABLE ROW LEVEL SECURITY")
        connection.execute("CREATE POLICY own ON app.s USING (owner = current_user)")
        connection.execute("INSERT INTO app.s VALUES (1, 'changes_bob', 'b'), (2, 'eve', 'e')")
        connection.execute("CREATE ROLE changes_bob; GRANT USAGE ON SCHEMA app TO changes_bob")
        connection.execute("GRANT SELECT ON app.s TO changes_bob")
        project = Project(tmp_path, url)
        project.configure()
        try:
            expand, _ = write(project, "rename-column", "app.s", "note", "remark")
            connection.execute(expand.sql)
            connection.execute("SET ROLE changes_bob")
            assert connection.execute("SELECT note, remark FROM app.s").fetchall() == [("b", "b")]
            connection.execute("RESET ROLE")
        finally:
            connection.execute("DROP OWNED BY changes_bob; DROP ROLE changes_bob")


def test_a_view_is_not_chosen_where_a_statement_would_fail(tmp_path: Path, database: str) -> None:
    """A stored function that empties the table, or loads it by COPY, decides for two columns."""
    _tables(database)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE FUNCTION app.empty() RETURNS void LANGUAGE sql AS 'TRUNCATE app.a'")
    project = Project(tmp_path, database)
    project.configure()
    chosen = {
        table: change_new.new(
            config.load(project.root, {}),
            ["rename-column", f"app.{table}", "x", "z"],
            {},
            url=database,
        ).facts["strategy"]
        for table in ("a", "b")
    }
    assert chosen == {"a": "dual", "b": "samename"}
