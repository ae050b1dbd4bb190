"""The hosted CI: a valid workflow that names what exists, covers what is promised, and cannot pass by leaving out."""

import functools
import json
import os
import re
import subprocess
import sys
import tomllib
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from schemata import config
from schemata.postgres import urls
from schemata.server.embedded import server_state
from tests.conftest import REPOSITORY
from tests.deploy import places

WORKFLOW = REPOSITORY / ".github/workflows/ci-build.yml"
ACTION = REPOSITORY / ".github/actions/prepare/action.yml"
SETTINGS = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
# What the table "Context availability" of the workflow syntax allows in a job's own `env`; a step may use more.
_CONTEXTS = {"github", "needs", "strategy", "matrix", "vars", "secrets", "inputs"}


@functools.cache
def _workflow() -> dict[str, Any]:
    return dict(yaml.safe_load(WORKFLOW.read_text(encoding="utf-8")))


def _jobs() -> dict[str, dict[str, Any]]:
    return dict(_workflow()["jobs"])


def _steps() -> Iterator[dict[str, Any]]:
    for job in _jobs().values():
        yield from job["steps"]
    yield from yaml.safe_load(ACTION.read_text(encoding="utf-8"))["runs"]["steps"]


def _expand(text: str, matrix: dict[str, list[str]]) -> list[str]:
    """Return the text once for each value of the matrix that it names."""
    (names) = re.findall(r"\$\{\{ matrix\.(\w+) \}\}", text)
    if not names:
        return [text]
    assert len(set(names)) == 1
    return [re.sub(r"\$\{\{ matrix\.\w+ \}\}", value, text) for value in matrix[names[0]]]


