"""Deploys: fresh databases by one deployer, by twenty at once, and what memory one takes."""

import functools
import sys
from collections.abc import Callable
from pathlib import Path

import measure
import place as places
import tables
from place import Position

_COLUMNS = ("whole process", "median", "fastest", "slowest", "× psql")
#: Makes a tool's command out of a database's URL.
Deployer = Callable[[str], measure.Command]
#: Above this the slow peers take minutes; they are measured below it.
_ALL_PEERS = 1000


class Fresh(measure.Contender):
    """A deploy into a database that is made before each time, checked and dropped after it."""

    def __init__(self, name: str, place: Position, count: int, command: Deployer) -> None:
        super().__init__(name, self._deploy, self._prepare)
        self._place = place
        self._count = count
        self._command = command
        self._url = ""

    def _prepare(self) -> None:
        self._url = self._place.database()

    def _deploy(self) -> float:
        seconds = self._command(self._url).run()
        if self._place.tables(self._url) != self._count:
            raise measure.Failed(f"{self.name} left {self._place.tables(self._url)} of {self._count} tables")
        self._place.drop(self._url)
        return seconds


def apply(place: Position, rounds: int, sizes: list[int]) -> list[tables.Section]:
    """Measure fresh deploys of each size; beyond a thousand only by us and by psql."""
    sections = []
    for count in sizes:
        large = count >= _ALL_PEERS
        turns = max(1, min(rounds, 3)) if count == _ALL_PEERS else 1 if large else rounds
        found = _deploys(place, count, peers=count <= _ALL_PEERS)
        measure.race(list(found.values()), turns, warm=not large)
        mine = found["ours"]
        goals = [tables.Goal(f"ours : psql at {count}", measure.ratio(mine, found["psql"]), 1.0)] if large else []
        if count == _ALL_PEERS and "yoyo" in found:
            goals.append(tables.Goal(f"yoyo : ours at {count}", measure.ratio(found["yoyo"], mine), 8, False))
        if count == _ALL_PEERS and "dbmate" in found:
            goals.append(tables.Goal(f"ours : dbmate at {count}", measure.ratio(mine, found["dbmate"]), 1.0))
        notes = [f"{turns} round{'s' if turns > 1 else ''}, no warm-up." if large else ""]
        if count > _ALL_PEERS:
            notes.append("All succeeded on a server with default settings for locks. Slow peers are left out here.")
        rows = tables.compared(list(found.values()), found["psql"])
        title = f"{count} fresh migrations over four schemas"
        sections.append(tables.Section(title, _COLUMNS, rows, tuple(goals), tuple(note for note in notes if note)))
    return sections


def _deploys(place: Position, count: int, *, peers: bool) -> dict[str, Fresh]:
    ours, script = place.sources("sealed", count), place.sources("psql", count)
    found = {
        "psql": Fresh(
            "psql -f, a transaction and a ledger row each",
            place,
            count,
            lambda url: places.psql(place, url, "-f", str(script)),
        ),
        "ours": Fresh("boot, sealed", place, count, lambda url: places.boot(ours, url)),
    }
    if places.installed("dbmate"):
        folder = place.sources("dbmate", count)
        found["dbmate"] = Fresh(
            "dbmate --migration-lock up", place, count, lambda url: places.dbmate(folder, url, "up")
        )
    if peers and places.installed("alembic"):
        chain = place.sources("alembic", count)
        found["alembic"] = Fresh(
            "alembic upgrade head", place, count, lambda url: places.alembic(chain, url, "upgrade", "head")
        )
    if peers and places.installed("yoyo"):
        found["yoyo"] = Fresh("yoyo apply", place, count, lambda url: places.yoyo(ours, url))
    return found


