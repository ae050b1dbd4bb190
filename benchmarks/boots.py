"""Many starts at once on an empty database, against one alone: what waiting for another start costs.

The start of the interpreter is taken off both sides, because no engine can change it:
(50 boots - 50 bare interpreters) : (one boot - one bare interpreter), each the wall time of whole processes.
Run it on a machine with nothing else to do: one process alone hardly feels others, fifty do.
"""

import shutil
import statistics
import sys
from pathlib import Path

import measure
import place as places
import tables
from place import Position

#: The promise, of fifty on two cores.
_MOST = 3.0
_BARE = measure.Command((sys.executable, "-c", "pass"))
_COLUMNS = ("platform's migrations, empty database", "median", "fastest", "slowest")


def crowds(place: Position, rounds: int, sizes: list[int]) -> list[tables.Section]:
    """Measure so many boots of the platform at once, in turns with bare interpreters; every boot must end well."""
    return [_crowd(place, rounds, count) for count in sizes]


def _crowd(place: Position, rounds: int, count: int) -> tables.Section:
    project = _platform(place.folder / "platform")
    seconds: dict[str, list[float]] = {name: [] for name in ("one", "all", "bare one", "bare all")}
    for number in range(-1, rounds):
        found = {
            "one": _boots(place, project, 1),
            "bare one": measure.crowd(_BARE, 1).seconds,
            "all": _boots(place, project, count),
            "bare all": measure.crowd(_BARE, count).seconds,
        }
        if number >= 0:
            for name, value in found.items():
                seconds[name].append(value)
        print("  " + ", ".join(f"{name} {value:.2f} s" for name, value in found.items()), file=sys.stderr)
    ratios = [
        (many - bare_many) / (one - bare_one)
        for many, bare_many, one, bare_one in zip(
            seconds["all"], seconds["bare all"], seconds["one"], seconds["bare one"], strict=True
        )
    ]
    named = {
        "one": "one boot alone",
        "bare one": "one bare interpreter",
        "all": f"{count} boots at once",
        "bare all": f"{count} bare interpreters at once",
    }
    rows = [
        (named[name], *(tables.milliseconds(call(values)) for call in (statistics.median, min, max)))
        for name, values in seconds.items()
    ]
    goal = tables.Goal(f"{count} boots : one boot, interpreters taken off", statistics.median(ratios), _MOST)
    return tables.Section(f"{count} boots at once", _COLUMNS, rows, (goal,))


def _platform(folder: Path) -> Path:
    """Copy what a boot of the platform reads, and have its stat cache written."""
    if not folder.exists():
        folder.mkdir()
        shutil.copy(measure.REPOSITORY / "pyproject.toml", folder)
        shutil.copytree(measure.REPOSITORY / "migrations", folder / "migrations")
        shutil.copytree(measure.REPOSITORY / "services" / "client", folder / "services" / "client")
    return folder


def _boots(place: Position, project: Path, count: int) -> float:
    url = place.database()
    boot = places.boot(project, url)
    crowd = measure.crowd(measure.Command((*boot.words, "financial-svc"), boot.environment, boot.folder), count)
    place.drop(url)
    if crowd.succeeded != count:
        raise measure.Failed(f"{count - crowd.succeeded} of {count} boots failed: {crowd.said}")
    return crowd.seconds
