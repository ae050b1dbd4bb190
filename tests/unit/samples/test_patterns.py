"""Made-up values fit the plain regular expressions that checks are made of."""

import re

import pytest

from schemata.samples import patterns


@pytest.mark.parametrize(
    "pattern",
    [
        "^[A-Z]{2}$",
        "^[0-9a-f]{64}$",
        "^[a-z0-9]{8}$",
        r"^\d{4}-\d{2}$",
        "^(draft|sent|paid)$",
        "^[^@[:space:]]+@[^@]+$",
        "^[a-z][a-z0-9_]*$",
        r"^https?://",
        "^a.c$",
        r"^\+[1-9][0-9]{6,14}$",
    ],
)
@pytest.mark.parametrize("row", [1, 2, 3])
def test_an_example_is_accepted(pattern: str, row: int) -> None:
    """Python's own engine accepts it too."""
    made = patterns.example(pattern, row)
    assert re.search(pattern.replace("[:space:]", r"\s"), made), made
