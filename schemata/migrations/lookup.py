"""A schema or a migration by its name, or a refusal that names the nearest one."""

import difflib
from collections.abc import Sequence

from schemata import config, errors
from schemata.migrations import migration


def check_schema(settings: config.Config, schema: str) -> None:
    """Refuse a schema that is not one of the project's; the empty text means all."""
    if schema and schema not in settings.schemas:
        raise errors.ConfigError(
            f"there is no schema {schema} in [tool.schemata]", f"Known: {', '.join(settings.schemas)}."
        )


def find(sources: Sequence[migration.Migration], migration_id: str) -> migration.Migration:
    """Return the migration of that id, or refuse with the nearest one."""
    for item in sources:
        if item.id == migration_id:
            return item
    near = difflib.get_close_matches(migration_id, [item.id for item in sources], n=1, cutoff=0.4)
    raise errors.ConfigError(
        f"there is no migration {migration_id}",
        f"Did you mean {near[0]}?" if near else "`inv migrate-status` lists them.",
    )
