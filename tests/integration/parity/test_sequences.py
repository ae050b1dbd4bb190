"""Random DDL on two databases that start equal, and single changes of a rich one: our verdict is pg_dump's.

Without --whole a few of each, always the same; `nox -s parity` runs 2,000 sequences and 1,000 changes. pg_dump is asked
each time, whatever we say.
"""

import random
import re
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from schemata.parity import diff
from tests.integration.parity import statements, test_cases

#: A test runs so many; with --whole there are so many of these tests, each with a seed of its own.
BATCH = 25
SEQUENCES, CHANGES = 2000 // BATCH, 1000 // BATCH

_ACL = re.compile(r"^(GRANT|REVOKE|ALTER DEFAULT PRIVILEGES|SET SESSION AUTHORIZATION|RESET SESSION AUTHORIZATION)")


def disagreement(before: test_cases.Side, after: test_cases.Side) -> str:
    """Return in which way we and pg_dump do not say the same of two databases, or nothing."""
    found = diff.diff(before.snapshot, after.snapshot)
    dumps_differ = before.dump != after.dump
    if found and not dumps_differ:
        return "we see a difference and pg_dump does not"
    if dumps_differ and not found and without_order(before.dump) != without_order(after.dump):
        return "pg_dump sees a difference and we do not"
    if bool(found) != (before.snapshot.fingerprints() != after.snapshot.fingerprints()):
        return "the fingerprints do not say what the difference says"
    return ""


def without_order(dump: str) -> list[str]:
    """Return the lines, sorted where kinds.NOT_COMPARED names their order: privileges and storage parameters."""
    lines: list[str] = []
    privileges: list[str] = []
    for line in dump.split("\n"):
        if _ACL.match(line) or (privileges and not line):
            privileges.append(line)
            continue
        lines += sorted(privileges)
        privileges = []
        lines.append(re.sub(r"(?<=WITH \()[^()]*(?=\))", lambda some: ", ".join(sorted(some[0].split(", "))), line))
    return lines + sorted(privileges)


def told(before: test_cases.Side, after: test_cases.Side) -> str:
    """Return what ran in the two databases and what is different, as text for a failure."""
    found = diff.diff(before.snapshot, after.snapshot)
    return (
        f"in one\n{_lines(before.done)}\nin the other\n{_lines(after.done)}\n"
        f"we find\n{test_cases.told(found)}\npg_dump finds\n{test_cases.dump_changes(before.dump, after.dump)}"
    )


def _lines(sequence: Sequence[str]) -> str:
    return "\n".join(f"  {one};" for one in sequence)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give the seeds: one without --whole (nox -s parity)."""
    for name, batches in (("seed_of_sequences", SEQUENCES), ("seed_of_changes", CHANGES)):
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, range(batches if metafunc.config.getoption("--whole") else 1))


@st.composite
def _pairs(draw: st.DrawFn) -> list[tuple[str, ...]]:
    """Draw a sequence and what the other database gets.

    One seed makes the statements: drawn one by one, they would be short sequences, and copies of one another.
    """
    length, variant = draw(st.integers(5, 40)), draw(st.sampled_from(statements.VARIANTS))
    choose = random.Random(draw(st.integers(0, 2**32))).choice
    start, size = choose(range(length)), choose(range(2, 7))
    others = [statements.statement(choose) for _ in range(size)]
    sequence = tuple(statements.statement(choose) for _ in range(length))
    return [sequence, statements.varied(sequence, variant, start, others)]


def test_the_verdict_on_two_sequences_is_pg_dumps(databases: test_cases.Databases, seed_of_sequences: int) -> None:
    @seed(seed_of_sequences)
    @settings(
        max_examples=BATCH,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(_pairs())
    def check(scripts: list[tuple[str, ...]]) -> None:
        before, after = databases.read((statements.WORLD,), scripts, skip_refused=True)
        found = disagreement(before, after)
        assert not found, f"{found}\n{told(before, after)}"

    check()


def test_the_verdict_on_one_change_of_a_rich_database_is_pg_dumps(
    databases: test_cases.Databases, seed_of_changes: int, pytestconfig: pytest.Config
) -> None:
    wanted = BATCH if pytestconfig.getoption("--whole") else 8
    chance = random.Random(seed_of_changes)
    (before,) = databases.read((), [statements.rich(chance.choice)], skip_refused=True)
    base, done = before.done, 0
    before = before._replace(done=())
    while done < wanted:
        changes = [statements.change(chance.choice(before.snapshot.items), chance.choice) for _ in range(4)]
        scripts = [(change,) for change in changes if change]
        for after in databases.read(base, scripts, skip_refused=True):
            if after.done:  # else it was refused, and nothing is changed
                found = disagreement(before, after)
                assert not found, f"{found}\n{told(before, after)}"
                done += 1


def test_there_are_at_least_40_kinds_of_statements() -> None:
    assert len(statements.KINDS) >= 40
