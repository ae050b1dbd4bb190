"""The typed client carries every value of its columns' types, both ways: what Python has no value for is text."""

import json
import os
import sys
from typing import Any

import psycopg
import pytest

from tests.acceptance.conftest import CommandLine
from tests.conftest import Project

#: By type: what PostgreSQL holds (as its text), and what Python gets of it.
VALUES: dict[str, list[tuple[str, str]]] = {
    "timestamptz": [
        ("infinity", "'infinity'"),
        ("-infinity", "'-infinity'"),
        ("0044-03-15 12:00:00+00 BC", "'0044-03-15 12:00:00+00 BC'"),
        ("20000-01-01 00:00:00+00", "'20000-01-01 00:00:00+00'"),
        ("294276-12-31 23:59:59.999999+00", "'294276-12-31 23:59:59.999999+00'"),
        ("9999-12-31 23:59:59.999999+00", "datetime.datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=utc)"),
        ("0001-01-01 00:00:00+00", "datetime.datetime(1, 1, 1, 0, 0, tzinfo=utc)"),
    ],
    "timestamp": [
        ("infinity", "'infinity'"),
        ("0001-12-31 00:00:00 BC", "'0001-12-31 00:00:00 BC'"),
        ("20000-01-01 00:00:00", "'20000-01-01 00:00:00'"),
        ("2020-02-29 01:02:03.000004", "datetime.datetime(2020, 2, 29, 1, 2, 3, 4)"),
    ],
    "date": [
        ("infinity", "'infinity'"),
        ("-infinity", "'-infinity'"),
        ("4713-01-01 BC", "'4713-01-01 BC'"),
        ("5874897-12-31", "'5874897-12-31'"),
        ("2020-02-29", "datetime.date(2020, 2, 29)"),
    ],
    "time": [("24:00:00", "'24:00:00'"), ("23:59:59.999999", "datetime.time(23, 59, 59, 999999)")],
    "timetz": [("24:00:00+00", "'24:00:00+00'"), ("12:00:00-07:30:15", "datetime.time(12, 0, tzinfo=-07:30:15)")],
    "interval": [
        ("1 mon", "'P1M'"),
        ("1 year 2 mons 3 days 04:05:06.07", "'P1Y2M3DT4H5M6.07S'"),
        ("-1 years -2 mons +3 days -04:05:06", "'P-1Y-2M3DT-4H-5M-6S'"),
        ("178000000 years", "'P178000000Y'"),
        ("1 day 01:00:00", "datetime.timedelta(days=1, seconds=3600)"),
        ("-1 days", "datetime.timedelta(days=-1)"),
        ("2147483647 days", "'P2147483647D'"),
    ],
    "numeric": [
        ("NaN", "Decimal('NaN')"),
        ("Infinity", "Decimal('Infinity')"),
        ("-Infinity", "Decimal('-Infinity')"),
        ("1" + "0" * 5000 + ".5", f"Decimal('1{'0' * 5000}.5')"),
        ("0.000000000000000000000000000001000", "Decimal('1.000E-30')"),
    ],
    "float8": [("NaN", "nan"), ("Infinity", "inf"), ("-Infinity", "-inf"), ("1e-320", "1e-320")],
    "app.state": [("new", "<State.NEW: 'new'>"), ("renamed", "'renamed'")],
    "bytea": [("\\x00ff", "b'\\x00\\xff'")],
    "text": [("{\"a\",NULL} \\ 'x' %s :y", repr("{\"a\",NULL} \\ 'x' %s :y")), ("", "''"), ("NULL", "'NULL'")],
    "xid8": [("18446744073709551615", "18446744073709551615")],
    "money": [("-$92,233,720,368,547,758.08", "Decimal('-92233720368547758.08')")],
    "bit(3)": [("101", "'101'")],
    "varchar(3)": [("ä☃ ", "'ä☃ '")],
    "char(3)": [("a", "'a  '")],
    "jsonb": [("null", "None"), ('"infinity"', "'infinity'"), ("[1, {}]", "[1, {}]")],
    "int4range": [("empty", "Range(lower=None, upper=None, bounds='[)', empty=True)")],
    "tstzrange": [
        (
            '["2020-01-01 00:00:00+00",infinity]',
            "Range(lower=datetime.datetime(2020, 1, 1, 0, 0, tzinfo=utc), upper='infinity', bounds='[]', empty=False)",
        ),
    ],
}
SINCE = {"interval": [("infinity", "'infinity'"), ("-infinity", "'-infinity'")]}
READER = """
import datetime, json, os, sys
import sqlalchemy as sa, sqlalchemy.orm as orm
from app_client import app

def shown(value):
    text = repr(value).replace('zoneinfo.ZoneInfo(key=\\'UTC\\')', 'utc').replace('datetime.timezone.utc', 'utc')
    return text.replace('datetime.timezone(datetime.timedelta(days=-1, seconds=59385))', '-07:30:15')

engine = sa.create_engine(os.environ['DATABASE_URL'].replace('postgresql:', 'postgresql+psycopg:'))
told = {}
with orm.Session(engine) as s, s.begin():
    for name in sys.argv[1:]:
        model = getattr(app, name)
        rows = s.scalars(sa.select(model).order_by(model.id)).all()
        told[name] = [[shown(row.one), row.many is None or [shown(one) for one in row.many]] for row in rows]
        for row in rows:
            s.add(model(id=row.id + 1000, one=row.one, many=row.many, comp=row.comp))
engine.dispose()
print(json.dumps(told))
"""


