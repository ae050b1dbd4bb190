"""Which of the migrations that were applied last the release before them runs with.

The row that sums the history up has them in the order in which they were applied, each as its id, a colon and its
checksum; what is not compatible empties the list. So an old build, which has no file of them, finds its own digest by
taking them out of the history's, and knows that it may go on.
"""

from collections.abc import Callable

from schemata.migrations import checksums, migration

# More than a release has; the row is read at every start.
_MOST = 20
_ALWAYS = ("expand", "backfill")


def is_compatible(item: migration.Migration) -> bool:
    """Tell whether a migration says of itself that the release before it runs with it."""
    directives = item.directives
    return not directives.breaking and (directives.phase in _ALWAYS or bool(directives.change))


def after(listed: str, item: migration.Migration, *, proved: bool = False) -> str:
    """Return the list once a migration is applied; `proved` where the release before it was seen to run with it."""
    if not (proved or is_compatible(item)):
        return ""
    return " ".join([*listed.split(), f"{item.id}:{item.checksum}"][-_MOST:])


def without(listed: str, migration_id: str) -> str:
    """Return the list once a migration is rolled back."""
    return " ".join(one for one in listed.split() if one.partition(":")[0] != migration_id)


def ids(listed: str) -> frozenset[str]:
    """Return the ids in a list."""
    return frozenset(one.partition(":")[0] for one in listed.split())


def suits(listed: str, digest: str, fits: Callable[[str], bool]) -> bool:
    """Tell whether a build that `fits` some digests runs with a history of this digest and this list."""
    for one in reversed(listed.split()):
        if fits(digest):
            return True
        id_, _, checksum = one.partition(":")
        digest = checksums.remove(digest, id_, checksum)
    return fits(digest)
