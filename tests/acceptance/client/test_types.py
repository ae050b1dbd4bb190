"""The typed client has every type that the server has: it can be imported, is typed, and carries rows both ways."""

import functools
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from schemata.client import typed_columns
from tests.acceptance.conftest import CommandLine
from tests.conftest import REPOSITORY, Project

ONE = "app.20250101000001.one"
CLIENT = '\n[tool.schemata.client]\npackage = "app_client"\n'
EXTENSIONS = ("citext", "hstore", "ltree", "cube", "seg", "isn", "vector", "intarray", "pg_trgm", "btree_gist")
#: Types without input, or for indexes only: nobody can have a value of them.
NOBODY = ("gtsvector", "pg_node_tree", "pg_ndistinct", "pg_dependencies", "pg_mcv_list", "pg_ddl_command", "gtrgm",
          "ghstore", "ltree_gist", "unknown", "intbig_gkey", "pg_brin_bloom_summary",
          "pg_brin_minmax_multi_summary", "gbtreekey2", "gbtreekey4", "gbtreekey8", "gbtreekey16", "gbtreekey32",
          "gbtreekey_var")  # fmt: skip
#: The Python type that a person expects of a column, by the type's name; of all others it is str.
EXPECTED = {
    "bool": "bool", "int2": "int", "int4": "int", "int8": "int", "oid": "int", "xid": "int", "cid": "int",
    "xid8": "int", "float4": "float", "float8": "float", "numeric": "decimal.Decimal", "money": "decimal.Decimal",
    "bytea": "bytes", "date": "datetime.date", "time": "datetime.time", "timetz": "datetime.time",
    "timestamp": "datetime.datetime", "timestamptz": "datetime.datetime", "interval": "datetime.timedelta",
    "uuid": "uuid.UUID", "json": "Any", "jsonb": "Any", "inet": "Inet", "cidr": "Cidr", "mood": "Mood",
    "oidvector": "list[int]", "int2vector": "list[int]", "vector": "list[float]", "halfvec": "list[float]",
    "hstore": "dict[str, Optional[str]]",
    "int4range": "Range[int]", "int8range": "Range[int]", "numrange": "Range[decimal.Decimal]",
    "daterange": "Range[datetime.date]", "tsrange": "Range[datetime.datetime]",
    "tstzrange": "Range[datetime.datetime]",
    "int4multirange": "MultiRange[int]", "int8multirange": "MultiRange[int]",
    "nummultirange": "MultiRange[decimal.Decimal]", "datemultirange": "MultiRange[datetime.date]",
    "tsmultirange": "MultiRange[datetime.datetime]", "tstzmultirange": "MultiRange[datetime.datetime]",
}  # fmt: skip
_TYPES = """
    SELECT t.typname, format_type(t.oid, NULL), t.typtype = 'b' AND EXISTS (
        SELECT FROM pg_opclass o WHERE o.opcintype = t.oid AND o.opcmethod = 403 AND o.opcdefault)
    FROM pg_type t
    WHERE t.typtype IN ('b', 'e', 'r', 'm') AND t.typnamespace IN ('pg_catalog'::regnamespace, 'app'::regnamespace)
        AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid)
    ORDER BY 1
"""


@pytest.fixture
def made(project: Project, schemata: CommandLine) -> Project:
    """Give a project with a client, migrated; its tables are made by the test."""
    project.configure(CLIENT)
    project.write(ONE, "-- One.\nCREATE TYPE app.mood AS ENUM ('sad', 'it''s ok', '', 'Übel');\n")
    assert schemata("migrate").returncode == 0
    return project


