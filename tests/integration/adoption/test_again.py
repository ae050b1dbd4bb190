"""A folder that got more files, files of one's own around it, down files that fail, and what nobody made in it."""

import re
import uuid

import psycopg
import pytest

from schemata import config, errors, targets
from schemata.adoption import adopt, preparing
from schemata.deploy import migrate, rollback
from schemata.history import status
from schemata.migrations import files
from schemata.postgres import urls
from tests.conftest import Project
from tests.integration.adoption.test_adopt import IDS, LEDGER, PRISMA, SQL, A, B, C, lay, repository, row
from tests.unit import cases

pytestmark = pytest.mark.usefixtures("shared_scratch")
__all__ = ["repository"]  # a fixture
D = "20240104000000_d"


def ids(settings: config.Config) -> list[str]:
    """Return the ids of the project's migrations in order."""
    return [item.id for item in files.read(settings.migrations, settings.schemas)]


def test_a_folder_that_got_more_files(repository: Project) -> None:
    """Only the new ones are written and recorded; nothing changes where nothing is new."""
    url = repository.url
    theirs = str(lay(repository.root, {name: PRISMA[name] for name in list(PRISMA)[:2]}))
    settings = config.load(repository.root, {})
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(LEDGER + row(A) + SQL[A])
        assert adopt.adopt(settings, "prisma", theirs, url=url).recorded == (IDS[A],)
        repository.write("public.20240103120000.own", "CREATE TABLE own (i int);\n", "DROP TABLE own;\n")
        before = {path: path.stat().st_mtime_ns for path in settings.migrations.rglob("*.sql")}
        assert adopt.adopt(settings, "prisma", theirs, url=url).written == 0
        lay(repository.root, {f"{C}/migration.sql": SQL[C], f"{D}/migration.sql": "CREATE TABLE d (i int);\n"})
        # The role under test has the name of the history's schema, which would come first.
        connection.execute("SET search_path = public;" + row(B) + row(C) + SQL[B] + SQL[C])
        planned = adopt.adopt(settings, "prisma", theirs, url=url, plan=True)
        assert (planned.written, len(ids(settings)), planned.recorded) == (2, 3, (IDS[B], IDS[C]))
        found = adopt.adopt(settings, "prisma", theirs, url=url)
        assert (found.written, found.recorded) == (2, (IDS[B], IDS[C]))
        assert found.pending == ("public.20240104000000.d",)
        assert "2 are there already" in "\n".join(found.summary())
        assert {path: path.stat().st_mtime_ns for path in before} == before
        assert ids(settings) == [IDS[A], IDS[B], IDS[C], "public.20240103120000.own", "public.20240104000000.d"]
        again = adopt.adopt(settings, "prisma", theirs, url=url)
        assert (again.written, again.recorded) == (0, ())
        done = migrate.migrate(settings, url=url).done
        assert [item.id for item in done] == ["public.20240103120000.own", "public.20240104000000.d"]


@cases.named(("change", "words"), [
    ("edited there", {f"{B}/migration.sql": "CREATE TABLE other (i int);\n"}, f"{B}/migration.sql: it was edited"),
    ("a comment more", {f"{B}/migration.sql": SQL[B] + "-- x\n"}, f"{B}/migration.sql: it was edited after it was"),
    ("gone there", {}, f"{B}: there is no such file any more"),
])  # fmt: skip
def test_an_old_file_that_changed_is_named(change: dict[str, str], words: str, repository: Project) -> None:
    """What was adopted from it stays as it is, and what is new waits until a person has looked."""
    root = lay(repository.root, PRISMA)
    settings = config.load(repository.root, {})
    adopt.adopt(settings, "prisma", str(root))
    lay(repository.root, {f"{D}/migration.sql": "CREATE TABLE d (i int);\n", **change})
    if not change:
        (root / B / "migration.sql").unlink()
        (root / B).rmdir()
    with pytest.raises(errors.MigrationError, match=re.escape(words)) as refused:
        adopt.adopt(settings, "prisma", str(root))
    assert "inv migrate-new" in refused.value.hint
    assert ids(settings) == list(IDS.values())


def test_one_that_was_edited_here_is_named(repository: Project) -> None:
    """A migration of ours is compared as well, its rollback is not: a person may have written a better one."""
    root = lay(repository.root, PRISMA)
    settings = config.load(repository.root, {})
    adopt.adopt(settings, "prisma", str(root))
    path = settings.migrations / "public" / f"{IDS[B]}.sql"
    whole = path.read_text()
    path.write_text(whole.replace("-- irreversible", "-- phase: expand\n-- irreversible"))
    assert adopt.adopt(settings, "prisma", str(root)).written == 0
    path.write_text(whole.replace("CREATE TABLE b", "CREATE TABLE bb"))
    with pytest.raises(errors.MigrationError, match=f"{IDS[B]} was edited"):
        adopt.adopt(settings, "prisma", str(root))


