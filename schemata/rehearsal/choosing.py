"""Which migrations are rehearsed, and what a database has before them."""

import dataclasses
from collections.abc import Collection, Sequence

from schemata import config, errors
from schemata.migrations import files, lock_file, lookup, migration
from schemata.rehearsal import aims
from schemata.system import git


@dataclasses.dataclass(frozen=True)
class Chosen:
    """The migrations in the order in which they run here; `ids` are those that are rehearsed. `why`, in words."""

    order: tuple[migration.Migration, ...]
    ids: frozenset[str]
    why: str

    @property
    def before(self) -> tuple[migration.Migration, ...]:
        """Return those that run before the first that is rehearsed."""
        first = next((number for number, item in enumerate(self.order) if item.id in self.ids), len(self.order))
        return self.order[:first]


def choose(
    settings: config.Config,
    sources: Sequence[migration.Migration],
    names: Collection[str],
    *,
    everything: bool,
    aim: aims.Aim | None,
) -> Chosen:
    """Return what is to be rehearsed: the named ones, else all, else what the target lacks, else what is not locked.

    The lock file is that of the last commit, so that one which was written for the new files already does not matter.
    """
    if names and everything:
        raise errors.ConfigError("--all and names of migrations exclude each other", "Give one of them.")
    if names:
        ids = frozenset(lookup.find(sources, name).id for name in names)
        return Chosen(_through(sources, ids), ids, "named")
    if everything:
        return Chosen(tuple(sources), frozenset(item.id for item in sources), "all")
    if aim is not None:
        return Chosen((*aim.applied, *aim.pending), frozenset(item.id for item in aim.pending), "pending on the target")
    locked = _locked(settings)
    if locked is None:
        return Chosen(tuple(sources), frozenset(item.id for item in sources), "all: there is no lock file")
    known = {id_: checksum for id_, (checksum, _) in locked.members.items()}
    new = tuple(item for item in sources if known.get(item.id) != item.checksum)
    old = tuple(item for item in sources if known.get(item.id) == item.checksum)
    return Chosen((*old, *new), frozenset(item.id for item in new), "not in the lock file of the last commit")


def _through(sources: Sequence[migration.Migration], ids: frozenset[str]) -> tuple[migration.Migration, ...]:
    last = max(number for number, item in enumerate(sources) if item.id in ids)
    return tuple(sources[: last + 1])


def _locked(settings: config.Config) -> lock_file.LockFile | None:
    """Return the lock file of the last commit; the one on disk where there is no repository."""
    path = settings.migrations / files.MANIFEST
    try:
        told = git.run(settings.migrations, "show", f"HEAD:./{files.MANIFEST}")
        if told.code == 0:
            return lock_file.parse(told.output)
        if git.run(settings.migrations, "rev-parse", "--verify", "HEAD").code == 0:
            return None
        return lock_file.parse(path.read_text(encoding="utf-8"))
    except (errors.NotAvailable, OSError, UnicodeDecodeError, ValueError):
        return None
