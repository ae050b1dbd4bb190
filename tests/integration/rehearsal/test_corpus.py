"""A corpus of migrations, each rehearsed on the server under test: what is dangerous is found, what is safe is not.

Without --whole every third of them; `nox -s rehearsal` runs all.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from schemata import config
from schemata.rehearsal import outcome, rehearse
from schemata.server.embedded import binaries, server_state
from tests.integration.rehearsal import corpus

Rehearse = Callable[[str, str], outcome.Rehearsed]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Try every row with --whole, and without it every third, always the same."""
    for name, rows in (("dangerous", corpus.DANGEROUS), ("safe", corpus.SAFE)):
        if name in metafunc.fixturenames:
            chosen = rows if metafunc.config.getoption("--whole") else rows[::3]
            metafunc.parametrize(name, chosen, ids=[case.name for case in chosen])


@pytest.fixture
def one(server: server_state.Server, tmp_path: Path) -> Rehearse:
    """Rehearse one migration after the one that makes the tables, on the server under test."""

    def run(sql: str, directive: str) -> outcome.Rehearsed:
        folder = tmp_path / "migrations" / "app"
        folder.mkdir(parents=True)
        (folder / "app.20260101000000.before.sql").write_text(f"-- Before\n{corpus.BEFORE}", encoding="utf-8")
        head = f"-- Case\n{directive}\n" if directive else "-- Case\n"
        (folder / "app.20260102000000.case.sql").write_text(f"{head}{sql};\n", encoding="utf-8")
        settings = config.parse({"schemas": ["app"]}, tmp_path, {})
        return rehearse.rehearse(settings, ["app.20260102000000.case"], url=server.url)

    return run


def _codes(found: outcome.Rehearsed, *severities: str) -> set[str]:
    return {item.code for item in found.findings if item.severity in severities}


def test_what_is_dangerous_is_found(dangerous: corpus.Dangerous, one: Rehearse, programs: binaries.Binaries) -> None:
    """Each finding that must be there is, as an error unless the case says that a warning will do."""
    if programs.major < dangerous.least:
        pytest.skip(f"for PostgreSQL {dangerous.least}")
    found = one(dangerous.sql, dangerous.directive)
    errors = _codes(found, "error")
    every = _codes(found, "error", "warning")
    told = [(item.code, item.severity, item.text) for item in found.findings]
    for code in dangerous.findings:
        assert code.removeprefix("~") in (every if code.startswith("~") else errors), told


def test_what_is_safe_is_no_error(safe: corpus.Safe, one: Rehearse) -> None:
    """No error, and the migration ran to its end on both databases."""
    found = one(safe.sql, safe.directive)
    assert [(item.code, item.text) for item in found.findings if item.severity == "error"] == []
    assert found.ok
    assert found.traces[0].failure is None


def test_the_corpus_is_large_enough() -> None:
    """It says what it is said to say."""
    assert len({case.name for case in corpus.DANGEROUS}) >= 30
    assert len({case.name for case in corpus.SAFE}) >= 17
