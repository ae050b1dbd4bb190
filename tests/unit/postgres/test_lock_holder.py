"""locks: what a deployer is called, and how its holder is described."""

import pytest

from schemata.postgres import deployer, lock_holder
from tests.unit import cases


def test_the_keys_are_pinned() -> None:
    """Every release and every project that shares a database takes the same lock."""
    assert lock_holder.KEY == 8314604121892156513
    assert lock_holder.PRISMA_KEY == 72707369
    assert -(2**63) <= lock_holder.KEY < 2**63


@cases.named(
    ("host", "doing", "expected"),
    [
        ("idle", "ci-7", "", "schemata ci-7 42 20250814T221815Z"),
        ("with an id that fits", "ci-7", "app.20250101000000.a",
         "schemata ci-7 42 20250814T221815Z app.20250101000000.a"),
        ("with an id that does not", "ci-7", "app.20250101000000." + "a" * 40, "schemata ci-7 42 20250814T221815Z"),
        ("a long host is cut", "h" * 60, "", f"schemata {'h' * 24} 42 20250814T221815Z"),
        ("no host", "", "", "schemata ? 42 20250814T221815Z"),
        ("a host outside ASCII is cut at a character", "é" * 24, "", f"schemata {'é' * 24} 42 20"),
    ],
)  # fmt: skip
def test_application_name(host: str, doing: str, expected: str) -> None:
    """The name fits the 63 bytes that PostgreSQL keeps; what does not fit is left out, never half an id."""
    found = deployer.Client(host, "ann", 42, "20250814T221815Z").application_name(doing)
    assert found == expected
    assert len(found.encode()) <= 63


H = lock_holder.Holder
OURS = "schemata ci-7 42 20250814T221815Z"


@cases.named(
    ("holder", "expected"),
    [
        ("all is hidden", H(7), "backend 7: application unknown (its query is hidden from this role)"),
        ("one of us", H(7, application=OURS, state="idle", query="COMMIT"),
         "backend 7: deployer on ci-7, pid 42, since 20250814T221815Z, idle: COMMIT"),
        ("one of us at work", H(7, application=f"{OURS} app.1.a", state="active", query="CREATE\n  TABLE t ()"),
         "backend 7: deployer on ci-7, pid 42, since 20250814T221815Z, applying app.1.a, active: CREATE TABLE t ()"),
        ("a stranger", H(7, "ann", "psql", "10.0.0.9", "2025-08-14T22:18:15Z", "idle in transaction", "SELECT 1"),
         "backend 7: psql, user ann, from 10.0.0.9, since 2025-08-14T22:18:15Z, idle in transaction: SELECT 1"),
        ("a stranger with our first word", H(7, application="schemata boot"),
         "backend 7: schemata boot (its query is hidden from this role)"),
        ("a long query is cut", H(7, application="psql", query="x" * 200),
         f"backend 7: psql: {'x' * 80}"),
    ],
)  # fmt: skip
def test_a_holder_is_described(holder: lock_holder.Holder, expected: str) -> None:
    """What is known is said in one line; what this role cannot see is called hidden, not left blank."""
    assert holder.describe() == expected


@pytest.mark.parametrize(
    ("attempt", "dice", "expected"),
    [(1, 1.0, 0.25), (2, 1.0, 0.5), (3, 0.5, 0.5), (7, 1.0, 10.0), (10_000, 1.0, 10.0), (5, 0.0, 0.0)],
)
def test_backoff(attempt: int, dice: float, expected: float) -> None:
    """The pause doubles up to its cap, and anything from nothing to all of it is slept."""
    assert lock_holder.backoff(attempt, 0.25, 10.0, lambda: dice) == expected
