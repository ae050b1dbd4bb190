"""A change by its name, and how far it is by what the history records."""

import dataclasses
import difflib
from collections.abc import Collection, Mapping, Sequence

from schemata import errors
from schemata.migrations import migration
from schemata.migrations.groups import changes


@dataclasses.dataclass(frozen=True)
class Standing:
    """A change against what is applied."""

    change: changes.Change
    applied: frozenset[str]

    def left(self, *phases: str) -> tuple[migration.Migration, ...]:
        """Return the files of these phases that are not applied."""
        return tuple(item for item in self.change.of(*phases) if item.id not in self.applied)

    def done(self, *phases: str) -> tuple[migration.Migration, ...]:
        """Return the files of these phases that are applied."""
        return tuple(item for item in self.change.of(*phases) if item.id in self.applied)

    @property
    def phase(self) -> str:
        """Return how far it is, in a word."""
        if not self.done("expand", "backfill", "contract", "finish"):
            return "pending"
        if self.left("expand"):
            return "expanding"
        if not self.left("contract", "finish") and not self.left("backfill"):
            return "complete"
        if self.done("contract"):
            return "contracting" if self.left("contract") else "contracted"
        return "expanded" if self.left("backfill") or not self.change.of("backfill") else "backfilled"

    @property
    def is_breaking(self) -> bool:
        """Tell whether a contract that is to come breaks what the old version does."""
        return any(item.directives.breaking for item in self.left("contract"))


def find(sources: Sequence[migration.Migration], name: str) -> changes.Change:
    """Return a change by its name. Raises ConfigError where there is none, with the nearest."""
    known = changes.of(sources)
    if name in known:
        return known[name]
    if not known:
        hint = "No migration here has `-- change:`; `inv change-new` writes them."
    elif near := difflib.get_close_matches(name, known, 1, 0.6):
        hint = f"Did you mean {near[0]}? `inv changes` lists them."
    else:
        hint = "`inv changes` lists them."
    raise errors.ConfigError(f"there is no change {name!r}" if name else "which change is not said", hint)


def standing(change: changes.Change, applied: Collection[str]) -> Standing:
    """Return how far a change is."""
    return Standing(change, frozenset(applied).intersection(item.id for item in change.files))


def all_of(sources: Sequence[migration.Migration], applied: Collection[str]) -> Mapping[str, Standing]:
    """Return how far every change is, in the order of their first files."""
    return {id_: standing(change, applied) for id_, change in changes.of(sources).items()}
