"""The hooks for other repositories, installed by pre-commit from this one, on a fresh clone of an adopter's."""

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import REPOSITORY, Project

CONFIG = """\
repos:
  - repo: {repository}
    rev: {commit}
    hooks:
      - id: schemata-lint
      - id: schemata-check
"""
FIRST = "app.20260101000000.create_things"
SECOND = "app.20260102000000.empty_things"
THINGS = (
    "-- Things.\nCREATE TABLE app.things (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL);\n"
)


def _git(folder: Path, *words: str) -> str:
    who = ("-c", "user.name=A Person", "-c", "user.email=person@example.com")
    command = ["git", "-C", str(folder), *who, *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_the_hooks_run_on_a_fresh_clone(project: Project, tmp_path: Path) -> None:
    """Green on a clone as it is; a dangerous migration stops its commit, by name, at lint and in the checklist."""
    project.configure()
    project.write(FIRST, THINGS, "DROP TABLE app.things;\n")
    assert project.inv("lock").returncode == 0
    config = CONFIG.format(repository=REPOSITORY, commit=_git(REPOSITORY, "rev-parse", "HEAD"))
    (project.root / ".pre-commit-config.yaml").write_text(config)
    (project.root / ".gitignore").write_text(".schemata/\n")
    _git(project.root, "init", "--quiet", "--initial-branch=main")
    _git(project.root, "add", "--all")
    _git(project.root, "commit", "--quiet", "--message=First")
    clone = tmp_path / "clone"
    _git(tmp_path, "clone", "--quiet", str(project.root), str(clone))
    # As a person has it: nothing of ours on the path, and what pip is told of where packages are.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "SCHEMATA"))}
    environment |= {"PRE_COMMIT_HOME": str(tmp_path / "hooks"), "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/no"}
    environment["PIP_COMPILE"] = "0"  # Python does it for what is used, which is a part

    def hooks() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pre_commit", "run", "--all-files"]
        return subprocess.run(
            command, cwd=clone, env=environment, capture_output=True, text=True, timeout=600, check=False
        )

    done = hooks()
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("Passed") == 2, done.stdout
    (clone / "migrations" / "app" / f"{SECOND}.sql").write_text("-- Empty.\nDELETE FROM app.things;\n")
    _git(clone, "add", "--all")
    done = hooks()
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout.count("Failed") == 2, done.stdout
    assert f"migrations/app/{SECOND}.sql:2" in done.stdout
    assert "\nrollbacks: 1 wrong" in done.stdout
