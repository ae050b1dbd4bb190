"""The setting `after_up`: a program of the project at the end of dev-up, whose words come last and are remembered."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemata.server.embedded import instance
from tests.acceptance.services.test_services import Services
from tests.conftest import Project

ONE = "app.20250101000001.one"
# Counts its runs, and says what it was given.
PROGRAM = """
import os, pathlib, sys

home = pathlib.Path(os.environ["SCHEMATA_AFTER_UP_DIR"])
runs = home / "runs"
runs.write_text(runs.read_text() + "x" if runs.exists() else "x")
print("run", len(runs.read_text()), file=sys.stderr)
for name in ("FIRST_URL", "SECOND_URL"):
    print(name, os.environ.get(name, "-"))
assert os.environ["DATABASE_URL"].startswith("postgresql://")
assert pathlib.Path.cwd() == pathlib.Path(os.environ["SCHEMATA_ROOT"])
if pathlib.Path("fails").exists():
    sys.exit(7)
print(os.environ["SCHEMATA_SERVER_KIND"])
print("the last line")
"""


def runs(root: Path) -> int:
    """Return how often the program was run since the state was deleted."""
    path = root / ".schemata" / "after-up" / "runs"
    return len(path.read_text()) if path.exists() else 0


@pytest.fixture
def after(project: Project) -> Iterator[Project]:
    """Give a project with a server that is not its own, and a program at the end of dev-up."""
    prepare(project)
    return project


def prepare(project: Project, extra: str = 'kind = "external"') -> None:
    """Declare the program."""
    project.configure(f'after_up = ["python", "after.py"]\n[tool.schemata.server]\n{extra}\n')
    project.write(ONE, "-- One.\nCREATE TABLE app.one (id int);\n", "DROP TABLE app.one;\n")
    (project.root / "after.py").write_text(PROGRAM)


def test_what_it_says_comes_last_and_again_without_a_run(after: Project) -> None:
    """The first dev-up runs it; one with nothing to do prints the same and runs nothing; JSON has the lines."""
    first = after.inv("dev-up")
    assert first.returncode == 0, first.stderr
    assert first.stdout.endswith("\n\nFIRST_URL -\nSECOND_URL -\nexternal\nthe last line\n")
    assert "run 1" in first.stderr, "what it writes to stderr is shown, and not remembered"
    again = after.inv("dev-up")
    assert again.stdout.endswith("\n\nFIRST_URL -\nSECOND_URL -\nexternal\nthe last line\n")
    assert "run" not in again.stderr
    document = json.loads(after.inv("dev-up", "--json").stdout)
    assert document["after_up"] == ["FIRST_URL -", "SECOND_URL -", "external", "the last line"]
    assert runs(after.root) == 1
    folder = after.root / ".schemata" / "after-up"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "output.json").stat().st_mode & 0o777 == 0o600


def test_it_runs_again_when_something_changed(after: Project) -> None:
    """A migration, another command, another database, a lost or damaged file: each is a run."""
    after.inv("dev-up")
    after.write("app.20250101000002.two", "-- Two.\nCREATE TABLE app.two (id int);\n", "DROP TABLE app.two;\n")
    after.inv("dev-up")
    assert runs(after.root) == 2
    assert after.inv("dev-up", SCHEMATA_AFTER_UP="python after.py again").returncode == 0
    assert runs(after.root) == 3
    said = after.root / ".schemata" / "after-up" / "output.json"
    said.write_text("{")
    assert after.inv("dev-up").stdout.endswith("the last line\n")
    assert runs(after.root) == 4
    assert after.inv("rollback", after.confirm).returncode == 0
    assert after.inv("dev-up").returncode == 0
    assert runs(after.root) == 5


def test_a_program_that_fails_is_told(after: Project) -> None:
    """Exit 1, what it wrote, and what to type; the database stays migrated, and the next dev-up runs it again."""
    (after.root / "fails").touch()
    for form in ((), ("--json",)):
        failed = after.inv("dev-up", *form)
        assert failed.returncode == 1
        text = json.loads(failed.stdout)["complaints"][0] if form else failed.stdout
        assert "after_up: `python after.py` failed (exit code 7)" in text
        assert "  FIRST_URL -\n" in text
        assert "Run it again: inv dev-up." in text
        assert "Traceback" not in failed.stderr
    assert after.inv("migrate-status", "--check").returncode == 0
    (after.root / "fails").unlink()
    assert after.inv("dev-up").stdout.endswith("the last line\n")
    assert runs(after.root) == 3


def test_a_program_that_is_not_there_is_told(after: Project) -> None:
    """A command that cannot be started is exit 3 with its name."""
    failed = after.inv("dev-up", SCHEMATA_AFTER_UP="no-such-program")
    assert failed.returncode == 3
    assert "after_up: no-such-program could not be started" in failed.stdout
    assert "Traceback" not in failed.stderr


def test_it_is_not_run_after_a_failure(after: Project) -> None:
    """A migration that fails ends dev-up before it."""
    after.write("app.20250101000002.two", "-- Two.\nSELECT 1/0;\n", "SELECT 1;\n")
    assert after.inv("dev-up").returncode == 1
    assert runs(after.root) == 0


def test_clean_deletes_what_it_kept(after: Project) -> None:
    """With the data goes what the program made of it; the state's folder too where nothing else is in it."""
    after.inv("dev-up")
    assert after.inv("dev-down-clean", after.confirm).returncode == 0
    assert not (after.root / ".schemata").exists()
    after.inv("dev-up")
    assert runs(after.root) == 1


