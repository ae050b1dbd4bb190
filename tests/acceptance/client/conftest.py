"""What the tests of the typed client share."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def mypy_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder in which mypy keeps what it knows of the libraries: seconds of each run.

    Who uses it is of the group "mypy", so that one worker has it.
    """
    return tmp_path_factory.mktemp("mypy")
