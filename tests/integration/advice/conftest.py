"""A server that counts its statements, and shops whose queries lack indexes."""

from collections.abc import Iterator

import psycopg
import pytest

from schemata.postgres import urls
from schemata.server.embedded import binaries, instance, server_state


@pytest.fixture(scope="session")
def collecting(programs: binaries.Binaries) -> Iterator[server_state.Server]:
    """Run a server that counts what its statements take."""
    with instance.temporary(programs, settings={"shared_preload_libraries": "pg_stat_statements"}) as server:
        with psycopg.connect(urls.with_database(server.url, "postgres"), autocommit=True) as connection:
            connection.execute("CREATE EXTENSION pg_stat_statements")
        yield server