def deployers(place: Position, rounds: int, sizes: list[int], people: int = 20) -> list[tables.Section]:
    """Measure twenty deployers at once on a fresh database, and twenty starts on an up-to-date one."""
    rows: list[tuple[str, ...]] = []
    goals: list[tables.Goal] = []
    turns = max(1, min(rounds, 3))
    for count in sizes:
        sealed = place.sources("sealed", count)
        commands: dict[str, Deployer] = {"boot": functools.partial(places.boot, sealed)}
        if places.installed("dbmate"):
            folder = place.sources("dbmate", count)
            commands["dbmate --migration-lock up"] = functools.partial(_dbmate_up, folder)
        fresh = _crowds(place, commands, turns, people, count, again=False)
        idle_commands = dict(commands)
        if places.installed("yoyo"):
            idle_commands["yoyo apply"] = functools.partial(places.yoyo, sealed, schema="schemata")
        idle = _crowds(place, idle_commands, turns, people, count, again=True)
        for title, found in ((f"fresh, {count}", fresh), (f"up to date, {count}", idle)):
            rows += [
                (f"{title}: {name}", tables.milliseconds(item.median), f"{least} of {people}")
                for name, (item, least) in found.items()
            ]
        goals.append(
            tables.Goal(
                f"fresh, {count}: deployers that succeed, in the worst round", fresh["boot"][1], people, False, ""
            )
        )
        if (peer := "dbmate --migration-lock up") in fresh:
            ratio = measure.ratio(fresh["boot"][0], fresh[peer][0])
            goals.append(tables.Goal(f"fresh, {count}: last exit, ours : dbmate", ratio, 1.25))
        if "yoyo apply" in idle:
            ratio = measure.ratio(idle["yoyo apply"][0], idle["boot"][0])
            goals.append(tables.Goal(f"up to date, {count}: last exit, yoyo : ours", ratio, 8, False))
    note = f"{turns} round{'s' if turns > 1 else ''}."
    columns = (f"{people} processes at once", "last exit", "ended with 0, at least")
    return [tables.Section(f"{people} deployers at once", columns, tuple(rows), tuple(goals), (note,))]


def _dbmate_up(folder: Path, url: str) -> measure.Command:
    return places.dbmate(folder, url, "up")


def _crowds(
    place: Position,
    commands: dict[str, Deployer],
    turns: int,
    people: int,
    count: int,
    *,
    again: bool,
) -> dict[str, tuple[measure.Contender, int]]:
    """Return for each command its times and the fewest that succeeded in a round; `again`: on what is up to date."""
    least = dict.fromkeys(commands, people)
    urls: dict[str, str] = {}
    contenders = []
    for name, command in commands.items():
        if again:
            urls[name] = place.database()
            first = "boot" if name == "yoyo apply" else name  # our history is yoyo's too
            commands[first](urls[name]).run()

        def run(name: str = name, command: Deployer = command) -> float:
            url = urls.get(name) or place.database()
            found = measure.crowd(command(url), people)
            least[name] = min(least[name], found.succeeded)
            if found.said:
                print(f"  {name}: {found.said}", file=sys.stderr)
            if place.tables(url) != count:
                raise measure.Failed(f"{name} left {place.tables(url)} of {count} tables")
            if name not in urls:
                place.drop(url)
            return found.seconds

        contenders.append(measure.Contender(name, run))
    measure.race(contenders, turns, warm=False)
    for url in urls.values():
        place.drop(url)
    return {item.name: (item, least[item.name]) for item in contenders}


def memory(place: Position, rounds: int, sizes: list[int]) -> list[tables.Section]:
    """Measure the most memory that a deploy holds, against a process that only connects by psycopg."""
    code = "import os, psycopg; psycopg.connect(os.environ['DATABASE_URL']).execute('SELECT 1').fetchone()"
    parts = {
        "python -c pass": "pass",
        "psycopg: connect, one query": code,
        "… and the SQL parser (postgast)": code + "; import postgast; postgast.parse('SELECT 1')",
    }
    sections = []
    for count in sizes:
        url = place.database()
        found = {
            name: measure.peak_memory(measure.Command((sys.executable, "-c", text), {"DATABASE_URL": url}))
            for name, text in parts.items()
        }
        found[f"boot, a deploy of {count}"] = deploy = measure.peak_memory(
            places.boot(place.sources("sealed", count), url)
        )
        found["boot, nothing to do"] = measure.peak_memory(places.boot(place.sources("sealed", count), url))
        place.drop(url)
        bare = found["psycopg: connect, one query"]
        goal = tables.Goal(f"deploy of {count} : bare psycopg process", deploy / bare, 2)
        rows = tuple((name, f"{size:.1f} MiB", f"{size / bare:.2f}") for name, size in found.items())
        sections.append(
            tables.Section(f"Peak memory, {count} migrations", ("whole process", "at most", "× psycopg"), rows, (goal,))
        )
    return sections
