"""deploy/swarm.yaml: what compose.yaml says, in the words of `docker stack deploy`."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts import swarm
from tests.conftest import REPOSITORY


def _load(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load((REPOSITORY / name).read_text(encoding="utf-8")))


STACK = _load("deploy/swarm.yaml")["services"]
COMPOSE = {name: it for name, it in _load("compose.yaml")["services"].items() if not it.get("profiles")}


def test_the_file_is_the_one_that_the_script_writes(tmp_path: Path) -> None:
    """--check is content with the committed file; after a change of compose.yaml it fails until the script has run."""
    command = [sys.executable, "scripts/swarm.py"]
    done = subprocess.run([*command, "--check"], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    for name in ("scripts/swarm.py", "compose.yaml", "deploy/swarm.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(REPOSITORY / name, tmp_path / name)
    compose = tmp_path / "compose.yaml"
    compose.write_text(compose.read_text(encoding="utf-8").replace("retries: 3", "retries: 7"), encoding="utf-8")

    def run(*arguments: str) -> int:
        return subprocess.run([*command, *arguments], cwd=tmp_path, capture_output=True, check=False).returncode

    before = (tmp_path / "deploy/swarm.yaml").read_bytes()
    assert run("--check") == 1
    assert (tmp_path / "deploy/swarm.yaml").read_bytes() == before
    assert run() == 0
    assert (tmp_path / "deploy/swarm.yaml").read_bytes() != before
    assert run("--check") == 0


def test_it_has_every_service_and_no_tool() -> None:
    """The services are those of compose.yaml that no profile keeps back."""
    assert STACK.keys() == COMPOSE.keys()
    assert len(STACK) == 5


@pytest.mark.parametrize("name", COMPOSE)
def test_a_service_is_equal_where_it_counts(name: str) -> None:
    """Image, command, environment, health check, limits and patience at the end are the same."""
    for key in ("image", "command", "healthcheck", "stop_grace_period", "read_only", "cap_drop"):
        assert STACK[name].get(key) == COMPOSE[name].get(key), key
    stack, compose = (dict(one[name].get("environment", {})) for one in (STACK, COMPOSE))
    # A development database needs no backup; that of a stack does.
    policies = [one.pop("SCHEMATA_BACKUPS_POLICY", "") for one in (compose, stack)]
    assert stack == compose
    own = name != "postgres"
    assert policies == [own * f"${{SCHEMATA_BACKUPS_POLICY:-{word}}}" for word in ("never", "destructive")]
    assert STACK[name]["deploy"]["resources"] == COMPOSE[name]["deploy"]["resources"]
    written = {mount["target"] for mount in STACK[name].get("volumes", []) if isinstance(mount, dict)}
    wanted = {text.partition(":")[0] for text in COMPOSE[name].get("tmpfs", [])}
    assert written - {"/dev/shm"} == wanted


@pytest.mark.parametrize("name", COMPOSE)
def test_a_service_has_what_only_a_swarm_has(name: str) -> None:
    """No build, no order of starts, no virtual address, no fixed port; and an update that goes back by itself."""
    service = STACK[name]
    assert service.keys().isdisjoint({"build", "depends_on", "restart", "tmpfs", "security_opt", "container_name"})
    assert service["deploy"]["endpoint_mode"] == "dnsrr"
    for port in service.get("ports", []):
        assert port == {"target": 8000, "mode": "host"}
    update = service["deploy"]["update_config"]
    assert update["failure_action"] == "rollback"
    assert service["deploy"]["rollback_config"]["parallelism"] == 1
    if name == "postgres":
        # Two servers on the same files would destroy them.
        assert (service["deploy"]["replicas"], update["order"]) == (1, "stop-first")
        assert service["volumes"][0] in COMPOSE[name]["volumes"]
    else:
        assert update["order"] == "start-first"
        assert "monitor" in update


def test_it_holds_no_secret() -> None:
    """Passwords come from the environment, and a missing one is an error that says what to do."""
    text = (REPOSITORY / "deploy/swarm.yaml").read_text(encoding="utf-8")
    for line in text.splitlines():
        if "PASSWORD:" in line:
            assert ": ${POSTGRES_PASSWORD:?" in line


def test_a_key_that_the_script_does_not_know_is_an_error() -> None:
    """What is new in compose.yaml is not left out in silence."""
    with pytest.raises(ValueError, match=r"x: .*does not know.* gpus"):
        swarm.stack({"services": {"x": {"image": "x", "gpus": "all"}}, "volumes": {}})


@pytest.mark.parametrize(
    ("size", "expected"), [("16m", 16 * 2**20), ("1G", 2**30), ("512", 512), ("4k", 4096)], ids=lambda it: str(it)
)
def test_sizes_become_bytes(size: str, expected: int) -> None:
    """A size with a unit becomes the number that a stack wants."""
    made = swarm.stack({"services": {"x": {"image": "x", "tmpfs": [f"/t:size={size},mode=1777"]}}, "volumes": {}})
    assert made["services"]["x"]["volumes"] == [{"type": "tmpfs", "target": "/t", "tmpfs": {"size": expected}}]
