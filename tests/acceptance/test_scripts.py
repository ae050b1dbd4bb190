"""The scripts of a fresh clone: what they make, and what they say where they cannot."""

import contextlib
import os
import pwd
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

ROOT = os.geteuid() == 0
# What the scripts use besides Python.
_TOOLS = ("sh", "cat", "cksum", "dirname", "grep", "id", "mkdir", "rm", "sed", "tail")


@dataclass
class Clone:
    """A checkout of this repository with a clean home, and the user who works in it."""

    root: Path
    home: Path
    user: str = ""
    path: Sequence[Path] = field(default_factory=lambda: _usual_path())

    def run(self, script: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a script with nothing in the environment but PATH, HOME and what leads to the network."""
        network = {
            name: value
            for name, value in os.environ.items()
            if name.startswith("PIP_") or name == "SSL_CERT_FILE" or name.upper().endswith("_PROXY")
        }
        path = os.pathsep.join(map(str, self.path))
        entry = pwd.getpwnam(self.user) if self.user else None
        return subprocess.run(
            [self.root / script, *arguments],
            cwd="/",
            env={"PATH": path, "HOME": str(self.home), **network, **environment},
            user=entry.pw_uid if entry else None,
            group=entry.pw_gid if entry else None,
            extra_groups=[] if entry else None,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )


def _usual_path() -> list[Path]:
    # Not the environment that runs the tests: onboarding starts from the Python that made it.
    return [Path(sys.base_prefix, "bin"), Path("/usr/local/bin"), Path("/usr/bin"), Path("/bin")]


@contextlib.contextmanager
def cloned(user: str = "") -> Iterator[Clone]:
    """Give a clone in a path with a space, owned by the user, that the server's account can reach."""
    with tempfile.TemporaryDirectory(prefix="schemata ", ignore_cleanup_errors=True) as folder:
        clone = Clone(Path(folder, "a clone"), Path(folder, "home"), user)
        ignored = ".git .venv .schemata .nox .hypothesis build dist __pycache__ *.egg-info .*_cache manifest"
        shutil.copytree(REPOSITORY, clone.root, ignore=shutil.ignore_patterns(*ignored.split()))
        clone.home.mkdir()
        os.chmod(folder, 0o755)
        if user:
            # An ordinary user may not enter the home of the Python that root uses.
            clone.path = _usual_path()[1:]
            for parent, _, names in os.walk(folder):
                for path in (parent, *(os.path.join(parent, name) for name in names)):
                    os.chown(path, *pwd.getpwnam(user)[2:4])
        try:
            yield clone
        finally:
            if (clone.root / ".schemata").exists():
                subprocess.run(
                    [clone.root / ".venv/bin/python", "-m", "invoke", "dev-down-clean"], cwd=clone.root, check=False
                )


@pytest.fixture(scope="module")
def clone() -> Iterator[Clone]:
    """Give a clone that nothing is installed into, for what the scripts refuse."""
    with cloned() as made:
        yield made


@pytest.fixture
def bare(clone: Clone, tmp_path: Path) -> Clone:
    """Give the clone with a PATH on which there are tools, but no Python."""
    for name in _TOOLS:
        (tmp_path / name).symlink_to(shutil.which(name) or "")
    return Clone(clone.root, clone.home, path=[tmp_path])


def _python(folder: Path, says: str, code: int = 0, name: str = "python3") -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{says}'\nexit {code}\n")
    path.chmod(0o755)


def _closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.mark.slow
@pytest.mark.parametrize("user", ["", *(["nobody"] if ROOT else [])], ids=lambda user: user or "self")
def test_a_clone_is_onboarded_with_one_command(user: str) -> None:
    """From nothing but a Python, onboarding ends with a URL, the status and the smoke table; again, it is quick."""
    with cloned(user) as clone:
        first = clone.run("scripts/onboard")
        assert first.returncode == 0, first.stdout + first.stderr
        for wanted in (
            r"^    postgresql://schemata:\w+@127\.0\.0\.1:\d+/ai_service$",
            r"^schema +applied +pending +problems +last applied$",
            r"^Up to date at financial\.",
            r"^page +\d+ +0 +ok$",
            r"^All \d+ checks passed\.$",
            r"^Type next:$",
        ):
            assert re.search(wanted, first.stdout, flags=re.M), wanted
        again = clone.run("scripts/onboard")
        assert again.returncode == 0, again.stdout + again.stderr
        assert "Making .venv" not in again.stdout
        assert "was running" in again.stdout
        assert clone.home.exists()
        if not user:
            checked = clone.run("scripts/test", "--", "tests/unit/test_reasons.py", "tests/unit/test_repository.py")
            for name in ("ruff check", "ruff format", "mypy", "pytest"):
                assert f"== {name}" in checked.stdout
            # Whether the rest of the checkout is clean is for the checks themselves to say.
            assert "pytest" not in checked.stderr, checked.stdout
            assert checked.stdout.endswith("All checks passed.\n") == (checked.returncode == 0)
            (clone.root / "tests/unit/test_new.py").write_text("def test_it() -> None:\n    assert 1 + 1 == 3\n")
            failed = clone.run("scripts/test", "tests/unit/test_new.py")
            assert failed.returncode == 1
            assert re.search(r"^FAILED: .*pytest$", failed.stderr, flags=re.M)


def test_a_python_that_is_too_old_is_named(bare: Clone) -> None:
    """With old Pythons only, the message names them and what is needed; nothing is made."""
    _python(bare.path[0], "3.9.18 0 1")
    done = bare.run("scripts/onboard")
    assert done.returncode == 3
    assert f"{bare.path[0]}/python3 (3.9.18)" in done.stderr
    assert "3.11 or newer" in done.stderr
    assert not list((bare.root / ".venv").glob("*"))


def test_no_python_at_all_is_said(bare: Clone) -> None:
    """Programs that only say that a version is not installed are no Pythons."""
    for name in ("python3", "python3.12"):
        _python(bare.path[0], "not installed", code=127, name=name)
    done = bare.run("scripts/test")
    assert done.returncode == 3
    assert "no Python 3 that runs" in done.stderr


def test_a_python_without_ensurepip_is_told_what_to_install(bare: Clone) -> None:
    """Debian's Python without python3-venv is named, with the package."""
    _python(bare.path[0], "3.12.4 1 0")
    done = bare.run("scripts/onboard")
    assert done.returncode == 3
    assert "python3-venv" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_network_nothing_is_called_installed(bare: Clone) -> None:
    """An index that does not answer is told plainly, and the next run tries again; broken shims are passed by."""
    _python(bare.path[0], "not installed", code=127)
    bare.path = [*bare.path, *_usual_path()]
    for _ in range(2):
        done = bare.run("scripts/onboard", PIP_INDEX_URL=f"http://127.0.0.1:{_closed_port()}/simple", PIP_RETRIES="0")
        assert done.returncode == 3, done.stdout + done.stderr
        assert "pip could not download the packages" in done.stderr
        assert "Check the network" in done.stderr
        assert "Traceback" not in done.stderr
        assert not (bare.root / ".venv/installed").exists()


def test_a_folder_that_is_not_ours_is_told(clone: Clone) -> None:
    """Without the permission to write, the message names the folder and the user."""
    shutil.rmtree(clone.root / ".venv", ignore_errors=True)
    clone.root.chmod(0o555)
    try:
        other = Clone(clone.root, clone.home, "nobody" if ROOT else "", _usual_path()[1:] if ROOT else _usual_path())
        done = other.run("scripts/onboard")
    finally:
        clone.root.chmod(0o755)
    assert done.returncode == 3
    assert f"cannot write to {clone.root}/.venv" in done.stderr


def test_the_command_line_of_the_scripts(clone: Clone) -> None:
    """--help explains and does nothing; an argument that has no meaning is refused."""
    for script in ("scripts/onboard", "scripts/test"):
        done = clone.run(script, "--help")
        assert (done.returncode, done.stdout.startswith("#"), len(done.stdout) > 100) == (0, False, True)
    assert clone.run("scripts/onboard", "--frobnicate").returncode == 2


def test_a_skip_is_not_a_pass(tmp_path: Path) -> None:
    """In strict mode only skips for the server's version, and reasons that were named, are allowed."""
    report = tmp_path / "junit.xml"

    def judge(reason: str, *options: str) -> int:
        report.write_text(f'<r><testcase classname="c" name="n"><skipped message="{reason}"/></testcase></r>')
        command = [sys.executable, REPOSITORY / "scripts/unrun.py", "--strict", *options, report]
        return subprocess.run(command, capture_output=True, check=False).returncode

    assert judge("for PostgreSQL 15 to 99, this is 14") == 0
    assert judge("no server") == 1
    assert judge("no server", "--may", "no server") == 0
