"""Starts with nothing to do, and the status: what is run most often."""

import statistics
import sys

import measure
import place as places
import psycopg
import tables
import workload
from place import Position

_SELECT = (
    "import os, psycopg\nwith psycopg.connect(os.environ['DATABASE_URL']) as c: c.execute('SELECT 1').fetchone()\n"
)
#: The promises are about so many migrations and more; with few, the start of Python is all there is to see.
_PROMISED = 1000
_COLUMNS = ("whole process", "median", "fastest", "slowest", "× psql")


def recorded(place: Position, count: int) -> str:
    """Return a database in which our history says that everything is applied, and dbmate's and alembic's too.

    The rows are written without running the migrations: no contender looks at the tables themselves.
    """
    url = place.database()
    with psycopg.connect(url, autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute("CREATE TABLE one.existing ()")  # a baseline of an empty database is refused
        connection.execute("CREATE TABLE public.schema_migrations (version varchar PRIMARY KEY)")
        with connection.cursor().copy("COPY public.schema_migrations FROM STDIN") as rows:
            for _, time, _, _, _ in workload.migrations(count):
                rows.write_row((time,))
    project = place.sources("ours", count)
    unverified = ("--unverified", "--reason", "the objects are not there on purpose", "--confirm", name)
    places.ours(project, "migrate-baseline", "--through", workload.last_id(count), *unverified, url=url).run()
    places.boot(project, url).run()
    if places.installed("alembic"):
        places.alembic(place.sources("alembic", count), url, "stamp", "head").run()
    return url


def noop(place: Position, rounds: int, sizes: list[int]) -> list[tables.Section]:
    """Measure a start with nothing pending, for each number of applied migrations, and whether it stays flat."""
    sections = []
    urls = {}
    for count in sizes:
        urls[count] = recorded(place, count)
        found = _noop_contenders(place, urls[count], count)
        contenders = list(found.values())
        measure.race(contenders, rounds)
        sealed = found["sealed"]
        goals = []
        if count >= _PROMISED:
            for peer, least in (("yoyo", 5), ("alembic", 10)):
                if peer in found:
                    ratio = measure.ratio(found[peer], sealed)
                    goals.append(tables.Goal(f"{peer} : sealed boot at {count}", ratio, least, False))
            if "dbmate" in found:
                ratio = measure.ratio(sealed, found["dbmate"])
                goals.append(tables.Goal(f"sealed boot : dbmate at {count} (aim)", ratio, 1.5))
        rows = tables.compared(contenders, found["psql"])
        sections.append(tables.Section(f"Nothing to do, {count} applied", _COLUMNS, rows, tuple(goals), _missing()))
    if len(sizes) > 1:
        sections.append(_flatness(place, urls, rounds))
    for url in urls.values():
        place.drop(url)
    return sections


def _noop_contenders(place: Position, url: str, count: int) -> dict[str, measure.Contender]:
    environment = {"DATABASE_URL": url}
    ours, sealed = place.sources("ours", count), place.sources("sealed", count)
    commands = {
        "psql": ("psql -c 'SELECT 1'", places.psql(place, url, "-c", "SELECT 1")),
        "python": ("python -c pass", measure.Command((sys.executable, "-c", "pass"))),
        "sealed": ("boot, sealed", places.boot(sealed, url)),
        "tree": ("boot, working tree", places.boot(ours, url)),
        "psycopg": ("psycopg: connect, one query", measure.Command((sys.executable, "-c", _SELECT), environment)),
    }
    if places.installed("dbmate"):
        commands["dbmate"] = ("dbmate --migration-lock up", places.dbmate(place.sources("dbmate", count), url, "up"))
    if places.installed("yoyo"):
        commands["yoyo"] = ("yoyo apply", places.yoyo(ours, url, schema="schemata"))
    if places.installed("alembic"):
        commands["alembic"] = (
            "alembic upgrade head",
            places.alembic(place.sources("alembic", count), url, "upgrade", "head"),
        )
    return {key: measure.Contender(name, command.run) for key, (name, command) in commands.items()}


def _flatness(place: Position, urls: dict[int, str], rounds: int) -> tables.Section:
    few, many = min(urls), max(urls)
    found = {
        (kind, count): measure.Contender(
            f"boot, {name}, {count} applied", places.boot(place.sources(kind, count), urls[count]).run
        )
        for kind, name in (("sealed", "sealed"), ("ours", "working tree"))
        for count in (few, many)
    }
    measure.race(list(found.values()), rounds)
    tree, sealed = found["ours", many], found["sealed", many]
    on_top = statistics.median(a - b for a, b in zip(tree.seconds, sealed.seconds, strict=True)) / many * 1e6
    growth = measure.ratio(sealed, found["sealed", few])
    goals = (
        tables.Goal(f"sealed: {many} : {few}", growth, 1.3),
        tables.Goal(f"working tree at {many}: on top of sealed, a migration", on_top, 25, unit="µs"),
    )
    columns = (*_COLUMNS[:-1], f"× sealed, {few}")
    rows = tables.compared(list(found.values()), found["sealed", few])
    return tables.Section("Nothing to do: what more migrations cost", columns, rows, goals if many >= _PROMISED else ())


def status(place: Position, rounds: int, sizes: list[int]) -> list[tables.Section]:
    """Measure the status, which compares every checksum, against what peers call it."""
    sections = []
    for count in sizes:
        url = recorded(place, count)
        ours = place.sources("ours", count)
        mine = measure.Contender("inv migrate-status", places.ours(ours, "migrate-status", url=url).run)
        contenders = [measure.Contender("inv --list", places.ours(ours, "--list", url=url).run), mine]
        goals = []
        if places.installed("dbmate"):
            command = places.dbmate(place.sources("dbmate", count), url, "status")
            contenders.append(measure.Contender("dbmate status", command.run))
        if places.installed("yoyo"):
            yoyo = measure.Contender("yoyo list", places.yoyo(ours, url, "list", "schemata").run)
            contenders.append(yoyo)
        measure.race(contenders, rounds)
        if places.installed("yoyo") and count >= _PROMISED:
            goals.append(tables.Goal(f"yoyo list : migrate-status at {count}", measure.ratio(yoyo, mine), 10, False))
        rows = tables.compared(contenders, mine)
        columns = (*_COLUMNS[:-1], "× migrate-status")
        sections.append(tables.Section(f"Status of {count} applied", columns, rows, tuple(goals), _missing()))
        place.drop(url)
    return sections


def _missing() -> tuple[str, ...]:
    absent = [tool for tool in ("dbmate", "yoyo", "alembic") if not places.installed(tool)]
    return (f"Not installed, so not measured: {', '.join(absent)}.",) if absent else ()
