"""The actions of a plan while they are put together, and what has to come before what."""

import dataclasses

from schemata.parity.fix import steps
from schemata.snapshot import model


@dataclasses.dataclass(frozen=True)
class Action:
    """One step of the plan.

    :param what: create, drop or alter.
    """

    what: str
    item: model.Item
    step: steps.Step


class Nodes:
    """The actions while they are put together: what has to come before what."""

    def __init__(self) -> None:
        self.actions: list[Action] = []
        #: Columns of tables that are created, whose default is set afterwards.
        self.deferred: set[steps.Key] = set()
        #: The actions that drop a column's default before the table is dropped.
        self.undefaulted: dict[steps.Key, int] = {}
        self.before: dict[int, set[int]] = {}
        #: The actions that create, drop or change an item; a part's may be its relation's.
        self.creating: dict[steps.Key, list[int]] = {}
        self.dropping: dict[steps.Key, int] = {}
        self.changing: dict[steps.Key, list[int]] = {}

    def add(self, what: str, item: model.Item, step: steps.Step) -> int:
        """Add an action and return its number."""
        self.actions.append(Action(what, item, step))
        self.before[len(self.actions) - 1] = set()
        return len(self.actions) - 1

    def edge(self, first: int, second: int) -> None:
        """Have one action come before another."""
        if first != second:
            self.before[second].add(first)

    def ready(self, key: steps.Key) -> list[int]:
        """Return the actions after which an item is there as others need it."""
        return [
            number
            for number in [*self.creating.get(key, ()), *self.changing.get(key, ())]
            if not self.actions[number].step.late
        ]