def test_files_of_ones_own_before_the_imported_ones(repository: Project) -> None:
    """They run first in the proof, as on every empty database, and that is said; one that is in the way is named."""
    repository.write("public.20230101000000.own", "CREATE TYPE mood AS ENUM ('ok');\n", "DROP TYPE mood;\n")
    root = lay(repository.root, {**PRISMA, f"{D}/migration.sql": "CREATE TABLE d (m mood);\n"})
    settings = config.load(repository.root, {})
    found = adopt.adopt(settings, "prisma", str(root))
    assert any("the project's own public.20230101000000.own come before" in note for note in found.prepared.notes)
    assert ids(settings)[0] == "public.20230101000000.own"
    assert len(migrate.migrate(settings, url=repository.url).done) == 5
    lay(repository.root, {"20240105000000_e/migration.sql": "CREATE TABLE x (i int);\n"})
    repository.write("public.20990101000000.x", "CREATE TABLE x (i int);\n", "DROP TABLE x;\n")
    with pytest.raises(preparing.NotRunnable, match=r"public\.20990101000000\.x, which the project has already"):
        adopt.adopt(settings, "prisma", str(root))


DOWNS = {
    # What each leaves: the rollback is kept, or why it is not.
    "1_a": ("CREATE TABLE a (i int);", "DROP TABLE a;", ""),
    "2_wrong": ("CREATE TABLE b (i int);", "DROP TABLE bb;", 'line 4: table "bb" does not exist (42P01)'),
    "3_half": ("CREATE TABLE c (i int); CREATE TABLE d (i int);", "DROP TABLE c;",
               'the migration does not run again after it: line 6: relation "d" already exists (42P07)'),
    "4_rows": ("INSERT INTO a VALUES (1);", "DELETE FROM a;", ""),
    "5_needed": ("CREATE VIEW v AS SELECT i FROM c;", "DROP VIEW v;", ""),
    "6_outside": ("CREATE INDEX CONCURRENTLY i ON a (i);", "DROP INDEX CONCURRENTLY i; DROP INDEX CONCURRENTLY j;",
                  'line 5: index "j" does not exist (42704)'),
    "7_last": ("ALTER TABLE a ADD j int;", "ALTER TABLE a DROP j;", ""),
    "8_none": ("SELECT 1;", "", "its down file has no statement"),
}  # fmt: skip


def test_down_files_are_run(repository: Project) -> None:
    """Each is run where it belongs, and its migration again after it; one that fails is left out with the reason."""
    texts = {}
    for name, (up, down, _) in DOWNS.items():
        texts |= {f"{name}.up.sql": up + "\n", f"{name}.down.sql": down + "\n"}
    settings = config.load(repository.root, {})
    found = adopt.adopt(settings, "golang-migrate", str(lay(repository.root, texts)))
    told = {
        one.script.name: one.irreversible.removeprefix("its down file fails: ")
        for one in found.prepared.converted.migrations
    }
    print(told)
    assert {name: bool(why) for name, why in told.items()} == {name: bool(why) for name, (_, _, why) in DOWNS.items()}
    for name, (_, _, why) in DOWNS.items():
        assert re.sub(r"line \d+: ", "", told[name]) == re.sub(r"line \d+: ", "", why), name
    assert sum("its down file fails" in note for note in found.prepared.notes) == 3
    assert adopt.adopt(settings, "golang-migrate", str(repository.root / "theirs")).written == 0
    migrate.migrate(settings, url=repository.url)
    with pytest.raises(rollback.Irreversible, match="8_none"):
        rollback.rollback(settings, url=repository.url, confirm=urls.database_of(repository.url))
    for item in files.with_rollbacks(files.read(settings.migrations, settings.schemas)):
        assert bool(item.rollback_sql) != bool(item.directives.irreversible)