@pytest.fixture
def made(project: Project, schemata: CommandLine) -> Project:
    """Give a project whose server speaks ISO and UTC, migrated."""
    project.configure('\n[tool.schemata.client]\npackage = "app_client"\n')
    project.write(
        "app.20250101000001.one", "-- One.\nCREATE TYPE app.state AS ENUM ('new', 'old');\nCREATE TABLE app.x ();\n"
    )
    assert schemata("migrate").returncode == 0
    return project


def _told(project: Project, *tables: str) -> dict[str, list[Any]]:
    ended = project.run(
        [sys.executable, "-W", "error", "-c", READER, *tables],
        PYTHONPATH=os.fspath(project.root / "client"),
        PGTZ="UTC",
    )
    assert ended.returncode == 0, ended.stderr
    found: dict[str, list[Any]] = json.loads(ended.stdout)
    return found


def test_every_value_is_carried_both_ways(made: Project, schemata: CommandLine) -> None:
    """Alone, in an array and in a composite: what is read is the type's Python value, or PostgreSQL's ISO text where
    Python has none, and written back it is the same value again. An enum's label that came later is its text."""
    with psycopg.connect(made.url, autocommit=True) as connection:
        connection.execute("SET lc_monetary = 'C'")
        values = {name: list(listed) for name, listed in VALUES.items()}
        if connection.info.server_version >= 170000:
            for name, more in SINCE.items():
                values[name] += more
        tables = {}
        for at, name in enumerate(values):
            tables[name] = f"v{at}"
            connection.execute(f"CREATE TYPE app.c{at} AS (a {name}, b {name}[])".encode())
            connection.execute(
                f"CREATE TABLE app.v{at} (id int PRIMARY KEY, one {name}, many {name}[], comp app.c{at})".encode()
            )
        assert schemata("generate").returncode == 0
        connection.execute("ALTER TYPE app.state RENAME VALUE 'old' TO 'renamed'")
        connection.execute("SET TIME ZONE 'UTC'")
        for name, listed in values.items():
            for row, (text, _) in enumerate(listed):
                connection.execute(
                    f"INSERT INTO app.{tables[name]}"
                    f" SELECT %s, v, ARRAY[v, NULL, v], ROW(v, ARRAY[v])::app.c{tables[name][1:]}"
                    f" FROM (SELECT %s::text::{name} AS v) AS given".encode(),
                    [row, text],
                )
        told = _told(made, *(table.capitalize() for table in tables.values()))
        for name, listed in values.items():
            expected = [[python, [python, "None", python]] for _, python in listed]
            assert told[tables[name].capitalize()] == expected, name
            if name == "jsonb":
                continue  # None is written as the JSON null or as NULL, SQLAlchemy's own choice
            same = connection.execute(
                f"SELECT count(*), count(*) FILTER (WHERE a.one::text = b.one::text AND a.many::text = b.many::text"
                f" AND (a.comp::text = b.comp::text)) FROM app.{tables[name]} a"
                f" JOIN app.{tables[name]} b ON b.id = a.id + 1000".encode()
            ).fetchone()
            assert same == (len(listed), len(listed)), name


