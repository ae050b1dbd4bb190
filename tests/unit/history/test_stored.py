"""The text of a migration as the history keeps it."""

import pytest

from schemata.history import stored


@pytest.mark.parametrize("sql", ["", "SELECT 'é';\n", "SELECT '🐘';\n" * 300_000], ids=["empty", "small", "large"])
def test_it_comes_back_as_it_was(sql: str) -> None:
    """Small texts are kept as they are, for anyone who reads the table; large ones are packed."""
    packed = stored.pack(sql)
    assert stored.unpack(packed) == sql
    assert (packed == sql) is (len(sql) < 1_000_000)
    assert len(packed) <= max(len(sql) / 10, 100)


def test_what_nobody_asks_for_is_left_out() -> None:
    """Of a large text of a failed try only the size is kept."""
    assert stored.unpack(stored.left_out("SELECT 1;")) == "SELECT 1;"
    assert stored.left_out("x" * 2_000_000) == "schemata:left-out:2000000"
    assert stored.unpack(stored.left_out("x" * 2_000_000)) is None
