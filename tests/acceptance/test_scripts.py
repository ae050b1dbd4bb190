"""The scripts of a fresh clone: what they make, and what they say where they cannot."""

import contextlib
import json
import os
import pwd
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.deploy import places

ROOT = os.geteuid() == 0
# What the scripts use besides Python.
_TOOLS = ("sh", "cat", "cksum", "dirname", "git", "grep", "id", "mkdir", "rm", "sed", "tail")


@dataclass
class Clone:
    """A checkout of this repository with a clean home, and the user who works in it."""

    root: Path
    home: Path
    user: str = ""
    path: Sequence[Path] = field(default_factory=lambda: _usual_path())
    # So that its services run beside a developer's, and beside those of another test.
    ports: dict[str, str] = field(default_factory=places.free_ports)

    def environment(self, **more: str) -> dict[str, str]:
        """Return what a program of a new user has in its environment."""
        network = {
            name: value
            for name, value in os.environ.items()
            if name.startswith("PIP_") or name == "SSL_CERT_FILE" or name.upper().endswith("_PROXY")
        }
        path = os.pathsep.join(map(str, self.path))
        return {"PATH": path, "HOME": str(self.home), **network, **self.ports, **more}

    def run(self, script: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a script with nothing in the environment but PATH, HOME and what leads to the network."""
        return self.call(self.root / script, *arguments, cwd=Path("/"), **environment)

    def call(self, *command: Path | str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a program as the user, with that environment."""
        entry = pwd.getpwnam(self.user) if self.user else None
        return subprocess.run(
            command,
            cwd=cwd,
            env=self.environment(**environment),
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
        ignored = ".git .venv .schemata .env .nox .hypothesis build dist __pycache__ *.egg-info .*_cache manifest"
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
    return Clone(clone.root, clone.home, path=[tmp_path], ports={})


def _python(folder: Path, says: str, code: int = 0, name: str = "python3") -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{says}'\nexit {code}\n")
    path.chmod(0o755)


def _closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.mark.slow
def test_a_clone_is_onboarded_with_one_command() -> None:
    """From nothing but a Python, onboarding ends with four ready services and their URLs; again, it is quick.

    By an ordinary user, also where root runs the tests: .ci/run itself onboards as root. Then the checks and the hooks.
    """
    with cloned("nobody" if ROOT else "") as clone:
        # Python compiles what is used, which is a part of what is installed.
        first = clone.run("scripts/onboard", PIP_COMPILE="0")
        assert first.returncode == 0, first.stdout + first.stderr
        for wanted in (
            r"^schema +applied +pending +problems +last applied$",
            r"^Up to date at \w+\.\d{14}\.",
            r"^page +\d+ +0 +ok$",
            r"^All \d+ checks passed\.$",
            r"^URL: postgresql://schemata:\w+@127\.0\.0\.1:\d+/ai_service$",
        ):
            assert re.search(wanted, first.stdout, flags=re.M), wanted
        # The table comes last, and what it says is so.
        table = first.stdout[first.stdout.rindex("\nservice ") :]
        assert re.search(r"^The system is up, migrated and proven\. Type next:$", table, flags=re.M)
        started = _ready(clone, table)
        again = clone.run("scripts/onboard")
        assert again.returncode == 0, again.stdout + again.stderr
        assert "Making .venv" not in again.stdout
        assert "was running" in again.stdout
        assert _ready(clone, again.stdout) == started
        assert clone.home.exists()
        checked = clone.run(
            "scripts/test", "--", "tests/unit/postgres/test_failures.py", "tests/unit/test_repository.py"
        )
        for name in ("ruff check", "ruff format", "mypy", "pytest"):
            assert f"== {name}" in checked.stdout
        # Whether the rest of the checkout is clean is for the checks themselves to say.
        assert "pytest" not in checked.stderr, checked.stdout
        assert checked.stdout.endswith("All checks passed.\n") == (checked.returncode == 0)
        (clone.root / "tests/unit/test_new.py").write_text("def test_it() -> None:\n    assert 1 + 1 == 3\n")
        failed = clone.run("scripts/test", "tests/unit/test_new.py")
        assert failed.returncode == 1
        assert re.search(r"^FAILED: .*pytest$", failed.stderr, flags=re.M)
        _hooks(clone)


def _ready(clone: Clone, table: str) -> set[str]:
    """Check that each service of the table answers that it is ready; return the lines' names and URLs."""
    rows = re.findall(r"^([a-z-]+) +(?:ready|was running) +(http://127\.0\.0\.1:(\d+))\b", table, flags=re.M)
    assert {name for name, _, _ in rows} == {
        name.lower().replace("_", "-").removesuffix("-port") for name in clone.ports
    }
    assert {port for _, _, port in rows} == set(clone.ports.values())
    for _, url, _ in rows:
        with urllib.request.urlopen(f"{url}/ready", timeout=10) as answer:
            assert json.load(answer)["status"] == "ready"
    return {f"{name} {url}" for name, url, _ in rows}


def _hooks(clone: Clone) -> None:
    """Check that hooks are installed when asked, twice as well as once, and that one stops a bad commit."""
    identity = {f"GIT_{who}_{what}": "x@y" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}

    def git(*arguments: str) -> subprocess.CompletedProcess[str]:
        # Nothing may be fetched any more: a hook needs what is in .venv only.
        nowhere = f"http://127.0.0.1:{_closed_port()}/simple"
        return clone.call("git", *arguments, cwd=clone.root, **{**identity, "PIP_INDEX_URL": nowhere})

    assert git("init", "--quiet").returncode == 0
    for _ in range(2):
        done = clone.run("scripts/onboard", "--hooks")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "pre-commit installed at .git/hooks/pre-commit" in done.stdout
    (clone.root / "bad.py").write_text("import os\n")
    assert git("add", "bad.py").returncode == 0
    refused = git("commit", "--message", "x")
    assert refused.returncode == 1
    assert re.search(r"ruff check\.+Failed", refused.stderr + refused.stdout), refused.stdout + refused.stderr
    (clone.root / "bad.py").write_text('"""Nothing."""\n')
    assert git("add", "bad.py").returncode == 0
    passed = git("commit", "--message", "x")
    assert passed.returncode == 0, passed.stdout + passed.stderr


@pytest.fixture
def pretended(tmp_path: Path) -> Clone:
    """Give a clone whose .venv has a Python that only writes down what it is asked: for what the script decides."""
    root = tmp_path.resolve() / "a clone"
    (root / ".venv/bin").mkdir(parents=True)
    shutil.copytree(REPOSITORY / "scripts", root / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPOSITORY / "pyproject.toml", root)
    python = root / ".venv/bin/python"
    python.write_text('#!/bin/sh\necho "${SCHEMATA_SERVER_KIND:-default} $*" >> "$HOME/asked"\n')
    python.chmod(0o755)
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in _TOOLS:
        (tools / name).symlink_to(shutil.which(name) or "")
    clone = Clone(root, tmp_path / "home", path=[tools])
    clone.home.mkdir()
    script = f'. ./scripts/venv; root="{root}"; python="{python}"; describe_environment > .venv/installed'
    subprocess.run(["sh", "-euc", script], cwd=root, env=clone.environment(), check=True)
    (clone.home / "asked").unlink()
    return clone


def _asked(clone: Clone) -> list[str]:
    """Return the inv commands that were run, each with the server it was told."""
    path = clone.home / "asked"
    lines = path.read_text().splitlines() if path.exists() else []
    path.unlink(missing_ok=True)
    return [line.replace("-m invoke ", "") for line in lines if "-m invoke " in line]


def _with_docker(clone: Clone) -> None:
    _python(clone.path[0], "never asked", name="docker")


def test_the_server_is_chosen_by_flag(pretended: Clone) -> None:
    """Each command is told the server; the database is proven before the services start, whose table comes last."""
    assert pretended.run("scripts/onboard").returncode == 0
    assert _asked(pretended) == [
        f"default {it}" for it in ("dev-up --no-services", "migrate-status", "smoke", "dev-up")
    ]
    _with_docker(pretended)
    for flag in (["--server", "docker"], ["--server=docker"]):
        assert pretended.run("scripts/onboard", *flag, SCHEMATA_SERVER_KIND="embedded").returncode == 0
        assert _asked(pretended) == [f"docker {it}" for it in ("dev-up", "migrate-status", "smoke", "dev-up")]
    # Without a terminal nothing is asked, and the environment counts.
    assert pretended.run("scripts/onboard", SCHEMATA_SERVER_KIND="external").returncode == 0
    assert {line.partition(" ")[0] for line in _asked(pretended)} == {"external"}


@pytest.mark.parametrize(
    ("typed", "server"),
    [("d\n", "docker"), ("docker\n", "docker"), ("\n", "embedded"), ("e\n", "embedded"), ("what?\n", "embedded")],
    ids=["d", "docker", "enter", "e", "other"],
)
def test_a_terminal_is_asked_once(pretended: Clone, typed: str, server: str) -> None:
    """With Docker there, a person is asked and may just press enter; the question comes before anything is done."""
    _with_docker(pretended)
    output = _on_a_terminal(pretended, typed)
    assert output.count("[e]") == 1
    assert {line.partition(" ")[0] for line in _asked(pretended)} == {server}


def test_a_terminal_is_not_asked_what_is_known(pretended: Clone) -> None:
    """Without Docker, with the flag, with the variable, and in CI there is no question."""
    assert "[e]" not in _on_a_terminal(pretended, "")
    _with_docker(pretended)
    assert "[e]" not in _on_a_terminal(pretended, "", "--server", "embedded")
    assert "[e]" not in _on_a_terminal(pretended, "", SCHEMATA_SERVER_KIND="embedded")
    assert "[e]" not in _on_a_terminal(pretended, "", CI="1")


def _on_a_terminal(clone: Clone, typed: str, *arguments: str, **environment: str) -> str:
    """Run onboard on a terminal of its own, type something, and return what is on the screen at its end."""
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [clone.root / "scripts/onboard", *arguments],
        stdin=theirs, stdout=theirs, stderr=theirs, env=clone.environment(**environment), start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    os.write(ours, typed.encode())
    screen = b""
    # The end of a terminal is an error on Linux.
    with contextlib.suppress(OSError):
        while part := os.read(ours, 4096):
            screen += part
    os.close(ours)
    assert process.wait(timeout=60) == 0, screen.decode()
    return screen.decode()


def test_docker_that_is_not_there_is_told_at_once(pretended: Clone) -> None:
    """Before anything is made, the message says what is missing and what else there is."""
    for choice in ({"SCHEMATA_SERVER_KIND": "docker"}, {}):
        done = pretended.run("scripts/onboard", *([] if choice else ["--server", "docker"]), **choice)
        assert done.returncode == 3
        assert "no program docker on PATH" in done.stderr
        assert "--server embedded" in done.stderr
        assert _asked(pretended) == []


def test_hooks_need_a_checkout_of_their_own(pretended: Clone) -> None:
    """Where git has no repository, or only one around the checkout, nothing is installed into it."""
    for around in (False, True):
        if around:
            subprocess.run(["git", "init", "--quiet", pretended.root.parent], check=True)
        done = pretended.run("scripts/onboard", "--hooks")
        assert done.returncode == 3
        assert "not a git checkout" in done.stderr
        assert _asked(pretended) == []
    assert not (pretended.root.parent / ".git/hooks/pre-commit").exists()


def test_a_python_that_is_too_old_is_named(bare: Clone) -> None:
    """With old Pythons only, the message names them and what is needed; nothing is made."""
    _python(bare.path[0], "3.9.18 0 1")
    before = sorted((bare.root / ".venv").glob("*"))
    done = bare.run("scripts/onboard")
    assert done.returncode == 3
    assert f"{bare.path[0]}/python3 (3.9.18)" in done.stderr
    assert "3.11 or newer" in done.stderr
    assert sorted((bare.root / ".venv").glob("*")) == before


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
    for slip in (["--frobnicate"], ["--server"], ["--server", "mysql"], ["--server="], ["--hooks", "now"]):
        done = clone.run("scripts/onboard", *slip)
        assert done.returncode == 2, slip
        assert len(done.stderr.splitlines()) in (1, 2), slip


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
