"""The workflow and the hooks that `schemata init` writes, run as GitHub and pre-commit run them."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from schemata.scaffold import init
from schemata.server.embedded import instance
from tests.conftest import Project

WORKFLOW = ".github/workflows/schemata.yml"
FIRST = "app.20260101000000.create_things"
SECOND = "app.20260102000000.empty_things"
THINGS = "-- Things.\nCREATE TABLE app.things (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY);\n"


@pytest.fixture
def begun(tmp_path: Path) -> Iterator[Project]:
    """Give a folder that `init` and `git init` began, without a commit."""
    folder = tmp_path / "shop"
    folder.mkdir()
    init.init(folder, schemas="app")
    project = Project(folder)
    assert project.run(["git", "init", "--quiet", "--initial-branch=main"]).returncode == 0
    yield project
    instance.remove(folder / ".schemata")


def _programs() -> dict[str, str]:
    """Return the variables of a shell in which the project's environment is active."""
    return {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


def _hooks(project: Project) -> subprocess.CompletedProcess[str]:
    assert project.run(["git", "add", "--all"]).returncode == 0
    home = str(project.root.parent / "hooks")
    return project.run([sys.executable, "-m", "pre_commit", "run", "--all-files"], PRE_COMMIT_HOME=home, **_programs())


def test_the_workflow_has_the_form_that_its_schema_wants(begun: Project) -> None:
    """The schema that comes with check-jsonschema accepts it, without a network."""
    checker = Path(sys.executable).with_name("check-jsonschema")
    done = begun.run([str(checker), "--builtin-schema", "vendor.github-workflows", WORKFLOW])
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_workflow_is_green_before_and_after_the_first_migration(begun: Project) -> None:
    """Every step but the installation, in a shell of GitHub's; a lock file that is missing then stops it."""
    job = yaml.safe_load((begun.root / WORKFLOW).read_text(encoding="utf-8"))["jobs"]["migrations"]
    steps = [step["run"] for step in job["steps"] if "run" in step]
    assert "'pgschemata[embedded,lint]'" in steps.pop(0)
    assert "inv check\n" in [f"{step}\n" for step in steps]
    for prepare in ([], [FIRST]):
        for id_ in prepare:
            begun.write(id_, THINGS, "DROP TABLE app.things;\n")
            done = begun.run(["bash", "-e", "-c", "inv check"], **_programs())
            assert done.returncode == 1
            assert "migrations/manifest does not exist" in done.stdout
            assert begun.inv("lock").returncode == 0
        for step in steps:
            done = begun.run(["bash", "-e", "-c", step], **_programs())
            assert done.returncode == 0, step + done.stdout + done.stderr


def test_the_hooks_judge_from_the_first_commit(begun: Project) -> None:
    """Green where there is no commit yet, and for a good migration; a dangerous one is stopped by both, by name."""
    done = _hooks(begun)
    assert done.returncode == 0, done.stdout + done.stderr
    begun.write(FIRST, THINGS, "DROP TABLE app.things;\n")
    assert begun.inv("lock").returncode == 0
    done = _hooks(begun)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("Passed") == 2, done.stdout
    who = ("-c", "user.name=A Person", "-c", "user.email=person@example.com")
    assert begun.run(["git", *who, "commit", "--quiet", "--message=First"]).returncode == 0
    begun.write(SECOND, "-- Empty.\nDELETE FROM app.things;\n", None)
    done = _hooks(begun)
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout.count("Failed") == 2, done.stdout
    assert f"migrations/app/{SECOND}.sql:2" in done.stdout
