"""The order of actions: what is needed comes first, and what goes into one file stays together."""

import heapq
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from schemata import errors


class Place(NamedTuple):
    """Where an action belongs.

    :param file: the number and name of the schema whose file it is in, and whether its statements are transactions
        of their own; None for an action without statements.
    :param rank: where nothing else decides.
    """

    file: tuple[int, str, bool] | None
    rank: tuple[object, ...]


class Group(NamedTuple):
    """Actions of one file, by number, in their order."""

    schema: str
    alone: bool
    numbers: tuple[int, ...]


class Circle(errors.MigrationError):
    """Actions wait for each other."""

    def __init__(self, numbers: Sequence[int], described: Sequence[str] = ()) -> None:
        which = "; ".join(described) or f"{len(numbers)} of the changes"
        super().__init__(
            f"{which}: these need each other, so there is no order for them, and nothing was written",
            "Write this part of the migration by hand (inv migrate-new), or leave it out: --ignore kind:schema.name",
        )
        self.numbers = tuple(numbers)


def grouped(before: Mapping[int, AbstractSet[int]], places: Sequence[Place]) -> tuple[Group, ...]:
    """Return the actions in an order that has everything behind what it needs, in as few groups as it finds.

    Raises Circle where there is no such order.

    >>> here, there = (Place((0, "app", False), (rank,)) for rank in (2, 1))
    >>> [group.numbers for group in grouped({0: set(), 1: {0}}, [here, there])]
    [(0, 1)]
    """
    found = [_grouped(before, places, first) for first in (False, True)]
    return min(found, key=len)


def _grouped(before: Mapping[int, AbstractSet[int]], places: Sequence[Place], alone_first: bool) -> tuple[Group, ...]:
    waiting = {number: len(needs) for number, needs in before.items()}
    followers: dict[int, list[int]] = {}
    for number, needs in before.items():
        for need in needs:
            followers.setdefault(need, []).append(number)
    ready: dict[tuple[int, str, bool] | None, list[tuple[tuple[object, ...], int]]] = {}

    def release(number: int) -> None:
        heapq.heappush(ready.setdefault(places[number].file, []), (places[number].rank, number))

    for number, count in waiting.items():
        if not count:
            release(number)
    groups: list[Group] = []
    here: tuple[int, str, bool] | None = None
    taken: list[int] = []
    done = 0
    while ready:
        if None in ready:
            file = None
        elif here in ready:
            file = here
        else:
            if taken and here is not None:
                groups.append(Group(here[1], here[2], tuple(taken)))
                taken = []
            here = file = min(
                (file for file in ready if file is not None), key=lambda file: (file[2] != alone_first, file[0])
            )
        _, number = heapq.heappop(ready[file])
        if not ready[file]:
            del ready[file]
        taken.append(number)
        done += 1
        for follower in followers.get(number, ()):
            waiting[follower] -= 1
            if not waiting[follower]:
                release(follower)
    if done < len(before):
        raise Circle(_circle(before, {number for number, count in waiting.items() if count}))
    if taken:
        file = here or (0, "", False)
        groups.append(Group(file[1], file[2], tuple(taken)))
    return tuple(groups)


def _circle(before: Mapping[int, AbstractSet[int]], waiting: AbstractSet[int]) -> list[int]:
    """Return actions that wait for each other, and none that only wait for these.

    >>> _circle({0: {1}, 1: {2}, 2: {1}}, {0, 1, 2})
    [1, 2]
    """
    path = [min(waiting)]
    while True:
        ahead = min(before[path[-1]] & waiting)
        if ahead in path:
            return path[path.index(ahead) :]
        path.append(ahead)
