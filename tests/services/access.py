"""API keys for tests: stored in a database as they are, without the commands that make them for people."""

import contextlib
import secrets
from collections.abc import Sequence

import psycopg

from schemata.postgres import urls
from services.api_keys import keys

#: What the tests' own client sends unless a test says otherwise; stored where a service is started on a database.
KEY = keys.of_text("sk_testtest_" + 40 * "T")

_STORE = """
WITH made AS (
    INSERT INTO public.users (email, display_name, role, status)
    VALUES (%(tag)s || '@example.com', %(tag)s, 'service', 'active')
    RETURNING id
)
INSERT INTO public.api_keys (user_id, name, prefix, key_hash, scopes, expires_at)
SELECT id, %(tag)s, %(prefix)s, %(hash)s, %(scopes)s, now() + %(lasts)s::interval FROM made
RETURNING user_id, id
"""


def store(
    url: str, made: keys.Made, scopes: Sequence[str] = keys.SCOPES, lasts: str | None = None
) -> tuple[int, int, str]:
    """Store a key of a new user; return the ids of user and key, and the key's name."""
    tag = f"key-{secrets.token_hex(6)}"
    values = {"tag": tag, "prefix": made.prefix, "hash": made.hash, "scopes": list(scopes), "lasts": lasts}
    with psycopg.connect(urls.normalise(url)[0], autocommit=True, connect_timeout=2) as connection:
        row = connection.execute(_STORE, values).fetchone()
    assert row is not None
    return row[0], row[1], tag


def store_own(url: str) -> None:
    """Store KEY where it is not stored, unless the database is away or not migrated, or the account may not."""
    known = (psycopg.errors.UniqueViolation, psycopg.errors.UndefinedTable, psycopg.errors.InsufficientPrivilege)
    with contextlib.suppress(psycopg.OperationalError, *known):
        store(url, KEY)
