"""The files of yoyo's migrations as ours: read, checked and hashed by the same rules, under any name."""

import contextlib
import dataclasses
import os
from collections.abc import Iterable, Sequence
from typing import Any

from schemata.migrations import files, migration, python_files

#: What yoyo runs after each run that applied something; it is not recorded.
POST_APPLY = "post-apply"


def read(theirs: Any, schema: str, schemas: Sequence[str]) -> migration.Migration:
    """Return one of yoyo's migrations as ours.

    An id of three parts says its schema. Any other name, which yoyo takes too, belongs to `schema`.
    """
    path = os.path.abspath(theirs.path)
    timestamp, slug = "", theirs.id
    with contextlib.suppress(migration.InvalidMigration):
        named, timestamp, slug = migration.parse_id(theirs.id, path)
        if not schemas or named in schemas:
            schema = named
    beside = "" if python_files.is_python(path) else f"{path.removesuffix('.sql')}{files.ROLLBACK}"
    return files.made_of(path, theirs.id, schema, timestamp, slug, beside if os.path.exists(beside) else "")


def in_order(items: Iterable[migration.Migration]) -> tuple[migration.Migration, ...]:
    """Return these in the engine's one order; what they need of others is for the history to have."""
    by_id = {item.id: item for item in items}
    alone = [
        dataclasses.replace(
            item,
            directives=dataclasses.replace(
                item.directives, depends=tuple(need for need in item.directives.depends if need in by_id)
            ),
        )
        for item in by_id.values()
    ]
    return tuple(by_id[item.id] for item in migration.order(alone))