def test_a_list_too_long_for_its_column_is_refused(made: Project, schemata: CommandLine) -> None:
    """What does not fit is the server's error, as it is for a single value: nothing is cut silently."""
    with psycopg.connect(made.url, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE app.cut (id int PRIMARY KEY, a varchar(2)[], b bit(2), c char(2)[], d bit(2)[])"
        )
    assert schemata("generate").returncode == 0
    code = """
import os, sqlalchemy as sa
from app_client import app
engine = sa.create_engine(os.environ['DATABASE_URL'].replace('postgresql:', 'postgresql+psycopg:'))
for values in ({'a': ['abc']}, {'b': '101'}, {'c': ['abc']}, {'d': ['101']}):
    try:
        with engine.begin() as connection:
            connection.execute(sa.insert(app.Cut).values(id=1, **values))
            print('cut', values)
    except sa.exc.DataError as error:
        print('refused')
engine.dispose()
"""
    ended = made.run([sys.executable, "-c", code], PYTHONPATH=os.fspath(made.root / "client"))
    assert (ended.stdout, ended.stderr) == ("refused\n" * 4, "")


def test_other_connections_are_as_they_were(made: Project, schemata: CommandLine) -> None:
    """Only connections of SQLAlchemy's give text: a psycopg connection of the same process is as it was."""
    assert schemata("generate").returncode == 0
    code = """
import os, psycopg, sqlalchemy as sa
url = os.environ['DATABASE_URL']
engine = sa.create_engine(url.replace('postgresql:', 'postgresql+psycopg:'))
from app_client import app
with engine.connect() as connection:
    print(connection.execute(sa.text("SELECT 'infinity'::date")).scalar_one())
with psycopg.connect(url) as connection:
    try:
        connection.execute("SELECT 'infinity'::date").fetchone()
    except psycopg.DataError as error:
        print(type(error).__name__)
engine.dispose()
"""
    ended = made.run([sys.executable, "-c", code], PYTHONPATH=os.fspath(made.root / "client"))
    assert (ended.stdout, ended.stderr) == ("infinity\nDataError\n", "")


