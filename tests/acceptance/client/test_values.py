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
