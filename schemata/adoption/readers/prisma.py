"""Prisma Migrate: a folder a migration with `migration.sql` in it, `migration_lock.toml` beside them.

Folders count, files do not; the order is that of the folders' names; the whole name is the identity in the ledger. A
folder without `migration.sql` stops a deploy (P3015), so it stops us. Prisma has no down files: teams keep `down.sql`
beside, as its guide on down migrations shows.
"""

import re

from schemata.adoption import model
from schemata.adoption.formats import digests, scripts

_PROVIDER = re.compile(r"^\s*provider\s*=\s*\"([^\"]*)\"", re.MULTILINE)


def read(tree: model.Tree) -> model.History:
    """Return what the folder `prisma/migrations` holds."""
    lock = tree.files.get("migration_lock.toml", b"").decode("utf-8", "replace")
    provider = _PROVIDER.search(lock)
    if provider and provider[1] not in ("postgresql", "postgres"):
        raise model.UnreadHistory(
            f"{tree.named('migration_lock.toml')} says provider {provider[1]!r}: these migrations are not PostgreSQL's",
            "Name the folder of the migrations for PostgreSQL.",
        )
    found = scripts.Collected()
    for name in tree.folders():
        path = f"{name}/migration.sql"
        if path not in tree.files:
            found.add(model.Unreadable(name, name, name, "the folder has no migration.sql"))
            continue
        down = f"{name}/down.sql"
        found.add(
            scripts.make(
                tree,
                "prisma",
                name,
                path,
                down_path=down if down in tree.files else "",
                checksums=digests.prisma(tree.files[path]),
            )
        )
    return found.history("prisma", tree)
