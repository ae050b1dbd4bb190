"""Which backups are no longer kept."""

import datetime
from collections.abc import Sequence

from schemata.backups import manifest


def superseded(
    backups: Sequence[manifest.Manifest], source: str, now: datetime.datetime, *, keep_last: int, keep_days: int
) -> list[manifest.Manifest]:
    """Return the backups of a database that may go: neither of the newest `keep_last` nor younger than `keep_days`.

    The newest verified one of each database stays, whatever its age; so do those of other databases.
    """
    own = sorted((one for one in backups if one.source == source), key=lambda one: one.taken_at, reverse=True)
    verified = next((one for one in own if one.is_verified), None)
    limit = now - datetime.timedelta(days=keep_days)
    return [one for one in own[keep_last:] if one is not verified and taken_at(one) < limit]


def taken_at(backup: manifest.Manifest) -> datetime.datetime:
    """Return when a backup was taken."""
    return datetime.datetime.fromisoformat(backup.taken_at)


def age(backup: manifest.Manifest, now: datetime.datetime) -> str:
    """Return how old a backup is, in words."""
    seconds = max(0, int((now - taken_at(backup)).total_seconds()))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def size(count: int) -> str:
    """Return a size as people read it.

    >>> size(900), size(29_360_128)
    ('900 B', '28.0 MiB')
    """
    amount = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{count} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def space_needed(last: int, database: int) -> int:
    """Return how many bytes have to be free for a backup: by the size of the last one, and of what is backed up."""
    return max(int(last * 1.2), database // 2)
