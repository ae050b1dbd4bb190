"""One large file: seconds and memory of a deploy, against `psql -1 -f` of the same file."""

from collections.abc import Callable
from pathlib import Path

import measure
import place as places
import tables
import workload
from place import Position

_COLUMNS = ("whole process", "median", "fastest", "slowest", "× psql", "memory")
_FILE = "one.20250101000000.large.sql"
_CREATE = "CREATE TABLE one.t00000 (id bigint PRIMARY KEY, name text NOT NULL, at timestamptz, note text);\n"


def files(place: Position, rounds: int, sizes: list[int]) -> list[tables.Section]:
    """Measure a file of so many INSERTs, of one INSERT with so many rows, and of a COPY of them."""
    turns = max(1, min(rounds, 3))
    small = _peak(place, _project(place, "small", 1, "SELECT 1;\n"))
    sections = []
    for count in sizes:
        for kind, text in (
            ("INSERTs", _inserts(count)),
            ("rows in one INSERT", _one(count)),
            ("rows of COPY", _copy(count)),
        ):
            project = _project(place, kind, count, text)
            file = project / "migrations" / "one" / _FILE
            size = file.stat().st_size / 2**20
            psql = _Fresh(
                "psql -1 -f", place, count, lambda url, file=file: places.psql(place, url, "-1", "-f", str(file))
            )
            ours = _Fresh("boot, sealed", place, count, lambda url, project=project: places.boot(project, url))
            measure.race([psql, ours], turns, warm=False)
            memory = _peak(place, project)
            cells = {psql.name: "", ours.name: f"{memory:.0f} MiB"}
            rows = tuple((*row, cells[row[0]]) for row in tables.compared([psql, ours], psql))
            goals = (
                # The rows of COPY are so quick that the start of Python is most of it.
                *([tables.Goal("ours : psql", measure.ratio(ours, psql), 1.3)] if kind != "rows of COPY" else []),
                tables.Goal(f"memory above a small deploy ({small:.0f} MiB) : file", (memory - small) / size, 4),
            )
            title = f"One file of {count:,} {kind} ({size:.0f} MiB)"
            sections.append(
                tables.Section(title, _COLUMNS, rows, goals, (f"{turns} round{'s' if turns > 1 else ''}, no warm-up.",))
            )
    return sections


class _Fresh(measure.Contender):
    """A deploy of the file into a database of its own, which is looked at afterwards and dropped."""

    def __init__(self, name: str, place: Position, count: int, command: Callable[[str], measure.Command]) -> None:
        super().__init__(name, self._deploy, self._prepare)
        self._place, self._count, self._command, self._url = place, count, command, ""

    def _prepare(self) -> None:
        self._url = self._place.database()

    def _deploy(self) -> float:
        seconds = self._command(self._url).run()
        if (found := self._place.rows(self._url, "one.t00000")) != self._count:
            raise measure.Failed(f"{self.name} left {found} of {self._count} rows")
        self._place.drop(self._url)
        return seconds


def _peak(place: Position, project: Path) -> float:
    url = place.database()
    memory = measure.peak_memory(places.boot(project, url))
    place.drop(url)
    return memory


def _project(place: Position, kind: str, count: int, text: str) -> Path:
    folder = workload.project(place.folder / f"large-{kind.replace(' ', '-')}-{count}", 0)
    file = folder / "migrations" / "one" / _FILE
    file.write_text(f"-- A large file.\n{_CREATE}{text}", encoding="utf-8")
    file.with_suffix(".rollback.sql").write_text("DROP TABLE one.t00000;\n")
    places.ours(folder, "seal", url="").run()
    return folder


def _values(number: int) -> str:
    return (
        f"({number}, 'client number {number}', '2025-01-01 10:00+00', 'it''s a note of some words; the end {number}')"
    )


def _inserts(count: int) -> str:
    return "".join(
        f"INSERT INTO one.t00000 (id, name, at, note) VALUES {_values(number)};\n" for number in range(count)
    )


def _one(count: int) -> str:
    return "INSERT INTO one.t00000 VALUES\n" + ",\n".join(map(_values, range(count))) + ";\n"


def _copy(count: int) -> str:
    lines = (
        f"{n}\tclient number {n}\t2025-01-01 10:00+00\tit's a note of some words; the end {n}\n" for n in range(count)
    )
    return f"COPY one.t00000 FROM stdin;\n{''.join(lines)}\\.\n"