def test_extensions_that_somebody_made_beforehand(repository: Project) -> None:
    """A migration before the first makes them on an empty database; where they are it is recorded with the others."""
    texts = {
        f"{A}/migration.sql": "CREATE TABLE a (i int, e citext);\n",
        f"{B}/migration.sql": "CREATE INDEX i ON a USING gin ((e::text) gin_trgm_ops);\n",
        f"{C}/migration.sql": "SELECT similarity('a', 'b');\n",
    }
    settings, url = config.load(repository.root, {}), repository.url
    theirs = str(lay(repository.root, texts))
    with psycopg.connect(url, autocommit=True) as connection:
        made = "CREATE EXTENSION citext; CREATE EXTENSION pg_trgm;"
        connection.execute(LEDGER + made + row(A, text=texts[f"{A}/migration.sql"]) + texts[f"{A}/migration.sql"])
        found = adopt.adopt(settings, "prisma", theirs, url=url)
        prelude = "public.20231231235959.extensions"
        assert found.prepared.expected == ("citext", "pg_trgm")
        assert found.recorded == (prelude, IDS[A])
        assert f"Nothing makes these extensions, so {prelude} does" in "\n".join(found.summary())
        again = adopt.adopt(settings, "prisma", theirs, url=url)
        assert (again.written, again.recorded, again.prepared.preludes) == (0, (), (prelude,))
        assert [item.id for item in migrate.migrate(settings, url=url).done] == [IDS[B], IDS[C]]


def test_an_empty_database_gets_the_extensions(repository: Project) -> None:
    """Where nothing is recorded all of it runs, the extensions first."""
    theirs = str(lay(repository.root, {f"{A}/migration.sql": "CREATE TABLE a (i int, e citext);\n"}))
    settings = config.load(repository.root, {})
    adopt.adopt(settings, "prisma", theirs)
    done = migrate.migrate(settings, url=repository.url).done
    assert [item.id for item in done] == ["public.20231231235959.extensions", IDS[A]]


@cases.named(("sql", "words"), [
    ("a schema that nobody makes", "CREATE TABLE other.t (i int);\n", "Something else makes the schema other: add it"),
    ("a second schema of the search_path", "CREATE TABLE t (m money2);\n",
     'search_path = ["{schema}", "public", "pg_catalog"]'),
])  # fmt: skip
def test_what_the_surroundings_lack_is_said_with_what_to_type(sql: str, words: str, repository: Project) -> None:
    """A refusal names the schema, or where the thing is that a name without one should mean."""
    util = "CREATE SCHEMA util;\nCREATE TYPE util.money2 AS (i int);\n"
    theirs = str(lay(repository.root, {f"{A}/migration.sql": util, f"{B}/migration.sql": sql}))
    with pytest.raises(preparing.NotRunnable) as refused:
        adopt.adopt(config.load(repository.root, {}), "prisma", theirs)
    assert words in refused.value.hint


def drop_role(url: str, name: str) -> None:
    """Drop a role and what it may do in the databases of a test, of which the scratch ones are on the same server."""
    with psycopg.connect(url, autocommit=True) as connection:
        for (database,) in connection.execute("SELECT datname FROM pg_database WHERE datallowconn").fetchall():
            with psycopg.connect(urls.with_database(url, database), autocommit=True) as there:
                if there.execute("SELECT to_regclass('public.a')").fetchone() != (None,):
                    there.execute(f"DROP OWNED BY {name}")
        connection.execute(f"DROP ROLE IF EXISTS {name}")