#: What a query asks of a column (a type, a value of it, an expression of SQLAlchemy's), and what comes back.
ASKED: list[tuple[str, str, str, str]] = [
    ("int[]", "{3,4}", "c[1]", "3"),
    ("text[]", "{a,b}", "c[2]", "'b'"),
    ("app.state[]", "{old,new}", "c[1]", "<State.OLD: 'old'>"),
    ("app.state[]", "{old,new}", "c[1:1]", "[<State.OLD: 'old'>]"),
    ("app.positive[]", "{3,4}", "c[1]", "3"),
    ("app.stated[]", "{old,new}", "c[1]", "<State.OLD: 'old'>"),
    ("app.pair[]", '{"(1,old)"}', "c[1]", "Pair(a=1, b=<State.OLD: 'old'>)"),
    ("int4range[]", '{"[1,3)"}', "c[1]", "Range(lower=1, upper=3, bounds='[)', empty=False)"),
    ("timestamptz[]", "{infinity}", "c[1]", "'infinity'"),
    ("jsonb[]", '{"[1]"}', "c[1]", "[1]"),
    ("money[]", "{1.50}", "c[1]", "Decimal('1.50')"),
    ("int[][]", "{{1,2},{3,4}}", "c[2][1]", "3"),
    ("app.state[][]", "{{new,old}}", "c[1][2]", "<State.OLD: 'old'>"),
    ("int[]", "{3,4}", "c[sa.bindparam('at', 2, sa.Integer)]", "4"),
    ("int[]", "{3,4}", "c + [5]", "[3, 4, 5]"),
    ("int[]", "{3,4}", "c[1] == 3", "True"),
    ("app.state[]", "{old}", "c[1] == app.State.OLD", "True"),
    ("app.state[]", "{old}", "c[1].in_([app.State.OLD])", "True"),
    ("int[]", "{3,4}", "3 == sa.any_(c)", "True"),
    ("app.state[]", "{old}", "sa.literal(app.State.OLD, c.type.item) == sa.any_(c)", "True"),
    ("app.state[]", "{old}", "sa.literal(app.State.NEW, c.type.item) == sa.all_(c)", "False"),
    ("app.state[]", "{old}", "c.overlap([app.State.OLD])", "True"),
    ("app.hstore", "a=>x, b=>NULL", "c['a']", "'x'"),
    ("app.hstore", "a=>x, b=>NULL", "c['b']", "None"),
    ("app.hstore", "a=>x", "c['a'] == 'x'", "True"),
    ("app.hstore", "a=>x", "c.has_key('a')", "True"),
    ("app.hstore", "a=>x", "c.has_any(['a', 'z'])", "True"),
    ("app.hstore", "a=>x", "c.contains({'a': 'x'})", "True"),
    ("app.hstore", "a=>x", "c.defined('a')", "True"),
    ("app.hstore", "a=>x", "c.keys()", "['a']"),
    ("app.hstore", "a=>x", "c + {'b': None}", "{'a': 'x', 'b': None}"),
    ("app.hstore[]", '{"a=>x"}', "c[1]['a']", "'x'"),
    ("app.state", "old", "sa.func.array_agg(c)", "[<State.OLD: 'old'>]"),
    ("app.state", "renamed", "sa.func.array_agg(c)", "['renamed']"),
    ("app.state", "old", "sa.func.array_agg(c).label('x')", "[<State.OLD: 'old'>]"),
    ("app.state", "old", "sa.select(sa.func.array_agg(c)).scalar_subquery()", "[<State.OLD: 'old'>]"),
    ("app.state", "old", "sa.func.array_agg(pg.aggregate_order_by(c, c.desc()))", "[<State.OLD: 'old'>]"),
    ("app.state", "old", "sa.func.array_agg(c)[1]", "<State.OLD: 'old'>"),
    ("app.state", "old", "pg.array_agg(c)", "[<State.OLD: 'old'>]"),
    ("app.state", "old", "pg.array([c, c])", "[<State.OLD: 'old'>, <State.OLD: 'old'>]"),
    ("app.state", "old", "pg.array([pg.array([c])])", "[[<State.OLD: 'old'>]]"),
    ("app.state", "old", "sa.func.array_agg(sa.func.nullif(c, c))", "[None]"),
    ("app.state", "old", "sa.func.max(c)", "<State.OLD: 'old'>"),
    ("app.state[]", "{old,NULL}", "sa.func.array_agg(c)", "[[<State.OLD: 'old'>, None]]"),
    ("app.state[]", "{old}", "sa.cast(c, pg.ARRAY(sa.Text))", "['old']"),
    ("app.state", "old", "sa.cast([app.State.OLD], sa.ARRAY(c.type))", "[<State.OLD: 'old'>]"),
    ("app.citext", 'a,"b', "sa.func.array_agg(c)", "['a,\"b']"),
    ("app.mail", "a@b", "sa.func.array_agg(c)", "['a@b']"),
    ("app.positive", "3", "sa.func.array_agg(c)", "[3]"),
    ("app.stated", "old", "sa.func.array_agg(c)", "[<State.OLD: 'old'>]"),
    ("app.several", "{1,2}", "sa.func.array_agg(c)", "[[1, 2]]"),
    ("app.pair", "(1,old)", "sa.func.array_agg(c)", "[Pair(a=1, b=<State.OLD: 'old'>)]"),
    ("app.hstore", "a=>x", "sa.func.array_agg(c)", "[{'a': 'x'}]"),
    ("app.states", "[new,old)", "sa.func.array_agg(c)",
     "[Range(lower=<State.NEW: 'new'>, upper=<State.OLD: 'old'>, bounds='[)', empty=False)]"),
    ("int4range", "[1,3)", "sa.func.array_agg(c)", "[Range(lower=1, upper=3, bounds='[)', empty=False)]"),
    ("money", "1.50", "sa.func.array_agg(c)", "[Decimal('1.50')]"),
    ("bit(3)", "101", "sa.func.array_agg(c)", "['101']"),
    ("box", "(3,4),(1,2)", "sa.func.array_agg(c)", "['(3,4),(1,2)']"),
    ("jsonb", "[1]", "sa.func.array_agg(c)", "[[1]]"),
    ("bytea", "\\x61", "sa.func.array_agg(c)", "[b'a']"),
    ("date", "infinity", "sa.func.array_agg(c)", "['infinity']"),
    ("int", "3", "sa.func.array_agg(c)", "[3]"),
    ("numeric(5,2)", "1.50", "sa.func.array_agg(c)", "[Decimal('1.50')]"),
]  # fmt: skip
ASKER = """
import json, os, sys
import sqlalchemy as sa, sqlalchemy.orm as orm
from sqlalchemy.dialects import postgresql as pg
early = sa.create_engine(os.environ['DATABASE_URL'].replace('postgresql:', 'postgresql+psycopg:'))
from app_client import app
late = sa.create_engine(early.url)
told = []
for at, asked in enumerate(json.loads(sys.argv[1])):
    c = getattr(app, f'A{at}').c
    answers = []
    for engine in (early, late):
        with engine.connect() as connection:
            try:
                query = sa.select(eval(asked))
                str(query.compile(engine))
                first = connection.execute(query).scalar_one()
                inner = sa.select(eval(asked).label('z')).subquery()
                answers += [repr(first), repr(connection.execute(sa.select(inner)).scalar_one())]
            except Exception as error:
                answers.append(f'{type(error).__name__}: {error}')
    told.append(answers[0] if len(set(answers)) == 1 else answers)
early.dispose()
late.dispose()
print(json.dumps(told))
"""


