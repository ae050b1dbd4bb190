"""Cases as rows of data with a name: the name becomes the test's id, the rest its arguments."""

from collections.abc import Sequence
from typing import Any

import pytest


def named(arguments: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> pytest.MarkDecorator:
    """Return the mark that runs a test once for each row; a row's first item is its name."""
    return pytest.mark.parametrize(arguments, [pytest.param(*row[1:], id=row[0]) for row in rows])
