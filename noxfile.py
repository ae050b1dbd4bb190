"""Sessions: tests on each Python and each PostgreSQL, cold starts, lint, types, docs, bench. `nox -l` explains them.

Which Pythons and which PostgreSQLs is read from pyproject.toml; what follows `--` goes to the tool.
"""

import os
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.reuse_venv = "yes"
# A Python that is missing is a skip on somebody's own machine, never in CI.
nox.options.error_on_missing_interpreters = bool(os.environ.get("CI"))

PYPROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PYPROJECT)
POSTGRES = PYPROJECT["tool"]["schemata"].get("postgres", ["14", "15", "16", "17", "18"])

# The columns of the cold-start matrix; pytest holds its rows.
COLDSTART = [*(f"pg{version}" for version in POSTGRES), "docker"]
COLDSTART_OUT = Path("build", "coldstart")


def install(session: nox.Session, *groups: str) -> None:
    """Install the package with its extras, and dependency groups of pyproject.toml."""
    session.install("-e.[embedded,client,docker,lint]", *nox.project.dependency_groups(PYPROJECT, *groups))


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run every test."""
    install(session, "test")
    session.run("pytest", *(session.posargs or ["-n", "2", "--dist", "loadgroup"]))


@nox.session(default=False)
@nox.parametrize("postgres", [nox.param(version, id=f"pg{version}") for version in POSTGRES])
def tests_pg(session: nox.Session, postgres: str) -> None:
    """Run the tests that use a server on one major version of it."""
    install(session, "test")
    session.run(
        "pytest",
        f"--postgres={postgres}",
        "--again",
        *(session.posargs or ["-n", "2", "--dist", "loadgroup", "tests/integration", "tests/faults"]),
    )


@nox.session(default=False)
def parity(session: nox.Session) -> None:
    """Compare our verdict with pg_dump's: every case, 2,000 sequences of DDL, 1,000 changes of a rich database."""
    install(session, "test")
    session.run(
        "pytest", *(session.posargs or ["--whole", "-n", "2", "--dist", "loadgroup", "tests/integration/parity"])
    )


@nox.session(default=False)
def kills(session: nox.Session) -> None:
    """Kill backups and backfills at fifty moments each: what is listed is whole, and each row is updated once."""
    install(session, "test")
    session.run("pytest", *(session.posargs or ["--whole", "tests/faults/backups", "tests/faults/changes"]))


@nox.session(default=False)
def rehearsal(session: nox.Session) -> None:
    """Rehearse every migration of the corpus: what is dangerous is found, what is safe is not."""
    install(session, "test")
    session.run("pytest", *(session.posargs or ["--whole", "-n", "2", "tests/integration/rehearsal"]))


@nox.session(default=False)
@nox.parametrize("postgres", [nox.param(version, id=f"pg{version}") for version in POSTGRES])
def pages(session: nox.Session, postgres: str) -> None:
    """Break every page in every way: without rows, at the scale (by PostgreSQL 18), on a million transactions."""
    install(session, "test")
    session.run("pytest", "--whole", f"--postgres={postgres}", *(session.posargs or ["tests/integration/pages"]))


# Nox makes one environment for each of a session's parameters. Six that hold the same would take minutes to make, so
# the cells have none of their own and share the one that this session makes. `nox --no-venv -s coldstart` makes none
# at all: everything has to be installed then where nox itself is, as it is in the .venv of scripts/venv.
@nox.session(default=False)
def coldstart_env(session: nox.Session) -> None:
    """Make the one environment that the cold-start cells share."""
    # Here and not in a cell, so that there is a report even when this fails. It is queued once, as the last.
    session.notify("coldstart_report")
    if session.venv_backend == "none":
        return
    session.install("-e.[embedded,client,docker,lint]", *nox.project.dependency_groups(PYPROJECT, "test"))
    _coldstart_python[:] = [str(Path(session.bin, "python"))]


_coldstart_python = [sys.executable]
_coldstart_begun: list[str] = []


@nox.session(default=False, python=False, requires=["coldstart_env"])
@nox.parametrize("server", [nox.param(name, id=name, tags=[name]) for name in COLDSTART])
def coldstart(session: nox.Session, server: str) -> None:
    """Boot from every starting state, on one PostgreSQL or on Docker; a report of all follows."""
    _coldstart_begun.append(server)
    # What an earlier run left must not pass for this one's.
    for name in (f"coldstart-{server}.json", f"junit-{server}.xml"):
        (COLDSTART_OUT / name).unlink(missing_ok=True)
    if server == "docker":
        # One engine, two cores: two Compose projects at once take longer than one after the other.
        options = ["-n", "0", "tests/coldstart/test_docker.py"]
    else:
        options = ["-n", "2", f"--postgres={server.removeprefix('pg')}", "tests/coldstart/test_states.py"]
        if server == f"pg{POSTGRES[-1]}":
            # The matrix is proven to notice; once is enough.
            options.append("tests/coldstart/test_mutations.py")
    junit = f"--junitxml={COLDSTART_OUT / f'junit-{server}.xml'}"
    session.run(*_coldstart_python, "-m", "pytest", junit, *options, *session.posargs, external=True)


@nox.session(default=False, python=False)
def coldstart_report(session: nox.Session) -> None:
    """Merge what the cold-start sessions wrote into a grid, JSON, JUnit and a page; fail if any of it is red."""
    expected = [f"--expect={name}" for name in _coldstart_begun or COLDSTART]
    session.run(sys.executable, "-m", "tests.coldstart.report", *expected, str(COLDSTART_OUT), external=True)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting."""
    session.install(*nox.project.dependency_groups(PYPROJECT, "lint"))
    session.run("ruff", "check", *(session.posargs or ["."]))
    session.run("ruff", "format", "--check", *(session.posargs or ["."]))


@nox.session
def types(session: nox.Session) -> None:
    """Check the types."""
    install(session, "types", "services")
    session.run("mypy", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Run every command and every block of the documents."""
    install(session, "test")
    session.run("pytest", "tests/acceptance/test_docs.py", *session.posargs)


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Compare with other tools, as ratios in one run."""
    install(session, "test", "bench")
    session.run("python", "benchmarks/run.py", *session.posargs)
