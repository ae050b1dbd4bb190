"""Copies of the repository in which commands may run, and ports that are free."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from schemata import config
from schemata.server.embedded import instance
from tests import ports
from tests.conftest import REPOSITORY


def copy(root: Path) -> Path:
    """Copy what commands of the platform need; return its folder."""
    root.mkdir(parents=True)
    left_out = shutil.ignore_patterns("manifest", "__pycache__")
    for name in ("migrations", "services"):
        shutil.copytree(REPOSITORY / name, root / name, ignore=left_out)
    for name in ("pyproject.toml", "tasks.py", "compose.yaml"):
        shutil.copy(REPOSITORY / name, root / name)
    return root


def free_ports() -> dict[str, str]:
    """Return a variable for the port of each service, as dev-up and Compose read them, with a port that is free now."""
    return {
        f"{service.name.upper().replace('-', '_')}_PORT": str(ports.free_port())
        for service in config.load(REPOSITORY, {}).services
    }


def stop(root: Path, environment: dict[str, str]) -> None:
    """Stop what the commands in a copy have left running."""
    subprocess.run(
        [sys.executable, "-m", "invoke", "dev-down"],
        cwd=root,
        env={**environment, "PATH": environment.get("PATH", os.environ["PATH"])},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )
    if (root / ".schemata").exists():
        instance.remove(root / ".schemata")
