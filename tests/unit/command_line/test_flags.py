"""Values of flags, as they are typed."""

import pytest

from schemata import errors
from schemata.tasks import flags


def test_a_count_has_a_least() -> None:
    """What is left out is 0, which stands for the settings; what is typed must be enough."""
    assert (flags.count("", "--top", 1), flags.count("1", "--top", 1), flags.count("0", "--min-calls", 0)) == (0, 1, 0)
    for text in ("0", "-1"):
        with pytest.raises(errors.ConfigError, match=rf"^--top {text} is less than 1\n"):
            flags.count(text, "--top", 1)
    with pytest.raises(errors.ConfigError, match=r"--top 1\.5 is not a whole number"):
        flags.count("1.5", "--top", 1)