@pytest.mark.parametrize(
    ("schema", "path"),
    [("vendor.github-workflows", WORKFLOW), ("vendor.github-actions", ACTION)],
    ids=lambda it: str(it),
)
def test_the_workflow_has_the_form_that_its_schema_wants(schema: str, path: Path) -> None:
    """The schema that comes with check-jsonschema accepts it, without a network."""
    command = [Path(sys.executable).with_name("check-jsonschema"), "--builtin-schema", schema, path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_schema_can_refuse(tmp_path: Path) -> None:
    """A slip in a key is found by it: a check that accepts anything would be none."""
    path = tmp_path / "ci.yml"
    path.write_text(
        WORKFLOW.read_text(encoding="utf-8").replace("timeout-minutes", "timeout-minuets"), encoding="utf-8"
    )
    command = [
        Path(sys.executable).with_name("check-jsonschema"), "--builtin-schema", "vendor.github-workflows", path,
    ]  # fmt: skip
    assert subprocess.run(command, capture_output=True, check=False).returncode == 1


def test_every_session_that_it_runs_is_one_of_the_noxfile() -> None:
    """nox itself knows each session that a job names, for each value of the job's matrix."""
    named = {
        session
        for job in _jobs().values()
        for step in job["steps"]
        for text in re.findall(r'nox -s "?([\w.${}() -]+?)"?(?: --|\n|$)', step.get("run", ""))
        for session in _expand(text, job.get("strategy", {}).get("matrix", {}))
    }
    # As JSON it would list only what runs by default.
    plain = {name: value for name, value in os.environ.items() if name != "FORCE_COLOR"} | {"NO_COLOR": "1"}
    listed = subprocess.run(
        [sys.executable, "-m", "nox", "--list"],
        cwd=REPOSITORY,
        env=plain,
        capture_output=True,
        text=True,
        check=True,
    )
    known = set(re.findall(r"^[*-] ([\w.-]+(?:\(.*?\))?) ", listed.stdout, flags=re.M))
    assert {"lint", "types", "docs", "coldstart_report", "coldstart(docker)"} < named
    assert named - known == set()


def test_the_matrices_are_those_of_the_settings() -> None:
    """Each Python and each PostgreSQL that the project promises has its job, and no other has."""
    jobs = _jobs()
    versions = config.load(REPOSITORY, {}).postgres
    pythons = [
        found[1]
        for line in SETTINGS["project"]["classifiers"]
        if (found := re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", line))
    ]
    assert jobs["tests"]["strategy"]["matrix"]["python"] == pythons
    assert jobs["coldstart"]["strategy"]["matrix"]["cell"] == [*(f"pg{version}" for version in versions), "docker"]
    assert jobs["cold-start-smoke"]["strategy"]["matrix"]["postgres"] == list(versions)
    for job in jobs.values():
        # One red cell must not hide what the others would have said.
        assert job.get("strategy", {}).get("fail-fast", False) is False


def test_it_may_do_little_and_not_for_ever() -> None:
    """The token reads only, each job has an end, and a program that somebody else wrote is named by its content."""
    workflow = _workflow()
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow["concurrency"]["cancel-in-progress"]
    for name, job in _jobs().items():
        assert 0 < job["timeout-minutes"] <= 60, name
        assert "permissions" not in job, name
        for step in job["steps"]:
            if step.get("uses", "").startswith("actions/checkout"):
                assert step["with"]["persist-credentials"] is False, name
    used = [step["uses"] for step in _steps() if "uses" in step]
    for place in used:
        assert place == "./.github/actions/prepare" or re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", place), place
    assert len({place.partition("@")[0] for place in used}) == len(set(used)), "two versions of one action"


def test_a_job_uses_only_what_is_known_there() -> None:
    """A job's own variables and services use only contexts that exist before its steps do."""
    for name, job in _jobs().items():
        for part in ("env", "services", "strategy", "name"):
            for expression in re.findall(r"\$\{\{(.*?)\}\}", json.dumps(job.get(part, {}))):
                assert set(re.findall(r"(\w+)\.", expression)) <= _CONTEXTS, (name, part, expression)


def test_no_step_mixes_foreign_text_into_its_script() -> None:
    """Scripts take only values of their own matrix; what comes from an event could be somebody's code."""
    for step in _steps():
        for expression in re.findall(r"\$\{\{ *(.*?) *\}\}", step.get("run", "")):
            assert expression.startswith("matrix."), step


def test_what_is_uploaded_is_kept_after_a_failure_and_does_not_collide() -> None:
    """Reports are uploaded also when the tests failed, each cell's under a name of its own."""
    names = []
    for job in _jobs().values():
        for step in job["steps"]:
            if "upload-artifact" in step.get("uses", ""):
                assert step["if"] == "always()"
                names += _expand(step["with"]["name"], job.get("strategy", {}).get("matrix", {}))
    assert len(names) == len(set(names)) >= 10
    assert _jobs()["coldstart-report"]["if"] == "${{ !cancelled() }}"


def _required(**results: str) -> int:
    (step,) = _jobs()["required"]["steps"]
    needs = json.dumps({name: {"result": result, "outputs": {}} for name, result in results.items()})
    environment = {"PATH": os.environ["PATH"], "NEEDS": needs}
    return subprocess.run(["bash", "-c", step["run"]], env=environment, capture_output=True, check=False).returncode


def test_the_required_job_needs_all_others_and_each_must_have_succeeded() -> None:
    """Its own script fails for a failed, a skipped and a cancelled job, and for none at all."""
    required = _jobs()["required"]
    assert set(required["needs"]) == _jobs().keys() - {"required"}
    assert "cold-start-smoke" in required["needs"]
    assert required["if"] == "always()"
    assert _required(one="success", two="success") == 0
    for result in ("failure", "skipped", "cancelled"):
        assert _required(one="success", two=result) == 1, result
    assert _required() == 1


@pytest.mark.slow
def test_the_smoke_job_does_what_it_says(server: server_state.Server, tmp_path: Path) -> None:
    """The job's own steps take a server without the database to four ready services; where a step fails, it stops."""
    root = places.copy(tmp_path / "checkout")
    job = _jobs()["cold-start-smoke"]
    database = f"hosted_{uuid.uuid4().hex[:12]}"
    url = urls.with_database(server.url, database)
    assert set(job["env"]) == {"DATABASE_URL", "SCHEMATA_SERVER_KIND", "SCHEMATA_CREATE_DATABASE"}
    environment = {
        **{name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ},
        **job["env"],
        **places.free_ports(),
        "DATABASE_URL": url,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(REPOSITORY),
    }
    steps = [step for step in job["steps"] if "run" in step and step["name"] != "Install"]
    assert len(steps) == 3
    try:
        for step in steps:
            done = subprocess.run(
                ["bash", "-e", "-o", "pipefail", "-c", step["run"]],
                cwd=root, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                timeout=180, check=False,
            )  # fmt: skip
            assert done.returncode == 0, f"{step['name']}:\n{done.stdout}{done.stderr}"
        with psycopg.connect(url) as connection:
            row = connection.execute("SELECT count(*) FROM schemata.attempts WHERE state = 'applied'").fetchone()
        assert row is not None
        assert row[0] >= 25
    finally:
        places.stop(root, environment)
        with psycopg.connect(urls.with_database(server.url, "postgres"), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')
