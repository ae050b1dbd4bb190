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
    found.notes += _other_order(tree.folders())
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


def _other_order(names: list[str]) -> list[str]:
    """Return a note where release 7, which compares as people sort words, has another order than those before.

    Those compare bytes. There punctuation comes before digits and capital letters beside small ones, as in
    `20240101_b` and `20240101120000_a`.
    """
    other = sorted(names, key=lambda name: ([_rank(character) for character in name], name))
    differing = next(((a, b) for a, b in zip(names, other, strict=True) if a != b), None)
    if differing is None:
        return []
    return [f"Prisma 7 orders {differing[1]} before {differing[0]}, earlier releases after it: their order is taken"]


def _rank(character: str) -> tuple[int, str]:
    if not character.isalnum():
        return 0, ""
    return (1, character) if character.isdigit() else (2, character.lower())
