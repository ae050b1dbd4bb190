"""The cold-start matrix: which cells run, what an image and a fresh head are, and what a session writes for the report.

This folder is collected only when it, or something in it, is named (`pytest tests/coldstart`, `nox -s coldstart`): it
takes minutes. A run of all the other tests says at its end that it was left out.
"""

import dataclasses
import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from schemata.server.embedded import binaries, instance, server_state

pytest.register_assert_rewrite("tests.coldstart.starts", "tests.coldstart.proofs", "tests.coldstart.composition")

from tests.coldstart import cells, proofs, starts  # noqa: E402 - after their assertions learned to explain themselves
from tests.conftest import REPOSITORY  # noqa: E402

HERE = Path(__file__).resolve().parent
OUT = REPOSITORY / "build" / "coldstart"
#: What an image holds, besides the engine.
PLATFORM = ("pyproject.toml", "migrations", "services")

_ERROR = 1200  # characters of a failure that are kept in a cell
_LEFT_OUT = "Left out: tests/coldstart, the cold-start matrix. Run it: nox -s coldstart, or name the folder."


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave this folder out unless it, or something in it, was named."""
    return None if _named(config) else True


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say where the cells are, or that this folder was left out."""
    if not _named(config):
        terminalreporter.write_line(_LEFT_OUT)
    for path in _written:
        terminalreporter.write_line(f"Cells: {path.relative_to(REPOSITORY)}")


def _named(config: pytest.Config) -> bool:
    places = [(config.invocation_params.dir / str(arg).partition("::")[0]).resolve() for arg in config.args]
    return any(place == HERE or HERE in place.parents for place in places)


# --- what a test has


@pytest.fixture
def image(tmp_path: Path) -> Iterator[starts.Image]:
    """Give a copy of the platform, whose database is yet to be said; nothing that it starts outlives the test."""
    with starts.image(copied(tmp_path / "image"), "") as made:
        yield made


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    """Give a copy of the platform that has one migration more: the next release."""
    root = copied(tmp_path / "newer")
    text = "-- Note when a client was last seen.\nALTER TABLE financial.clients ADD COLUMN last_seen_at timestamptz;\n"
    (root / "migrations" / "financial" / f"{proofs.NEWER}.sql").write_text(text, encoding="utf-8")
    return root


def copied(root: Path, *more: str) -> Path:
    """Copy what an image holds, and more of the repository, into a folder; return it."""
    root.mkdir()
    for name in (*PLATFORM, *more):
        source = REPOSITORY / name
        if source.is_dir():
            shutil.copytree(source, root / name, ignore=shutil.ignore_patterns("__pycache__", "manifest"))
        else:
            shutil.copy(source, root / name)
    return root


@pytest.fixture(scope="session")
def head(server: server_state.Server, admin: psycopg.Connection, programs: binaries.Binaries) -> proofs.Head:
    """Make the current schema with psql, on the server under test: what every cell has to reach."""
    return proofs.fresh_head(server.url, admin, programs)


@pytest.fixture
def own_server(programs: binaries.Binaries) -> Iterator[server_state.Server]:
    """Run a server that the test may stop and start; its database `scratch` is empty."""
    with instance.temporary(programs) as running:
        yield running


@pytest.fixture
def restart(programs: binaries.Binaries) -> Callable[[server_state.Server], None]:
    """Return what starts a server of `own_server` again, at the same place."""

    def run(server: server_state.Server) -> None:
        again = instance.start(server.log.parent, database=server.database, binaries_of=programs, unsafe=True)
        assert again.url == server.url

    return run


# --- what a session writes


@dataclasses.dataclass
class Noted:
    """What a test tells of its cell."""

    column: str
    server: str = ""
    revision: str = ""
    phases: tuple[cells.Phase, ...] = ()

    def tell(self, image: starts.Image) -> None:
        """Take the phases of what the image started, on a clock that begins with the first process."""
        began = min((start.began for start in image.started), default=0.0)
        found = [phase for start in image.started for phase in start.phases()]
        self.phases = tuple(dataclasses.replace(one, began=round(max(0.0, one.began - began), 3)) for one in found)
        self.revision = next((start.revision for start in reversed(image.started) if start.revision), self.revision)


NOTED = pytest.StashKey[Noted]()
# The hooks that collect and write are not given each other's session; one process runs one.
_collected: dict[tuple[str, str, str], list[cells.Cell]] = {}
_written: list[Path] = []


@pytest.fixture
def noted(request: pytest.FixtureRequest, programs: binaries.Binaries) -> Noted:
    """Give what the test says of its cell; the hook below takes it from there."""
    found = request.node.stash[NOTED] = Noted(f"pg{programs.major}", programs.version)
    return found


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Hang the cell on the test's report, which xdist brings to the session that writes."""
    report: pytest.TestReport = yield  # type: ignore[assignment]
    row = cells.row_of(item.name)
    if row is not None and (report.when == "call" or report.outcome != "passed"):
        told = item.stash.get(NOTED, None) or Noted(_column_of(item))
        cell = cells.Cell(
            column=told.column,
            state=row[0],
            case=row[1],
            outcome=report.outcome,
            seconds=round(report.duration, 3),
            server=told.server,
            revision=told.revision,
            error=_error(report),
            phases=told.phases,
        )
        report.user_properties.append(("coldstart", json.dumps(dataclasses.asdict(cell))))
    return report  # type: ignore[return-value]


def _column_of(item: pytest.Item) -> str:
    """Return the column of a test that ended before it could say so."""
    if item.path.stem == "test_docker":
        return "docker"
    return f"pg{item.config.getoption('--postgres') or '?'}"


def _error(report: pytest.TestReport) -> str:
    if report.passed:
        return ""
    if isinstance(report.longrepr, tuple):  # a skip: file, line, reason
        return re.sub(r"^Skipped: ", "", str(report.longrepr[2]))
    crash = getattr(report.longrepr, "reprcrash", None)
    text = str(crash.message) if crash is not None else str(report.longrepr)
    return text if len(text) <= _ERROR else f"{text[: _ERROR // 2]}\n…\n{text[-_ERROR // 2 :]}"


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Collect the cells."""
    for name, value in report.user_properties:
        if name == "coldstart":
            cell = cells.cell_of(json.loads(str(value)))
            _collected.setdefault((cell.column, *cell.row), []).append(cell)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write one file a column; a worker of xdist leaves that to the session that started it."""
    if hasattr(session.config, "workerinput"):
        return
    option = session.config.option
    narrowed = bool(option.keyword or option.markexpr or option.deselect or any("::" in a for a in session.config.args))
    columns: dict[str, list[cells.Cell]] = {}
    for (column, _, _), found in _collected.items():
        # A test that passed and could not clean up has two reports: the worse one counts.
        columns.setdefault(column, []).append(next((one for one in found if one.outcome != cells.GREEN), found[0]))
    for column, members in columns.items():
        members.sort(key=lambda cell: cells.sort_key(cell.row))
        server = next((cell.server for cell in members if cell.server), "")
        _written.append(cells.write(OUT, cells.Column(column, server, narrowed, tuple(members))))