def test_a_setting_that_is_no_command_is_refused(after: Project) -> None:
    """An empty command is exit 2 with the setting's name."""
    text = (after.root / "pyproject.toml").read_text()
    (after.root / "pyproject.toml").write_text(re.sub(r"after_up = .*", "after_up = []", text))
    refused = after.inv("dev-up")
    assert refused.returncode == 2
    assert "[tool.schemata] after_up" in refused.stderr


def test_on_the_embedded_server(tmp_path: Path) -> None:
    """A server that was stopped is a change; PG variables of the caller's do not reach the program."""
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(0o755)
    project = Project(tmp_path)
    prepare(project, 'kind = "embedded"')
    try:
        for expected in (1, 1):
            assert project.inv("dev-up").stdout.endswith("the last line\n")
            assert runs(tmp_path) == expected
        assert project.inv("dev-down").returncode == 0
        assert project.inv("dev-up").stdout.endswith("the last line\n")
        assert runs(tmp_path) == 2
        assert project.inv("dev-down-clean").returncode == 0
        assert not (tmp_path / ".schemata").exists()
    finally:
        instance.remove(tmp_path / ".schemata")


def test_it_is_told_where_the_services_are(project: Project) -> None:
    """Each service that is ready has a variable; one that is started again is a change, as is one that is left out."""
    services = Services(project)
    text = (project.root / "pyproject.toml").read_text()
    (project.root / "pyproject.toml").write_text(
        text.replace("[tool.schemata.server]", 'after_up = ["python", "after.py"]\n[tool.schemata.server]')
    )
    (project.root / "after.py").write_text(PROGRAM)
    urls = {name: f"http://127.0.0.1:{port}" for name, port in services.ports.items()}
    try:
        assert f"FIRST_URL {urls['first']}\nSECOND_URL {urls['second']}\nexternal\nthe last line\n" in services.up()
        services.up()
        assert runs(project.root) == 1
        services.up("--restart")
        assert runs(project.root) == 2
        assert "FIRST_URL" not in services.up("--no-services"), "only the database is up"
        assert f"FIRST_URL {urls['first']}\nSECOND_URL -\n" in services.up("--services", "first")
        services.behave("first", "unready")
        services.configure(patience=2)
        count = runs(project.root)
        services.up("--restart", code=3)
        assert runs(project.root) == count
    finally:
        project.inv("dev-down")
