"""Which migrations are held: phases of a change that wait to be asked for, and what depends on them."""

import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence

from schemata.migrations import migration
from schemata.migrations.groups import changes


@dataclasses.dataclass(frozen=True)
class Seen:
    """What the database tells of the changes.

    :param through: the changes that go through all of their phases, because nobody uses their tables yet.
    :param kept: until when what a contract has set aside is kept, by change.
    """

    through: frozenset[str] = frozenset()
    kept: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Held:
    """Why a migration is not pending although it is not applied, and what to type."""

    text: str
    remedy: str


NOTHING_SEEN = Seen()


def held(
    files: Sequence[migration.Migration],
    applied: Collection[str],
    seen: Seen = NOTHING_SEEN,
    begun: Collection[str] = (),
) -> dict[str, Held]:
    """Return what of these files is held, by id, in their order.

    :param begun: ids of which a try was interrupted: they were asked for, so they are pending.
    """
    known = changes.of(files)
    if not known:
        return {}
    position = {item.id: number for number, item in enumerate(files)}
    found: dict[str, Held] = {}
    for item in files:
        if item.id in applied:
            continue
        change = known.get(item.directives.change)
        reason = None
        if change and change.id not in seen.through and item.id not in begun:
            reason = _of_phase(item, change, known, applied, seen, position)
        needed = next((need for need in item.directives.depends if need in found), "")
        if reason is None and needed:
            reason = Held(f"waits for {needed}, which is held", found[needed].remedy)
        if reason:
            found[item.id] = reason
    return found


def may_be_late(files: Sequence[migration.Migration]) -> frozenset[str]:
    """Return the ids of what may come after later migrations: phases of a change, and what needs them."""
    found: set[str] = set()
    for item in files:
        if item.directives.change or found.intersection(item.directives.depends):
            found.add(item.id)
    return frozenset(found)


def _of_phase(
    item: migration.Migration,
    change: changes.Change,
    known: Mapping[str, changes.Change],
    applied: Collection[str],
    seen: Seen,
    position: Mapping[str, int],
) -> Held | None:
    def left(*phases: str) -> bool:
        return any(one.id not in applied for one in change.of(*phases))

    phase = item.directives.phase
    if phase == "expand":
        other = _in_the_way(change, known, applied, seen, position)
        if other is None:
            return None
        table = next(name for name in change.tables if name in other.tables)
        return Held(f"waits for the change {other.id}, which is open on {table}", f"inv changes {other.id}")
    if phase == "backfill":
        return Held(f"the backfill of the change {change.id}, which waits to be asked for", _backfill(change))
    if phase == "contract":
        if left("backfill"):
            return Held(f"the contract of the change {change.id}, which comes after its backfill", _backfill(change))
        text = f"the contract of the change {change.id}, which waits to be asked for"
        return Held(text, f"inv change-contract {change.id}")
    if left("contract"):
        return Held(f"the last phase of the change {change.id}, which comes after its contract", _next(change, left))
    if until := seen.kept.get(change.id):
        text = f"the last phase of the change {change.id}: what its contract has set aside is kept until {until}"
        return Held(text, f"inv change-finish {change.id}; or bring it back: inv change-undo {change.id}")
    return None


def _backfill(change: changes.Change) -> str:
    return f"inv change-backfill {change.id}"


def _next(change: changes.Change, left: Callable[..., bool]) -> str:
    return _backfill(change) if left("backfill") else f"inv change-contract {change.id}"


def _in_the_way(
    change: changes.Change,
    known: Mapping[str, changes.Change],
    applied: Collection[str],
    seen: Seen,
    position: Mapping[str, int],
) -> changes.Change | None:
    """Return another change that is open on a table of this one, or will be when this run has come to it."""
    for other in known.values():
        done = [item.id in applied for item in other.files]
        if other.id == change.id or all(done) or other.id in seen.through or not {*change.tables} & {*other.tables}:
            continue
        if any(done) or position[other.files[0].id] < position[change.files[0].id]:
            return other
    return None
