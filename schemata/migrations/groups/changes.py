"""Migrations that are the phases of one change: expand, backfill, contract, and finish."""

import dataclasses
import itertools
from collections.abc import Iterable, Mapping, Sequence

from schemata.migrations import checksums, leading_comment, migration

# A boot without the engine knows the digests of this many of the newest changes in every state: four states each.
_KNOWN_TO_A_BOOT = 3


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """The migrations that share a `-- change:`, in their order."""

    id: str
    tables: tuple[str, ...]
    files: tuple[migration.Migration, ...]

    def of(self, *phases: str) -> tuple[migration.Migration, ...]:
        """Return the files of these phases."""
        return tuple(item for item in self.files if item.directives.phase in phases)

    @property
    def phases(self) -> tuple[str, ...]:
        """Return the phases that it has, in their order."""
        return tuple(dict.fromkeys(item.directives.phase for item in self.files))

    @property
    def since(self) -> str:
        """Return the time of its first file: a build that is older knows nothing of the change."""
        return min(item.timestamp for item in self.files)


def of(items: Iterable[migration.Migration]) -> dict[str, Change]:
    """Return the changes of these files by name, each with its files in the one order of `items`.

    Raises InvalidMigration for one without an expand, without tables, or whose phases are not in their order.
    """
    files: dict[str, list[migration.Migration]] = {}
    for item in items:
        if item.directives.change:
            files.setdefault(item.directives.change, []).append(item)
    return {id_: _checked(id_, found) for id_, found in files.items()}


def _checked(id_: str, files: Sequence[migration.Migration]) -> Change:
    order = [leading_comment.PHASES.index(item.directives.phase) for item in files]
    first = files[0]
    if order[0] != 0:
        raise migration.InvalidMigration(
            first.path,
            0,
            f"it is the {first.directives.phase} of the change {id_}, which has no expand before it",
            "A change begins with a migration of `-- phase: expand`; `inv change-new` writes all of them.",
        )
    for before, item in itertools.pairwise(files):
        if leading_comment.PHASES.index(before.directives.phase) > leading_comment.PHASES.index(item.directives.phase):
            raise migration.InvalidMigration(
                item.path,
                0,
                f"it is of the phase {item.directives.phase}, but comes after {before.id}, the "
                f"{before.directives.phase} of the same change {id_}",
                "The order is expand, backfill, contract, finish: name the file later, or add `-- depends:`.",
            )
    if len([item for item in files if item.directives.phase == "backfill"]) > 1:
        raise migration.InvalidMigration(
            files[-1].path, 0, f"the change {id_} has two backfills", "Make two changes of it, or one UPDATE."
        )
    tables = tuple(dict.fromkeys(table for item in files for table in item.directives.tables))
    if not tables:
        raise migration.InvalidMigration(
            first.path,
            0,
            f"no file of the change {id_} says which tables it is about",
            "Write them into the expand, so that two changes of one table exclude each other: "
            f"-- tables: {first.schema}.name",
        )
    return Change(id_, tables, tuple(files))


def held_forms(items: Sequence[migration.Migration]) -> tuple[str, ...]:
    """Return the digests of a database that has all of these but phases of a change that are not asked for yet.

    Of the newest changes only; the whole engine is asked where more of them are open.
    """
    known = sorted(of(items).values(), key=lambda change: change.since)[-_KNOWN_TO_A_BOOT:]
    whole = checksums.of([(item.id, item.checksum) for item in items])
    found = []
    for left in itertools.product(*(_left(change) for change in known)):
        digest = whole
        for item in itertools.chain.from_iterable(left):
            digest = checksums.remove(digest, item.id, item.checksum)
        found.append(digest)
    return tuple(digest for digest in dict.fromkeys(found) if digest != whole)


def _left(change: Change) -> list[tuple[migration.Migration, ...]]:
    """Return what may be left of a change: nothing, or a tail of its files that begins with a phase."""
    starts = [
        number
        for number, item in enumerate(change.files)
        if number and item.directives.phase != change.files[number - 1].directives.phase
    ]
    return [(), *(change.files[start:] for start in starts)]


def by_table(changes: Mapping[str, Change]) -> dict[str, list[Change]]:
    """Return the changes by the table that they are about."""
    found: dict[str, list[Change]] = {}
    for change in changes.values():
        for table in change.tables:
            found.setdefault(table, []).append(change)
    return found
