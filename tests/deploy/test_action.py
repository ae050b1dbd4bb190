"""What other repositories use in their workflows: the action, and the workflow that is called; their steps are run."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from schemata import errors
from tests.conftest import REPOSITORY, Project

ACTION = REPOSITORY / "action.yml"
CALLED = REPOSITORY / ".github/workflows/migrations.yml"


@pytest.mark.parametrize(
    ("schema", "path"), [("vendor.github-actions", ACTION), ("vendor.github-workflows", CALLED)], ids=lambda it: str(it)
)
def test_it_has_the_form_that_its_schema_wants(schema: str, path: Path) -> None:
    """The schema that comes with check-jsonschema accepts it, without a network."""
    command = [Path(sys.executable).with_name("check-jsonschema"), "--builtin-schema", schema, path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _document(path: Path) -> dict[str, Any]:
    return dict(yaml.safe_load(path.read_text(encoding="utf-8")))


def _steps() -> dict[str, str]:
    called = _document(CALLED)["jobs"]["migrations"]["steps"]
    return {step["name"]: step["run"] for step in called if "run" in step}


def test_no_step_mixes_foreign_text_into_its_script() -> None:
    """Inputs and secrets reach a script as variables only: they could be somebody's code."""
    scripts = [step["run"] for step in _document(ACTION)["runs"]["steps"]]
    assert scripts
    for script in [*scripts, *_steps().values()]:
        assert "${{" not in script


def test_what_somebody_else_wrote_is_named_by_its_content() -> None:
    """The versions are those of this repository's own workflow."""
    own = (REPOSITORY / ".github/workflows/ci-build.yml").read_text(encoding="utf-8")
    own += (REPOSITORY / ".github/actions/prepare/action.yml").read_text(encoding="utf-8")
    for used in re.findall(r"uses: (\S+@\S+)", CALLED.read_text(encoding="utf-8").partition("\non:\n")[2]):
        assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", used)
        assert used in own


@pytest.fixture
def shop(project: Project) -> Project:
    """Give a project with one migration that is pending; its database is reached by DATABASE_URL."""
    project.configure('[tool.schemata.server]\nkind = "external"\n')
    project.write("app.20250101000000.orders", "-- Orders.\nCREATE TABLE app.orders (id bigint PRIMARY KEY);\n")
    return project


def _run(shop: Project, script: str, **variables: str) -> tuple[int, str, str]:
    """Run a step as a runner does; return its exit code, what it printed and the output that it set."""
    outputs = shop.root / "outputs"
    outputs.write_text("", encoding="utf-8")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = shop.run(
        ["bash", "-e", "-o", "pipefail", "-c", script],
        GITHUB_ACTIONS="true", GITHUB_OUTPUT=str(outputs), PATH=path, **variables,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr, outputs.read_text(encoding="utf-8").strip()


def test_the_action_says_how_a_command_ended(shop: Project) -> None:
    """Pending is a warning that fails nothing unless it is asked to; migrate applies; a wrong command is an error."""
    script = _document(ACTION)["runs"]["steps"][-1]["run"]
    code, told, output = _run(shop, script, COMMAND="status", PENDING="warning")
    assert (code, output) == (0, "exit-code=4")
    assert "::warning title=Migrations are pending::" in told
    code, _, output = _run(shop, script, COMMAND="status", PENDING="error")
    assert (code, output) == (errors.PENDING, "exit-code=4")
    assert _run(shop, script, COMMAND="migrate", PENDING="warning")[::2] == (0, "exit-code=0")
    code, told, output = _run(shop, script, COMMAND="status", PENDING="warning")
    assert (code, output) == (0, "exit-code=0")
    assert "::" not in told
    code, told, output = _run(shop, script, COMMAND="check", PENDING="warning")
    assert (code, output) == (1, "exit-code=1")
    assert "::error title=Something needs a person::" in told
    assert "does not exist" in told
    code, told, output = _run(shop, script, COMMAND="drop everything", PENDING="warning")
    assert (code, output) == (errors.WRONG_SETTINGS, "exit-code=2")


def test_the_called_workflow_runs_its_steps(shop: Project) -> None:
    """The lock file is asked for, pending migrations fail no status, migrate applies them."""
    steps = _steps()
    assert _run(shop, steps["The lock file is that of the migrations"])[0] == 1
    assert shop.run([sys.executable, "-m", "schemata.cli", "lock"]).returncode == 0
    assert _run(shop, steps["The lock file is that of the migrations"])[0] == 0
    assert _run(shop, steps["Status"])[0] == 0
    assert _run(shop, steps["Migrate"])[0] == 0
    code, told, _ = _run(shop, steps["Status"], DATABASE_URL="postgresql://nobody@127.0.0.1:9/none")
    assert code == errors.NOT_AVAILABLE
    assert "::error title=A server or a program is not there::" in told