def _execute(project: Project, *statements: str) -> None:
    with psycopg.connect(project.url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def _generated(project: Project, schemata: CommandLine) -> Path:
    """Generate, expect that every row was tried, and return the package's folder."""
    ended = schemata("generate")
    assert ended.returncode == 0, ended.stderr
    assert "The client can be imported" not in ended.stdout
    return project.root / "client" / "app_client"


def _python(project: Project, code: str) -> str:
    """Run code with the client on the path; every warning is an error."""
    path = os.pathsep.join([str(project.root / "client"), str(REPOSITORY)])
    start = (
        "import os, datetime, decimal, sqlalchemy as sa, sqlalchemy.orm as orm\n"
        "from app_client import app, metadata\n"
        "orm.configure_mappers()\n"
        "engine = sa.create_engine(os.environ['DATABASE_URL'].replace('postgresql:', 'postgresql+psycopg:'))\n"
    )
    ended = project.run([sys.executable, "-W", "error", "-c", start + code], PYTHONPATH=path)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


Mypy = Callable[..., list[str]]


@pytest.fixture
def mypy(mypy_cache: Path) -> Mypy:
    """Return what mypy --strict says of a package, line by line."""
    return functools.partial(_mypy, mypy_cache)


def _mypy(cache: Path, folder: Path, *files: str) -> list[str]:
    ended = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", f"--cache-dir={cache}", *files, folder.name],
        cwd=folder.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return (ended.stdout + ended.stderr).splitlines()


@pytest.mark.slow
@pytest.mark.xdist_group("mypy")
def test_every_type_of_the_server(made: Project, schemata: CommandLine, mypy: Mypy) -> None:
    """A table for each built-in and contrib type: itself, arrays, domains, composites and ranges of it, and arrays of
    those. Generate writes and reads a row of each; the Python types are those that a person expects; mypy --strict
    accepts all of it."""
    statements = []
    expected = {}
    with psycopg.connect(made.url, autocommit=True) as connection:
        for extension in EXTENSIONS:
            if connection.execute(
                "SELECT FROM pg_available_extensions WHERE name = %s AND pg_has_role('pg_read_all_stats', 'USAGE')",
                [extension],
            ).fetchone():
                connection.execute(f"CREATE EXTENSION {extension} SCHEMA app".encode())
        for name, text, orderable in connection.execute(_TYPES).fetchall():
            if name in NOBODY:
                continue
            expected[name] = EXPECTED.get(name, "str")
            statements += [
                f"CREATE DOMAIN app.d_{name} AS {text}",
                f"CREATE TYPE app.c_{name} AS (a {text}, b {text}[], d app.d_{name}, e app.d_{name}[])",
                f"CREATE TYPE app.r_{name} AS RANGE (subtype = {text})" if orderable else "SELECT",
                f"CREATE TABLE app.t_{name} (id int PRIMARY KEY, one {text}, many {text}[], grid {text}[][], "
                f"dom app.d_{name}, doms app.d_{name}[], comp app.c_{name}, comps app.c_{name}[]"
                + (f", ran app.r_{name}, rans app.r_{name}[])" if orderable else ")"),
            ]
    assert len(expected) > 60
    _execute(made, *statements)
    folder = _generated(made, schemata)
    text = (folder / "app.py").read_text()
    for name, python in expected.items():
        body = text.split(f"    __tablename__ = 't_{name}'\n")[1].split("\n\n\n")[0]
        optional = "Optional_" if "Optional_" in body else "Optional"
        columns = dict(re.findall(rf"    (\w+): Mapped\[{optional}\[(.*)\]\] = ", body))
        assert columns["one"] == columns["dom"] == python, name
        assert columns["many"] == columns["doms"] == f"list[{python}]", name
        assert columns["grid"] == f"list[list[{python}]]", name
        assert columns["comps"] == f"list[{columns['comp']}]", name
        assert columns.get("ran", f"Range[{python}]") == f"Range[{python}]", name
    assert mypy(folder) == [f"Success: no issues found in {len([*folder.glob('*.py')])} source files"]


@pytest.mark.once
@pytest.mark.xdist_group("mypy")
def test_a_client_of_such_types_is_used_with_types(made: Project, schemata: CommandLine, mypy: Mypy) -> None:
    """A script that uses enums, composites, ranges and arrays runs, and mypy --strict sees what it gets."""
    _execute(
        made,
        "CREATE DOMAIN app.email AS text CHECK (VALUE ~ '^[^@]+@[^@]+$')",
        'CREATE TYPE app.address AS (street text, "class" int, moods app.mood[], since timestamptz)',
        "CREATE TABLE app.people (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email app.email NOT NULL,"
        " emails app.email[], mood app.mood NOT NULL DEFAULT 'sad', moods app.mood[], home app.address,"
        " homes app.address[], stay daterange, stays datemultirange, price money, data jsonb, nets cidr[])",
    )
    folder = _generated(made, schemata)
    (folder.parent / "use.py").write_text(
        "import datetime\nimport decimal\nimport os\nfrom typing import reveal_type\n\nimport sqlalchemy as sa\n"
        "from sqlalchemy.dialects.postgresql import Range\nfrom sqlalchemy.orm import Session\n\n"
        "from app_client import app\n\n"
        "engine = sa.create_engine(os.environ['DATABASE_URL'].replace('postgresql:', 'postgresql+psycopg:'))\n"
        "day = datetime.date(2020, 1, 1)\n"
        "noon = datetime.datetime(2020, 1, 1, 12, tzinfo=datetime.timezone.utc)\n"
        "home = app.Address('a \"b\" (c), {d}', 7, [app.Mood.SAD, app.Mood.IT_S_OK], noon)\n"
        "with Session(engine) as session, session.begin():\n"
        "    session.add(app.People(email='a@b', emails=['c@d'], mood=app.Mood.IT_S_OK, moods=[app.Mood.EMPTY],\n"
        "        home=home, homes=[home, app.Address('')], stay=Range(day, None), price=decimal.Decimal('12.50'),\n"
        "        data={'a': [1]}))\n"
        "with Session(engine) as session:\n"
        "    found = session.scalars(sa.select(app.People).where(app.People.moods.contains([app.Mood.EMPTY]),\n"
        "        app.People.stay.contains(day), app.People.email == 'a@b', app.People.mood.in_(['it\\'s ok']),\n"
        "        app.People.home == home, app.People.emails == ['c@d'])).one()\n"
        "    reveal_type(found.mood)\n    reveal_type(found.home)\n    reveal_type(found.stay)\n"
        "    assert found.home == home and found.homes == [home, app.Address('')], found.homes\n"
        "    assert found.mood is app.Mood.IT_S_OK and found.moods == [app.Mood.EMPTY]\n"
        "    assert (found.price, found.emails, found.stay) == (decimal.Decimal('12.50'), ['c@d'], Range(day, None))\n"
        "    assert found.home is not None and found.home.since == noon\n"
        "    reveal_type(found.home.moods)\n"
        "engine.dispose()\n"
    )
    lines = mypy(folder, "use.py")
    assert [line.partition("Revealed type is ")[2] or line for line in lines[:-1]] == [
        '"app_client._types.Mood"',
        '"app_client._types.Address | None"',
        '"sqlalchemy.dialects.postgresql.ranges.Range[datetime.date] | None"',
        '"list[app_client._types.Mood] | None"',
    ]
    ended = made.run([sys.executable, "-W", "error", str(folder.parent / "use.py")], PYTHONPATH=str(folder.parent))
    assert ended.returncode == 0, ended.stderr


@pytest.mark.once
@pytest.mark.parametrize("order", ["first", "last"])
@pytest.mark.xdist_group("mypy")
def test_columns_may_have_any_name(made: Project, schemata: CommandLine, order: str, mypy: Mypy) -> None:
    """A column that is called like a module, a builtin, a keyword or something of SQLAlchemy's breaks no other one."""
    names = [
        "uuid", "datetime", "decimal", "Optional", "Any", "int", "str", "list", "dict", "bool", "float", "bytes",
        "Text", "text", "Mapped", "mapped_column", "relationship", "Range", "Array", "Enum", "Base", "app", "metadata",
        "registry", "class", "import", "None", "self", "__init__", "__dict__", "_sa_instance_state", "__table__",
        "Mood", "two words", "2nd", "größe", "ﬁn", "a%b", 'quo"te', "o'clock", "Names", "id_", "__tablename__",
        "__mapper_args__", "type_annotation_map", "property", "print", "a:b", "a.b", "☃", "_types",
    ]  # fmt: skip
    quoted = ['"' + name.replace('"', '""') + '"' for name in names]
    columns = [f"{name} text NOT NULL DEFAULT 'a:b'" for name in quoted]
    others = [
        "a uuid",
        "b timestamptz[]",
        "c numeric",
        "d jsonb",
        "e int4range",
        "f app.mood",
        "g citext[]",
        "h boolean",
    ]
    others = [other.replace("citext", "varchar(3)") for other in others]
    whole = [*columns, *others] if order == "first" else [*others, *columns]
    _execute(
        made,
        f"CREATE TABLE app.names (id int PRIMARY KEY, {', '.join(whole)})",
        'CREATE VIEW app."class" AS SELECT * FROM app.names',
        'CREATE TABLE app."a%b""c d" (LIKE app.names INCLUDING ALL, names_id int REFERENCES app.names (id))',
        f"CREATE TYPE app.names_of AS ({', '.join(f'{name} text' for name in quoted)})",
        "CREATE TABLE app.text (uuid uuid PRIMARY KEY, of app.names_of, uuid_id uuid REFERENCES app.text (uuid))",
        'CREATE TABLE app."Mood" ("Mood" app.mood PRIMARY KEY)',
    )
    folder = _generated(made, schemata)
    said = _python(
        made,
        "with orm.Session(engine) as s, s.begin():\n"
        "    s.add(app.Names(id=1))\n"
        "with orm.Session(engine) as s:\n"
        "    row = s.scalars(sa.select(app.Names)).one()\n"
        "    print(row.uuid, row.class_, row.metadata_, row.größe)\n"
        "engine.dispose()\n",
    )
    assert said == "a:b a:b a:b a:b\n"
    assert mypy(folder)[-1].startswith("Success"), mypy(folder)


def test_partitions_are_part_of_their_parent(made: Project, schemata: CommandLine) -> None:
    """A partitioned table, over two levels, is one class; a table that inherits is one of its own."""
    _execute(
        made,
        "CREATE TABLE app.events (id int, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at)",
        "CREATE TABLE app.events_2024 PARTITION OF app.events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')",
        "CREATE TABLE app.events_2025 PARTITION OF app.events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')"
        " PARTITION BY HASH (id)",
        "CREATE TABLE app.events_2025_0 PARTITION OF app.events_2025 FOR VALUES WITH (MODULUS 1, REMAINDER 0)",
        "CREATE TABLE app.event_notes (id int PRIMARY KEY, event_id int, at date,"
        " FOREIGN KEY (event_id, at) REFERENCES app.events (id, at))",
        "CREATE TABLE app.old_notes () INHERITS (app.event_notes)",
    )
    text = (_generated(made, schemata) / "app.py").read_text()
    assert re.findall(r"^(?:class|t_)\w* ?\w*", text, re.MULTILINE) == [
        "class Events",
        "t_old_notes",
        "class EventNotes",
    ]
    assert "events: Mapped[Optional['Events']]" in text


@pytest.mark.xdist_group("mypy")
def test_views_are_classes_to_read(made: Project, schemata: CommandLine, mypy: Mypy) -> None:
    """Views and materialized views have classes: rows that are alike or all NULL are all there, what cannot be compared
    in Python is no obstacle, the planner sees through, and a write is refused."""
    _execute(
        made,
        "CREATE TABLE app.docs (id int PRIMARY KEY, data jsonb, tags text[])",
        "CREATE VIEW app.doc_view AS SELECT data, tags FROM app.docs",
        "CREATE MATERIALIZED VIEW app.doc_stats AS SELECT id, count(*) AS n FROM app.docs GROUP BY id",
        "INSERT INTO app.docs VALUES (1, '{\"a\": 1}', '{x}'), (2, '{\"a\": 2}', '{x}')",
        "INSERT INTO app.docs VALUES (3, NULL), (4, NULL)",
        "REFRESH MATERIALIZED VIEW app.doc_stats",
    )
    folder = _generated(made, schemata)
    said = _python(
        made,
        "with orm.Session(engine) as s:\n"
        "    rows = s.scalars(sa.select(app.DocView).order_by(app.DocView.data)).all()\n"
        "    print([(row.data, row.tags) for row in rows])\n"
        "    one = s.scalars(sa.select(app.DocStats).where(app.DocStats.id == 1)).one()\n"
        "    print(one.n, len(s.execute(sa.select(app.t_doc_view)).all()))\n"
        "    plan = sa.select(app.DocView.tags).where(app.DocView.tags.contains(['x']))\n"
        "    text = str(plan.compile(engine, compile_kwargs={'render_postcompile': True}))\n"
        "    for act in (lambda: s.add(app.DocView(data={})), lambda: setattr(one, 'n', 5), lambda: s.delete(one)):\n"
        "        act()\n"
        "        try:\n"
        "            s.flush()\n"
        "        except TypeError as error:\n"
        "            print(error)\n"
        "        s.rollback()\n"
        "        one = s.scalars(sa.select(app.DocStats).where(app.DocStats.id == 1)).one()\n"
        "engine.dispose()\n",
    )
    assert said.splitlines() == [
        "[({'a': 1}, ['x']), ({'a': 2}, ['x']), (None, None), (None, None)]",
        "1 4",
        "DocView is a view: its rows can be read, and not written",
        "DocStats is a view: its rows can be read, and not written",
        "DocStats is a view: its rows can be read, and not written",
    ]
    assert mypy(folder)[-1].startswith("Success")


@pytest.mark.once
@pytest.mark.xdist_group("mypy")
def test_keys_of_every_shape_are_relationships(made: Project, schemata: CommandLine, mypy: Mypy) -> None:
    """Two keys to one table, keys that share a column, a key to itself over two columns, a circle, keys that are lists:
    every relationship works, without a warning of SQLAlchemy's."""
    _execute(
        made,
        "CREATE TABLE app.tenants (id int PRIMARY KEY)",
        "CREATE TABLE app.users (tenant_id int REFERENCES app.tenants, id int, boss_id int, created_by int,"
        " PRIMARY KEY (tenant_id, id), FOREIGN KEY (tenant_id, boss_id) REFERENCES app.users)",
        "CREATE TABLE app.tasks (id int PRIMARY KEY, tenant_id int REFERENCES app.tenants, owner_id int, helper_id int,"
        " FOREIGN KEY (tenant_id, owner_id) REFERENCES app.users,"
        " FOREIGN KEY (tenant_id, helper_id) REFERENCES app.users)",
        "CREATE TABLE app.ones (id int PRIMARY KEY, other_id int)",
        "CREATE TABLE app.others (id int PRIMARY KEY, one_id int UNIQUE REFERENCES app.ones)",
        "ALTER TABLE app.ones ADD FOREIGN KEY (other_id) REFERENCES app.others DEFERRABLE INITIALLY DEFERRED",
        "CREATE TABLE app.lists (id int[] PRIMARY KEY)",
        "CREATE TABLE app.of_lists (id int PRIMARY KEY, list int[] REFERENCES app.lists)",
    )
    folder = _generated(made, schemata)
    said = _python(
        made,
        "with orm.Session(engine) as s, s.begin():\n"
        "    s.add(app.Tenants(id=1))\n"
        "    s.flush()\n"
        "    boss = app.Users(tenant_id=1, id=1)\n"
        "    one = app.Users(id=2, users=boss, tenant=s.get(app.Tenants, 1))\n"
        "    s.add_all([boss, one])\n"
        "    s.flush()\n"
        "    s.add(app.Tasks(id=1, tenant_owner=one, tenant_helper=boss))\n"
        "with orm.Session(engine) as s:\n"
        "    boss = s.get(app.Users, (1, 1))\n"
        "    print([user.id for user in boss.users_reverse], boss.users, boss.users_reverse[0].users.id)\n"
        "    task = s.get(app.Tasks, 1)\n"
        "    print(task.tenant_owner.id, task.tenant_helper.id)\n"
        "    print([task.id for task in boss.tasks_tenant_helper], boss.tasks_tenant_owner)\n"
        "engine.dispose()\n",
    )
    assert said == "[2] None 1\n2 1\n[1] []\n"
    assert mypy(folder)[-1].startswith("Success"), mypy(folder)


def test_a_client_that_does_not_work_is_not_put_in_place(
    made: Project, schemata: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of the generator, at the import or in a column's values, is named with table and column; the client that
    was there stays."""
    _execute(made, "CREATE TABLE app.days (id int PRIMARY KEY, day date, note text)")
    folder = _generated(made, schemata)
    before = {path.name: path.read_text() for path in folder.iterdir() if path.is_file()}
    _execute(made, "CREATE TABLE app.more (id int PRIMARY KEY, day date)")
    known = dict(typed_columns._KNOWN)
    monkeypatch.setitem(typed_columns._KNOWN, "date", ("sqlalchemy", "Integer", "int", "2000-01-01"))
    schemata.refused(
        "generate",
        code=1,
        says=("ClientBroken", "app.days, column day (date)", "app.more, column day (date)", "Nothing was written"),
    )
    monkeypatch.setitem(typed_columns._KNOWN, "date", (*known["date"][:2], "datetime.moment", "2000-01-01"))
    schemata.refused("generate", code=1, says=("ClientBroken", "app.py", "class Days(Base)", "datetime.moment"))
    assert {path.name: path.read_text() for path in folder.iterdir() if path.is_file()} == before
    monkeypatch.setitem(typed_columns._KNOWN, "date", known["date"])
    _generated(made, schemata)


def test_a_domain_that_takes_no_guess_is_tried_all_the_same(made: Project, schemata: CommandLine) -> None:
    """A check that only few values pass, and NOT NULL with it, keep no table from being tried."""
    _execute(
        made,
        "CREATE DOMAIN app.code AS text NOT NULL CHECK (VALUE ~ '^[A-Z]{7}-[0-9]{9}$')",
        "CREATE TABLE app.codes (id int PRIMARY KEY, code app.code, codes app.code[])",
    )
    text = (_generated(made, schemata) / "app.py").read_text()
    assert "code: Mapped[str] = mapped_column(Text, nullable=False)" in text
    assert "codes: Mapped[Optional[list[str]]] = mapped_column(Array(Text, 'app.code'))" in text


EQUAL = (
    "with orm.Session(engine) as s:\n"
    "    print(s.scalars(sa.select(app.Mails.id).where(app.Mails.mail == 'a@B.C')).all())\n"
    "engine.dispose()\n"
)


@pytest.mark.parametrize("remedy", ["move", "path"])
def test_an_extension_outside_of_the_search_path_is_told(made: Project, schemata: CommandLine, remedy: str) -> None:
    """An extension that a migration made in its own schema is named each time, with the reason and what to type; what
    is said there makes the client's comparisons right, and then nothing more is said."""
    _execute(
        made,
        "SET search_path = app; CREATE EXTENSION citext; CREATE EXTENSION hstore SCHEMA public",
        "CREATE TABLE app.mails (id int PRIMARY KEY, mail app.citext, more public.hstore, list app.citext[])",
        "INSERT INTO app.mails VALUES (1, 'A@b.c')",
    )
    for first in ("Generated ", str(made.root)):
        ended = schemata("generate")
        told = " ".join(ended.stdout.split())
        assert (ended.returncode, told.startswith(first)) == (0, True), told
        assert "The extension citext is in the schema app, which the search_path of this connection" in told
        assert '(ALTER EXTENSION "citext" SET SCHEMA "public";)' in told
        assert "ALTER DATABASE" in told
        assert "hstore" not in told
    assert json.loads(schemata("generate", "--json").stdout)["unseen_extensions"] == [
        {"extension": "citext", "schema": "app", "target": "public"}
    ]
    assert _python(made, EQUAL) == "[]\n"
    name = made.url.rsplit("/", 1)[1]
    moved, path = "ALTER EXTENSION citext SET SCHEMA public", f"ALTER DATABASE {name} SET search_path = public, app"
    _execute(made, moved if remedy == "move" else path)
    assert "citext" not in schemata("generate").stdout
    assert _python(made, EQUAL) == "[1]\n"


def test_the_trial_touches_nothing(made: Project, schemata: CommandLine) -> None:
    """A table that nobody may write to now, with triggers that refuse everything and a sequence, is tried without
    waiting; its rows and its sequence are as they were, and no temporary table is left."""
    _execute(
        made,
        "CREATE FUNCTION app.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$",
        "CREATE TABLE app.guarded (id serial PRIMARY KEY, twice int GENERATED ALWAYS AS (2) STORED)",
        "CREATE TRIGGER refuse BEFORE INSERT OR UPDATE OR DELETE ON app.guarded EXECUTE FUNCTION app.refuse()",
        "ALTER TABLE app.guarded ENABLE ROW LEVEL SECURITY",
    )
    with psycopg.connect(made.url) as connection:
        connection.execute("LOCK TABLE app.guarded IN SHARE ROW EXCLUSIVE MODE")
        _generated(made, schemata)
        facts = connection.execute(
            "SELECT (SELECT count(*) FROM app.guarded), (SELECT is_called FROM app.guarded_id_seq),"
            " (SELECT count(*) FROM pg_class WHERE relpersistence = 't')"
        ).fetchone()
    assert facts == (0, False, 0)


def test_a_table_that_cannot_be_tried_is_named(
    made: Project, schemata: CommandLine, make_role: Callable[..., str]
) -> None:
    """A type that the role may not use keeps one table from being tried; the others are."""
    _execute(
        made,
        "CREATE SCHEMA closed",
        "CREATE TYPE closed.kind AS ENUM ('a')",
        "CREATE TABLE app.days (id int PRIMARY KEY, kind closed.kind)",
        "CREATE TABLE app.more (id int PRIMARY KEY)",
    )
    grants = ["GRANT USAGE ON SCHEMA schemata, app", "GRANT SELECT ON ALL TABLES IN SCHEMA schemata"]
    ended = schemata("generate", "--url", make_role(made.url, *grants))
    assert ended.returncode == 0, ended.stderr
    told = " ".join(ended.stdout.split())
    assert "the rows of 1 of 2 tables were not tried (app.days: permission denied for schema closed)" in told


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("ALTER DATABASE {database} SET default_transaction_read_only = on", "transactions are read-only here"),
        ("REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC", "the role lacks the privilege TEMPORARY"),
    ],
)
def test_where_no_row_can_be_written_that_is_said(
    made: Project, schemata: CommandLine, make_role: Callable[..., str], statement: str, why: str
) -> None:
    """Where the role may not make a temporary table the client is imported only, and the last line says so."""
    _execute(made, "CREATE TABLE app.days (id int PRIMARY KEY)")
    grants = ["GRANT USAGE ON SCHEMA schemata, app", "GRANT SELECT ON ALL TABLES IN SCHEMA schemata"]
    url = make_role(made.url, *grants)
    _execute(made, statement.format(database=made.url.rsplit("/", 1)[1]))
    ended = schemata("generate", "--url", url)
    assert ended.returncode == 0, ended.stderr
    assert f"no row was written and read with it as a test: {why}" in " ".join(ended.stdout.split())
    assert (made.root / "client" / "app_client" / "app.py").exists()
