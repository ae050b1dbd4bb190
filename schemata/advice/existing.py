"""The indexes that there are: those that nothing reads, and those of which another one does all. Pure."""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence

from schemata.advice import candidates
from schemata.remedies import remedy


@dataclasses.dataclass(frozen=True)
class Index:
    """An index of the target.

    :param keys: its columns as text, with DESC. :param kinds: operator class and collation of each.
    :param is_constraint: unique, or a constraint's. :param is_identity: replication or CLUSTER goes by it.
    :param scans: how often it was read since `window`; None for one of a partitioned table.
    """

    schema: str
    table: str
    name: str
    definition: str
    method: str
    keys: tuple[str, ...]
    kinds: tuple[str, ...] = ()
    included: tuple[str, ...] = ()
    predicate: str = ""
    is_constraint: bool = False
    is_identity: bool = False
    is_valid: bool = True
    is_of_partitions: bool = False
    foreign_key: str = ""
    scans: int | None = None
    size: int = 0

    @property
    def full_name(self) -> str:
        """Return its name with the schema, as it is written."""
        return f"{remedy.name(self.schema)}.{remedy.name(self.name)}"

    @property
    def drop(self) -> str:
        """Return the statement that drops it."""
        return f"DROP INDEX CONCURRENTLY IF EXISTS {self.full_name}"


@dataclasses.dataclass(frozen=True)
class Unneeded:
    """An index that can go, and why. `covered_by` is the one that does all that it does; else nothing reads it."""

    index: Index
    covered_by: str = ""
    is_same: bool = False

    @property
    def reason(self) -> str:
        """Return why, in words."""
        if not self.covered_by:
            return "nothing has read it"
        return f"{'the same as' if self.is_same else 'its columns are the first ones of'} {self.covered_by}"


def covered(indexes: Sequence[Index], declared: frozenset[str]) -> Iterator[Unneeded]:
    """Give each index of which another, that stays, does all. `declared` are names that pages ask for."""
    gone: set[Index] = set()
    # The short ones first, and of equal ones the last by name: what covers it is then still there.
    for index in sorted(indexes, key=lambda one: (-len(one.keys), one.name), reverse=True):
        if _may_go(index, declared) and any(
            other not in gone and other is not index and _covers(other, index) for other in indexes
        ):
            gone.add(index)
    for index in indexes:
        if index in gone:
            others = [other for other in indexes if other not in gone and _covers(other, index)]
            best = min(others, key=lambda one: (len(one.keys), not one.is_constraint, one.name))
            yield Unneeded(index, best.full_name, len(best.keys) == len(index.keys))


def unused(indexes: Sequence[Index], declared: frozenset[str]) -> Iterator[Unneeded]:
    """Give each index that no statement has read, and that is for nothing else.

    One of two that serve the same queries is not read only because the other one is.
    """
    taken = [index for index in indexes if index.scans]
    for index in indexes:
        if any(_covers(index, other) for other in taken):
            continue
        if index.scans == 0 and not index.foreign_key and _may_go(index, declared):
            yield Unneeded(index)


def covered_by(candidate: candidates.Candidate, indexes: Iterable[Index]) -> tuple[Index, ...]:
    """Return the existing indexes that a new one makes needless."""
    return tuple(
        index
        for index in indexes
        if (index.schema, index.table) == candidate.table
        and _may_go(index, frozenset())
        and index.method == candidate.method
        and not index.predicate
        and not index.included
        and candidates.unquoted(index.keys) == candidate.texts[: len(index.keys)]
    )


def _may_go(index: Index, declared: frozenset[str]) -> bool:
    needed = index.is_constraint or index.is_identity or index.is_of_partitions
    return index.is_valid and not needed and index.name not in declared


def _covers(other: Index, index: Index) -> bool:
    if (other.schema, other.table, other.method, other.predicate) != (
        index.schema,
        index.table,
        index.method,
        index.predicate,
    ):
        return False
    length = len(index.keys)
    if not other.is_valid or other.kinds[:length] != index.kinds:
        return False
    # Read from its end an index has the opposite order.
    if index.keys not in (other.keys[:length], candidates.turned(other.keys[:length])):
        return False
    if len(other.keys) > length and index.method != "btree":
        return False
    return set(index.included) <= {*other.keys, *other.included}