def test_what_queries_ask_of_a_column_has_its_types(made: Project, schemata: CommandLine) -> None:
    """Subscripts, operators and aggregates of arrays, hstore and a database's own types give the values of the column's
    type: at the top and in a subquery, on an engine that was made before the client was imported and on a later one."""
    with psycopg.connect(made.url, autocommit=True) as connection:
        connection.execute("SET lc_monetary = 'C'")
        for statement in (
            "CREATE EXTENSION citext SCHEMA app", "CREATE EXTENSION hstore SCHEMA app",
            "CREATE DOMAIN app.mail AS text", "CREATE DOMAIN app.positive AS int", "CREATE DOMAIN app.several AS int[]",
            "CREATE DOMAIN app.stated AS app.state", "CREATE TYPE app.pair AS (a int, b app.state)",
            "CREATE TYPE app.states AS RANGE (subtype = app.state)",
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = public, app', current_database()); END $$",
        ):  # fmt: skip
            connection.execute(statement.encode())
        for at, (name, _, _, _) in enumerate(ASKED):
            connection.execute(f"CREATE TABLE app.a{at} (id int PRIMARY KEY, c {name})".encode())
        assert schemata("generate").returncode == 0
        connection.execute("ALTER TYPE app.state ADD VALUE 'renamed'")
        for at, (name, text, _, _) in enumerate(ASKED):
            connection.execute(f"INSERT INTO app.a{at} SELECT 1, %s::text::{name}".encode(), [text])
    ended = made.run(
        [sys.executable, "-W", "error", "-c", ASKER, json.dumps([asked for _, _, asked, _ in ASKED])],
        PYTHONPATH=os.fspath(made.root / "client"),
    )
    assert ended.returncode == 0, ended.stderr
    given = zip(ASKED, json.loads(ended.stdout), strict=True)
    wrong = [(*asked, answer) for asked, answer in given if answer != asked[-1]]
    assert not wrong, "\n".join(map(str, wrong))
