"""`docker stop` at any moment: the end comes soon, and nothing is left half done."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.docker.conftest import SERVICES, System, command_of
from tests.patience import until

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("docker")]

_SLEEPER = "tagging.20990101000000.sleep"


def _stopped(container: Any) -> int:
    """Stop a container as Docker does, with five seconds of grace; return its exit code, 137 if that was not enough."""
    container.stop(timeout=5)
    return int(container.wait(timeout=10)["StatusCode"])


def _is_ready(container: Any) -> bool:
    return bool(container.exec_run(["python", "-I", "-S", "services/health.py"]).exit_code == 0)


@pytest.mark.parametrize("init", [True, False], ids=["init", "process-1"])
@pytest.mark.parametrize("service", SERVICES)
def test_a_ready_service_stops(docker_run: Callable[..., Any], service: str, init: bool) -> None:
    """A service that is ready ends within five seconds, by its own will, as process 1 too."""
    container = docker_run(*command_of(service), read_only=True, init=init)
    until(lambda: _is_ready(container), f"{service} is ready")
    code = _stopped(container)
    assert code in (0, 143), container.logs().decode()


@pytest.mark.parametrize("init", [True, False], ids=["init", "process-1"])
def test_a_start_that_waits_stops(docker_run: Callable[..., Any], init: bool) -> None:
    """A start that waits for a database that is not there ends with 143."""
    container = docker_run(
        *command_of("trading-svc"), init=init,
        environment={"DATABASE_URL": "postgresql://app@127.0.0.1:1/ai_service"},
    )  # fmt: skip
    until(lambda: b"127.0.0.1:1" in container.logs(), "it says that it waits")
    code = _stopped(container)
    assert code == 143, container.logs().decode()


def test_a_start_in_a_migration_stops(system: System, docker_run: Callable[..., Any], tmp_path: Path) -> None:
    """A start in the middle of a migration ends with 143; its statement is cancelled, nothing of it is recorded."""
    folder = tmp_path / "migrations"
    shutil.copytree(system.root / "migrations", folder)
    statement = f"SELECT pg_sleep(600) AS {system.name.replace('-', '_')}"
    (folder / "tagging" / f"{_SLEEPER}.sql").write_text(
        f"-- Sleep.\n-- irreversible: it is for a test\n\nCREATE TABLE tagging.half (id int);\n{statement};\n",
        encoding="utf-8",
    )
    tmp_path.chmod(0o755)
    container = docker_run(*command_of("trading-svc"), volumes={str(folder): {"bind": "/app/migrations", "mode": "ro"}})
    active = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid()"
    asleep = f"{active} AND query LIKE '%{statement}%'"
    until(lambda: system.query(asleep) == ["1"], "it sleeps in the migration")
    code = _stopped(container)
    assert code == 143, container.logs().decode()
    assert system.query(asleep) == ["0"]
    assert system.query("SELECT to_regclass('tagging.half') IS NULL") == ["t"]
    assert system.query(f"SELECT count(*) FROM schemata._yoyo_migration WHERE migration_id = '{_SLEEPER}'") == ["0"]


def test_a_stop_right_after_the_start_is_heard(docker_run: Callable[..., Any]) -> None:
    """Whenever in a start the stop comes, it is heard, because Docker's init hands it on."""
    for delay in (0.0, 0.05, 0.1, 0.2, 0.3, 0.5):
        container = docker_run(*command_of("financial-svc"), init=True, read_only=True)
        deadline = time.monotonic() + delay
        until(lambda deadline=deadline: time.monotonic() >= deadline, "a moment passes")
        code = _stopped(container)
        assert code in (0, 143), (delay, container.logs().decode())
