"""The SQL that records a baseline of which a database has all that it replaces."""

import os

from schemata.history import recorded, stored, tables
from schemata.migrations import migration
from schemata.postgres import deployer, queries

_SQL = queries.load("squashed", os.path.join(os.path.dirname(os.path.dirname(__file__)), "queries"))


def create(history: str) -> str:
    """Return the SQL that makes the table where it is missing."""
    return _SQL["create"].format(history=queries.identifier(history), schema=queries.literal(history))


def record(history: str, item: migration.Migration, head: recorded.Head, who: deployer.Client, fingerprint: str) -> str:
    """Return the one statement that records a baseline without running it; it fails where the head has moved."""
    count = sum(not one.within for one in item.directives.replaces)
    values: dict[str, str | int | bool] = {
        "digest": head.digest,
        "yoyo_hash": tables.yoyo_hash(item.id),
        "id": item.id,
        "replaced": count,
        "user": who.user[:255],
        "host": who.host[:255],
        "comment": f"stands for {count} migrations that had run (inv squash)",
        "migration_schema": item.schema,
        "transactional": item.transactional,
        "checksum": item.checksum,
        "fingerprint": fingerprint,
        "sql": stored.pack(item.sql),
    }
    return _SQL["record"].format(
        history=queries.identifier(history), **{key: queries.literal(value) for key, value in values.items()}
    )
