"""One temporary server for the databases without rows, whichever version is under test elsewhere."""

from collections.abc import Iterator

import pytest

from schemata import config
from schemata.ghost import ghost
from schemata.migrations import files
from tests.conftest import REPOSITORY


@pytest.fixture(scope="module")
def platform_server() -> Iterator[ghost.Server]:
    """Run a server with the structure of the platform."""
    settings = config.load(REPOSITORY, {})
    with ghost.server(settings, files.read(settings.migrations, settings.schemas)) as running:
        yield running