def test_roles_are_made_on_the_dev_server_only(repository: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that are not there, without login, and only where the commands mean the project's own server."""
    one, other = (f"adoption_{uuid.uuid4().hex[:8]}" for _ in range(2))
    sql = f"CREATE TABLE a (i int);\nGRANT SELECT ON a TO {one}, {other};\n"
    theirs = str(lay(repository.root, {f"{A}/migration.sql": sql}))
    settings = config.load(repository.root, {})
    listed = "SELECT rolname, rolcanlogin FROM pg_roles WHERE rolname = ANY(%s)"
    with psycopg.connect(repository.url, autocommit=True) as connection:
        try:
            # The scratch database is on the same server, where the trial makes what it needs.
            plan = adopt.adopt(settings, "prisma", theirs)
            assert set(plan.prepared.roles) == {one, other}
            assert "(--create-roles makes them on the dev server)" in "\n".join(plan.summary())
            for name in (one, other):
                drop_role(repository.url, name)
            connection.execute(f"CREATE ROLE {one} LOGIN")
            monkeypatch.setenv("DATABASE_URL", repository.url)
            with pytest.raises(errors.ConfigError, match="DATABASE_URL names another"):
                adopt.adopt(settings, "prisma", theirs, create_roles=True)
            monkeypatch.setattr(targets, "choose", lambda *_: targets.Choice(repository.url, "dev server", is_dev=True))
            found = adopt.adopt(settings, "prisma", theirs, create_roles=True)
            assert found.created == (other,)
            assert sorted(connection.execute(listed, [[one, other]])) == sorted([(one, True), (other, False)])
            assert adopt.adopt(settings, "prisma", theirs, create_roles=True).created == ()
        finally:
            for name in (one, other):
                drop_role(repository.url, name)


def test_a_role_that_only_a_run_tells_of_is_made_later_too(
    repository: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A block names it: the adoption that wrote the files saw it, and so does one that finds them there."""
    name = f"adoption_{uuid.uuid4().hex[:8]}"
    sql = f"CREATE TABLE a (i int);\nDO $$ BEGIN EXECUTE 'GRANT SELECT ON a TO {name}'; END $$;\n"
    theirs = str(lay(repository.root, {f"{A}/migration.sql": sql}))
    settings = config.load(repository.root, {})
    first = adopt.adopt(settings, "prisma", theirs)
    assert first.prepared.roles == (name,)
    steps = repr(first.blocks()[-1])
    assert steps.index("inv dev-up") < steps.index("--create-roles") < steps.rindex("inv dev-up")
    drop_role(repository.url, name)
    monkeypatch.setattr(targets, "choose", lambda *_: targets.Choice(repository.url, "dev server", is_dev=True))
    found = adopt.adopt(settings, "prisma", theirs, create_roles=True)
    drop_role(repository.url, name)
    assert (found.written, found.prepared.roles) == (0, (name,))


@pytest.mark.parametrize(
    ("second", "words"),
    [
        ("ALTER TABLE public._prisma_migrations ENABLE ROW LEVEL SECURITY", "so let the files make it: --keep-ledger"),
        ('CREATE TABLE b (t text COLLATE "xx-XX-x-icu")', "SCHEMATA_PG_BIN"),
    ],
    ids=["needs the ledger", "needs a locale"],
)
def test_what_surely_helps_is_said_first(repository: Project, second: str, words: str) -> None:
    """A table that is left out, named where the text does not tell; a collation that these programs do not have."""
    block = f"DO $do$ BEGIN EXECUTE $$ {second} $$; END $do$;\n"
    ledger = "CREATE TABLE _prisma_migrations (i int);\nCREATE TABLE a (i int);\n"
    theirs = str(lay(repository.root, {f"{A}/migration.sql": ledger, f"{B}/migration.sql": block}))
    with pytest.raises(preparing.NotRunnable) as refused:
        adopt.adopt(config.load(repository.root, {}), "prisma", theirs)
    assert words in refused.value.hint
    assert "--schema NAME" not in refused.value.hint


def test_names_of_the_servers_own_come_first(repository: Project) -> None:
    """As in the connection of the tool, which does not name pg_catalog: an extension may have the same name."""
    texts = {
        f"{A}/migration.sql": "CREATE FUNCTION public.upper(text) RETURNS text LANGUAGE sql AS $$ SELECT 'own' $$;\n",
        f"{B}/migration.sql": "CREATE TABLE b (v text DEFAULT upper('x'));\n",
    }
    settings = config.load(repository.root, {})
    theirs = str(lay(repository.root, texts))
    with psycopg.connect(repository.url, autocommit=True) as connection:
        connection.execute(LEDGER + "".join(row(name.partition("/")[0], text=sql) + sql for name, sql in texts.items()))
        assert len(adopt.adopt(settings, "prisma", theirs, url=repository.url).recorded) == 2
        default = "SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = 'public.b'::regclass"
        theirs_default = connection.execute(default).fetchone()
        connection.execute("DROP TABLE b; DROP FUNCTION public.upper(text); DROP SCHEMA schemata CASCADE")
        migrate.migrate(settings, url=repository.url, on_existing_objects=True)
        assert connection.execute(default).fetchone() == theirs_default


def test_line_breaks_of_windows_in_a_function(repository: Project) -> None:
    """A file that was checked out with other line breaks made the same function."""
    sql = "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$\nBEGIN\n  RETURN 1;\nEND $$;\n"
    data = sql.replace("\n", "\r\n")
    theirs = str(lay(repository.root, {f"{A}/migration.sql": data}))
    with psycopg.connect(repository.url, autocommit=True) as connection:
        connection.execute(LEDGER + row(A, text=data) + data)
        body = "SELECT position(E'\\r' IN prosrc) > 0 FROM pg_proc WHERE proname = 'f'"
        assert connection.execute(body).fetchone() == (True,)
        found = adopt.adopt(config.load(repository.root, {}), "prisma", theirs, url=repository.url)
        assert found.recorded == (IDS[A],)
        connection.execute("CREATE OR REPLACE FUNCTION public.f() RETURNS int LANGUAGE sql AS 'SELECT 2'")
        found_now = status.status_of(config.load(repository.root, {}), url=repository.url).compared.findings
        assert "drift" in [one.code for one in found_now]
