"""What a role that is no superuser may do, and what one is told that may not."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from schemata import config, errors
from schemata.postgres import urls
from schemata.seed import outcome, seed
from schemata.server.embedded import server_state

TABLES = """
CREATE SCHEMA app;
CREATE TABLE app.shops (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL UNIQUE);
CREATE TABLE app.sales (id bigserial PRIMARY KEY, shop_id bigint NOT NULL REFERENCES app.shops);
"""


@pytest.fixture
def role(server: server_state.Server, admin: psycopg.Connection, database: str) -> Iterator[str]:
    """Give the URL of a database to a role that is no superuser."""
    name = f"seeder_{urls.database_of(database)}"
    admin.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'x'")  # type: ignore[arg-type]
    yield database.replace(database.split("//")[1].split("@")[0], f"{name}:x")
    admin.execute(f'DROP DATABASE "{urls.database_of(database)}" WITH (FORCE)')  # type: ignore[arg-type]
    admin.execute(f"DROP ROLE {name}")  # type: ignore[arg-type]


def _seed(url: str, rows: int) -> outcome.Seeded:
    settings = config.parse({"schemas": ["app"]}, Path.cwd(), {})
    return seed.seed(settings, url=url, wanted=rows, confirm=urls.database_of(url))


def test_an_owner_fills_by_batches(role: str, database: str, admin: psycopg.Connection) -> None:
    """A role that owns the tables need be no superuser: the server looks at every key."""
    name = role.split("//")[1].split(":")[0]
    admin.execute(f'GRANT CREATE ON DATABASE "{urls.database_of(database)}" TO {name}')  # type: ignore[arg-type]
    with psycopg.connect(role) as connection:
        connection.execute(TABLES)
    assert _seed(role, 25_000).ok
    with psycopg.connect(role) as connection:
        assert connection.execute("SELECT count(*), count(DISTINCT id) FROM app.sales").fetchone() == (25_000, 25_000)


@pytest.mark.parametrize(
    "granted", ["", "GRANT USAGE ON SCHEMA app TO {0}; GRANT SELECT ON ALL TABLES IN SCHEMA app TO {0}"]
)
def test_a_role_that_may_not_is_told(role: str, database: str, granted: str) -> None:
    """A privilege that lacks is an error in words: nothing is written."""
    name = role.split("//")[1].split(":")[0]
    with psycopg.connect(database) as connection:
        connection.execute(TABLES + granted.format(name))  # type: ignore[arg-type]
    if granted:
        found = _seed(role, 50)
        assert "permission denied for table shops" in {one.reason for one in found.problems}
    else:
        with pytest.raises(errors.Error, match="permission denied"):
            _seed(role, 50)
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM app.shops").fetchone() == (0,)
