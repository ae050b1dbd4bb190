"""The databases that the tests of this folder compare."""

from collections.abc import Iterator

import psycopg
import pytest

from schemata.server.embedded import binaries, server_state
from tests.integration.parity.test_cases import ROLES, TABLESPACE, Databases


@pytest.fixture(scope="session")
def databases(
    server: server_state.Server, programs: binaries.Binaries, admin: psycopg.Connection
) -> Iterator[Databases]:
    """Give what makes and reads the databases of the cases; the roles are made once."""
    for role in ROLES:
        admin.execute(f"CREATE ROLE {role}")
    admin.execute("SET allow_in_place_tablespaces = on")
    admin.execute(f"CREATE TABLESPACE {TABLESPACE} LOCATION ''")
    yield Databases(server, programs, admin)
    for name in (row[0] for row in admin.execute("SELECT datname FROM pg_database WHERE datname LIKE 'base\\_%'")):
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    admin.execute(f"DROP TABLESPACE {TABLESPACE}")
    for role in ROLES:
        admin.execute(f"DROP ROLE {role}")
