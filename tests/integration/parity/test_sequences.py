"""Random DDL on two databases that start equal, and single changes of a rich one: our verdict is pg_dump's.

Without --whole a few of each, always the same; `nox -s parity` runs 2,000 sequences and 1,000 changes. pg_dump is asked
each time, whatever we say.
"""

import random
import re
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from schemata.parity import diff
from tests.integration.parity import statements, test_cases

SEQUENCES, CHANGES = 2000, 1000
SHORT_SEQUENCES, SHORT_CHANGES = 25, 8

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


def _tell(before: test_cases.Side, after: test_cases.Side) -> str:
    found = diff.diff(before.snapshot, after.snapshot)
    return (
        f"in one\n{_lines(before.done)}\nin the other\n{_lines(after.done)}\n"
        f"we find\n{test_cases.told(found)}\npg_dump finds\n{test_cases.dump_changes(before.dump, after.dump)}"
    )


def _lines(sequence: Sequence[str]) -> str:
    return "\n".join(f"  {one};" for one in sequence)


@st.composite
def _statements(draw: st.DrawFn) -> str:
    return statements.statement(lambda some: draw(st.sampled_from(some)))


def test_the_verdict_on_two_sequences_is_pg_dumps(databases: test_cases.Databases, pytestconfig: pytest.Config) -> None:
    @settings(
        max_examples=SEQUENCES if pytestconfig.getoption("--whole") else SHORT_SEQUENCES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(
        st.lists(_statements(), min_size=4, max_size=30),
        st.sampled_from(statements.VARIANTS),
        st.integers(0, 1000),
        _statements(),
    )
    def check(sequence: list[str], variant: str, place: int, other: str) -> None:
        scripts = [tuple(sequence), statements.varied(sequence, variant, place, other)]
        before, after = databases.read((statements.WORLD,), scripts, skip_refused=True)
        found = disagreement(before, after)
        assert not found, f"{found}\n{_tell(before, after)}"

    check()


def test_the_verdict_on_one_change_of_a_rich_database_is_pg_dumps(
    databases: test_cases.Databases, pytestconfig: pytest.Config
) -> None:
    chance = random.Random(8)
    rich = statements.rich(chance.choice)
    (before,) = databases.read((), [rich], skip_refused=True)
    wanted = CHANGES if pytestconfig.getoption("--whole") else SHORT_CHANGES
    base, done = before.done, 0
    while done < wanted:
        change = statements.change(chance.choice(before.snapshot.items), chance.choice)
        if not change:
            continue
        (after,) = databases.read(base, [(change,)], skip_refused=True)
        if after.done:  # else it was refused, and nothing is changed
            found = disagreement(before, after)
            assert not found, f"{change}: {found}\n{_tell(before._replace(done=()), after)}"
            done += 1


def test_there_are_at_least_40_kinds_of_statements() -> None:
    assert len(statements.KINDS) >= 40
