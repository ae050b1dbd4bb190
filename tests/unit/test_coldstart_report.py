"""The report of the cold-start matrix: cells merged to a grid, red where it must be, and made after a failure too."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.coldstart import cells, grids, report
from tests.conftest import REPOSITORY

_REPORT = ("cells.py", "grids.py", "page.py", "page.css", "report.py")
_PHASES = (
    cells.Phase("financial-svc", "wait", 0.05, 5.2),
    cells.Phase("financial-svc", "migrate", 5.25, 0.4),
    cells.Phase("financial-svc", "ready", 0.02, 5.7),
    cells.Phase("financial-svc", "app", 5.72, 0.6),
)


def _column(name: str, *, narrowed: bool = False, **outcomes: str) -> cells.Column:
    """Return a column in which every state has a green cell, but for these."""
    found = []
    for state in cells.STATES:
        outcome = outcomes.get(state.name.replace(" ", "_"), cells.GREEN)
        if outcome != grids.MISSING and (name != "docker" or state.on_docker):
            error = {cells.RED: "smoke: page <x> & more", cells.NOT_RUN: "no Docker: no such program"}.get(outcome, "")
            cases = ("0", "3", "12") if state.name == "behind" else ("",)
            found += [cells.Cell(name, state.name, case, outcome, 1.5, "17.11", "r1", error, _PHASES) for case in cases]
    return cells.Column(name, "17.11", narrowed, tuple(found))


def _folder(path: Path, *columns: cells.Column) -> Path:
    for column in columns:
        cells.write(path, column)
    return path


def test_a_column_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Writing and reading a column gives the same one; another format is refused by the file's name."""
    column = _column("pg17", current=cells.RED)
    path = cells.write(tmp_path, column)
    assert cells.read(path) == column
    assert [one.name for one in tmp_path.iterdir()] == ["coldstart-pg17.json"]
    for broken in ('{"format": 0}', '{"format": 1}', "[]", "not JSON"):
        path.write_text(broken, encoding="utf-8")
        with pytest.raises(ValueError, match=r"coldstart-pg17|Expecting value"):
            cells.read(path)


def test_all_green_is_ok(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With every cell green the exit code is 0, and each state is a row of seconds."""
    _folder(tmp_path, _column("pg14"), _column("pg17"), _column("docker"))
    assert report.main([str(tmp_path), "--expect", "pg14", "--expect", "pg17", "--expect", "docker"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["pg14", "pg17", "docker"]
    assert [re.split(r"  +", line)[0] for line in lines[1:23]] == [
        "no server yet",
        "no database",
        "empty database",
        "schemas only",
        "half made",
        "behind 0",
        "behind 3",
        "behind 12",
        "interrupted transaction",
        "interrupted index",
        "changed history",
        "full database",
        "empty history",
        "foreign ledger",
        "damaged history",
        "lost records",
        "ahead accepted",
        "ahead refused",
        "concurrent",
        "restarted",
        "stale client",
        "current",
    ]
    # What makes no sense on Docker is no gap.
    assert lines[2].split()[-3:] == ["1.5", "s", "-"]
    assert "52 of 52 cells are green" in "\n".join(lines)


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        pytest.param((_column("pg14", concurrent=cells.RED), _column("pg17")), "pg14, concurrent: smoke", id="red"),
        pytest.param((_column("pg14"),), "pg17: no session wrote this column", id="no-column"),
        pytest.param(
            (_column("pg14"), _column("pg17", behind=grids.MISSING)), "pg17, behind 3: no test wrote", id="no-cell"
        ),
        pytest.param(
            (_column("pg14", current=grids.MISSING), _column("pg17", current=grids.MISSING)),
            "pg14, current: no test wrote this cell",
            id="no-row",
        ),
        pytest.param((), "pg14: no session wrote this column", id="nothing"),
    ],
)
def test_what_is_red_or_missing_fails(
    columns: tuple[cells.Column, ...], problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A red cell, a cell, a row or a column that is not there: exit 1, named in every form of the report."""
    _folder(tmp_path, *columns)
    assert report.main([str(tmp_path), "--expect", "pg14", "--expect", "pg17"]) == 1
    assert f"FAILED {problem}" in capsys.readouterr().out
    document = json.loads((tmp_path / "coldstart.json").read_text(encoding="utf-8"))
    assert document["ok"] is False
    assert any(line.startswith(problem) for line in document["problems"])
    assert 'class="verdict bad"' in (tmp_path / "index.html").read_text(encoding="utf-8")


def test_what_could_not_be_run_is_not_green(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A column that was skipped says its reason: neither green nor, outside of CI, a failure."""
    skipped = {state.name.replace(" ", "_"): cells.NOT_RUN for state in cells.STATES}
    _folder(tmp_path, _column("pg14"), _column("docker", **skipped))
    assert report.main([str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "no Docker" in said.splitlines()[1]
    assert "Not run: docker: no Docker: no such program" in said
    assert "22 of 30 cells are green, 8 were not run" in said
    assert 'class="grey"' in (tmp_path / "index.html").read_text(encoding="utf-8")


def test_a_narrowed_column_has_no_gaps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a session that was asked for some states the others are not missing, and the report says so."""
    some = {state.name.replace(" ", "_"): grids.MISSING for state in cells.STATES if state.name != "current"}
    _folder(tmp_path, _column("pg17", narrowed=True, **some))
    assert report.main([str(tmp_path), "--expect", "pg17"]) == 0
    assert "pg17: only some states were asked for" in capsys.readouterr().out


def test_what_an_earlier_run_left_has_no_say(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A column that is not among those that are expected is left out, red as it may be."""
    _folder(tmp_path, _column("pg14", current=cells.RED), _column("pg17"))
    (tmp_path / "junit-pg14.xml").write_text('<testsuite><testcase name="x"><error/></testcase></testsuite>')
    assert report.main([str(tmp_path), "--expect", "pg17"]) == 0
    assert "pg14" not in capsys.readouterr().out
    assert report.main([str(tmp_path)]) == 1


def test_the_terminal_grid_is_at_most_100_columns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All six columns, missing ones and long reasons too, fit a terminal; no reason is cut off."""
    reason = "x" * 500
    long = _column("pg14")
    red = long.cells[0]
    cell = cells.Cell(red.column, red.state, red.case, cells.RED, 123.4, error=reason)
    _folder(tmp_path, cells.Column("pg14", "", False, (cell, *long.cells[1:])), _column("pg15"), _column("docker"))
    report.main([str(tmp_path), *(f"--expect=pg{version}" for version in range(14, 19)), "--expect=docker"])
    said = capsys.readouterr().out
    assert max(map(len, said.split("\n\nTimelines")[0].splitlines())) <= 100
    assert said.count("x") >= 500


def test_the_page_loads_nothing_and_escapes(tmp_path: Path) -> None:
    """The page has a bar for each phase with its seconds as a tooltip, text from outside is text, no link leaves it."""
    _folder(tmp_path, _column("pg17", concurrent=cells.RED))
    report.main([str(tmp_path)])
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "smoke: page &lt;x&gt; &amp; more" in page
    assert "<x>" not in page
    assert re.findall(r"(?:src|href)=\"(?!#)", page) == []
    assert not re.search(r"@import|url\(|https?://", page)
    assert "<title>financial-svc, migrate: 0.400 s from 5.250 s on</title>" in page
    assert page.count("<svg") == page.count('role="img"') == len(_column("pg17").cells)
    assert "prefers-color-scheme: dark" in page
    anchors = set(re.findall(r'href="#([^"]+)"', page))
    assert anchors <= set(re.findall(r'id="([^"]+)"', page))


def test_junit_is_merged(tmp_path: Path) -> None:
    """The sessions' JUnit reports become one, a suite a column; a column that is missing is a failed suite."""
    _folder(tmp_path, _column("pg14"))
    suite = '<testsuites><testsuite name="pytest" tests="1"><testcase name="a" classname="b"/></testsuite></testsuites>'
    (tmp_path / "junit-pg14.xml").write_text(suite, encoding="utf-8")
    report.main([str(tmp_path), "--expect", "pg14", "--expect", "pg17"])
    merged = ElementTree.parse(tmp_path / "junit.xml").getroot()
    assert [suite.get("name") for suite in merged] == ["coldstart.pg14", "coldstart.pg17"]
    assert [failure.get("message") for failure in merged.iter("failure")] == ["no session wrote this column"]


def test_a_failed_test_that_is_no_cell_is_red_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A test beside the cells that failed, such as a mutation that nobody noticed, is named, and fails the report."""
    _folder(tmp_path, _column("pg18"))
    failed = '<testcase name="test_it_notices[x]"><failure message="AssertionError: green&#10;more"/></testcase>'
    suite = f'<testsuites><testsuite name="pytest"><testcase name="test_current"/>{failed}</testsuite></testsuites>'
    (tmp_path / "junit-pg18.xml").write_text(suite, encoding="utf-8")
    assert report.main([str(tmp_path)]) == 1
    assert "FAILED pg18, test_it_notices[x]: AssertionError: green\n" in capsys.readouterr().out


# In place of the matrix: on 17 it fails before it can write anything, elsewhere it writes an empty column.
_MATRIX = """
import pathlib
from tests.coldstart import cells

def test_matrix(pytestconfig):
    version = pytestconfig.getoption("--postgres")
    assert version != "17"
    cells.write(pathlib.Path("build/coldstart"), cells.Column(f"pg{version}", version, True, ()))
"""


@pytest.mark.parametrize("selected", [["-s", "coldstart(pg17)", "coldstart(pg18)"], ["-t", "pg17", "pg18"]], ids=str)
def test_the_report_runs_after_a_failure(selected: list[str], tmp_path: Path) -> None:
    """nox ends with one report on the cells that were asked for, also when a session failed; then it fails itself."""
    ours = tmp_path / "tests" / "coldstart"
    ours.mkdir(parents=True)
    for name in ("noxfile.py", "pyproject.toml", *(f"tests/coldstart/{name}" for name in _REPORT)):
        shutil.copy(REPOSITORY / name, tmp_path / name)
    (tmp_path / "tests" / "conftest.py").write_text(
        "def pytest_addoption(parser):\n    parser.addoption('--postgres')\n", encoding="utf-8"
    )
    (ours / "test_states.py").write_text(_MATRIX, encoding="utf-8")
    (ours / "test_mutations.py").write_text("def test_nothing():\n    pass\n", encoding="utf-8")
    # A column of an earlier run must not pass for one of this run.
    out = _folder(tmp_path / "build" / "coldstart", _column("pg17"))
    done = subprocess.run(
        [sys.executable, "-m", "nox", "--no-venv", "--nocolor", *selected],
        cwd=tmp_path,
        env={name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LANG") if name in os.environ},
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode != 0, said
    sessions = re.findall(r"Running session (\S+)", said)
    assert sessions == ["coldstart_env", "coldstart(pg17)", "coldstart(pg18)", "coldstart_report"], said
    assert "FAILED pg17: no session wrote this column" in said
    assert "pg14" not in said.partition("Running session coldstart_report")[2]
    assert json.loads((out / "coldstart.json").read_text(encoding="utf-8"))["ok"] is False
    assert (out / "index.html").exists()
    assert (out / "junit-pg17.xml").exists()
