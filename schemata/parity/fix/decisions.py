"""What is to be done with each item: created, dropped, changed, made again because of others, or refused."""

import dataclasses

from schemata.parity import diff
from schemata.parity.fix import statements, steps, structure
from schemata.snapshot import kinds, model

#: What PostgreSQL does not let stand while the type of a column that it reads changes.
_READS = ("view", "materialized view", "rule", "policy", "trigger", "function", "procedure", "publication")
#: What a column needs through its default, and not as its type.
OF_DEFAULTS = ("function", "aggregate", "operator", "sequence", "cast", "text search configuration")
_RELATIONS = ("table", "foreign table", "view", "materialized view", "sequence", "index", "composite type")
_TYPES = ("enum", "domain", "range type", "base type", "shell type", "composite type", "table", "foreign table",
          "view", "materialized view")  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Refused:
    """A difference, or a part of one, that stays.

    :param change: missing, extra or changed, as of the difference.
    :param facts: of a changed one, what stays different.
    """

    item: model.Item
    change: str
    facts: frozenset[str]
    reason: str
    sql: tuple[str, ...] = ()


@dataclasses.dataclass
class Decisions:
    """What is done: keys by what becomes of them."""

    creates: set[steps.Key]
    drops: set[steps.Key]
    changes: dict[steps.Key, list[steps.Step]]
    suspended: set[steps.Key]
    refused: dict[tuple[str, steps.Key], Refused]
    #: Indexes and constraints that differ in nothing but the name: by the one that is there, the one that is expected.
    renamed: dict[steps.Key, steps.Key]


class Deciding:
    """One decision about everything: what is refused makes more refused, until nothing is added."""

    def __init__(self, expected: structure.Structure, actual: structure.Structure, world: steps.World) -> None:
        self._expected, self._actual, self._world = expected, actual, world
        self._users = actual.users()
        self._refused: dict[tuple[str, steps.Key], Refused] = {}
        self._missing = {key for key in expected.items if key not in actual.items}
        self._extra = {key for key in actual.items if key not in expected.items}
        self._renamed = self._only_names()
        self._extra -= self._renamed.keys()
        self._missing -= set(self._renamed.values())
        self._changed = {
            key: changed
            for key, item in expected.items.items()
            if key in actual.items and (changed := _changed(item, actual.items[key]))
        }
        self._outcomes = {
            key: statements.change(expected.items[key], actual.items[key], changed, world)
            for key, changed in self._changed.items()
        }
        self._replaced = {
            key for key, made in self._outcomes.items() if any(isinstance(o, steps.Replace) for o in made)
        }

    def decide(self) -> Decisions:
        """Return the decisions."""
        self._refuse_losses()
        self._refuse_creations()
        while True:
            before = len(self._refused)
            going = self._going()
            again, suspended, cause = self._made_again(going)
            creates = {key for key in self._missing if ("create", key) not in self._refused}
            creates |= again | (self._replaced & going)
            self._check_needs(creates, going | again, again, cause)
            if len(self._refused) == before:
                break
        drops = going | again
        changes = {
            key: [outcome for outcome in made if isinstance(outcome, steps.Step)]
            for key, made in self._outcomes.items()
            if key not in drops and ("change", key) not in self._refused
        }
        self._partial(drops)
        return Decisions(creates, drops, changes, suspended - creates, self._refused, self._renamed)

    def _only_names(self) -> dict[steps.Key, steps.Key]:
        """Return which index or constraint is expected under another name: it is renamed, not built again."""
        alike: dict[tuple[object, ...], tuple[list[steps.Key], list[steps.Key]]] = {}
        for number, (keys, items) in enumerate(
            ((self._extra, self._actual.items), (self._missing, self._expected.items))
        ):
            for key in keys:
                item = items[key]
                relation = (item.schema, "table", "", item.of)
                there = relation in self._actual.items and relation in self._expected.items
                if there and item.kind in ("index", "constraint") and "NO INHERIT" not in item.facts["definition"]:
                    found = alike.setdefault((item.schema, item.kind, item.of, *sorted(item.facts.items())), ([], []))
                    found[number].append(key)
        names = {name for item in self._actual.items.values() for name in taken_names(item)}
        return {
            gone[0]: new[0]
            for gone, new in alike.values()
            if len(gone) == len(new) == 1
            and not names.intersection(taken_names(self._expected.items[new[0]]))
            and not self._expected.items[new[0]].facts["definition"].startswith("CHECK")
        }

    def _refuse(self, action: str, key: steps.Key, reason: str, sql: tuple[str, ...] = ()) -> None:
        side = self._actual if action == "drop" else self._expected
        change = {"drop": "extra", "create": "missing"}.get(action, "changed")
        facts = self._changed.get(key, frozenset()) if change == "changed" else frozenset()
        self._refused.setdefault((action, key), Refused(side.items[key], change, facts, reason, sql))

    def _refuse_losses(self) -> None:
        for key in sorted(self._extra):
            item = self._actual.items[key]
            relation = self._world.whole(item, actual=True)
            if relation is not None and relation.key in self._extra:
                continue
            outcome = statements.drop(item, self._world)
            if isinstance(outcome, steps.Refusal):
                self._refuse("drop", key, outcome.reason, outcome.sql)

    def _refuse_creations(self) -> None:
        for key in sorted(self._missing):
            for outcome in statements.create(self._expected.items[key], self._world):
                if isinstance(outcome, steps.Refusal) and not outcome.facts:
                    self._refuse("create", key, outcome.reason, outcome.sql)
                elif isinstance(outcome, steps.Refusal):
                    found = Refused(self._expected.items[key], "changed", outcome.facts, outcome.reason, outcome.sql)
                    self._refused.setdefault(("part", key), found)

    def _going(self) -> set[steps.Key]:
        """Return what is dropped for its own sake: extra ones with their parts, and those that are made again."""
        going: set[steps.Key] = set()
        for key in self._extra:
            relation = self._world.whole(self._actual.items[key], actual=True)
            of_extra = relation is not None and relation.key in self._extra
            if ("drop", relation.key if of_extra and relation is not None else key) not in self._refused:
                going.add(key)
        # The sequence of an identity column that stays stays with it.
        going -= {
            key
            for key in going
            for column in self._actual.needs[key]
            if key[1] == "sequence" and column[1] == "column" and column in self._extra - going
        }
        return going | {key for key in self._replaced if ("change", key) not in self._refused}

    def _made_again(self, going: set[steps.Key]) -> tuple[set[steps.Key], set[steps.Key], dict[steps.Key, steps.Key]]:
        again: set[steps.Key] = set()
        suspended: set[steps.Key] = set()
        cause: dict[steps.Key, steps.Key] = {}
        queue = sorted(going)
        for key in self._retyped():
            for user in sorted(self._users.get(key, ())):
                if user not in going | again and self._reads(user, key):
                    self._again(user, key, key, again, cause, queue)
        while queue:
            key = queue.pop()
            root = cause.get(key, key)
            for user in sorted(self._users.get(key, ())):
                if user in going or user in again:
                    continue
                if not self._let_go(user, key, again):
                    relation = self._world.whole(self._actual.items[user], actual=True)
                    goes_along = relation is not None and relation.key in going | again
                    if goes_along and user in self._expected.items:
                        self._again(user, key, root, again, cause, queue, sure=True)
                    elif self._by_default(user, key):
                        suspended.add(user)
                    else:
                        self._again(user, key, root, again, cause, queue)
        return again, suspended, cause

    def _again(
        self,
        user: steps.Key,
        key: steps.Key,
        root: steps.Key,
        again: set[steps.Key],
        cause: dict[steps.Key, steps.Key],
        queue: list[steps.Key],
        *,
        sure: bool = False,
    ) -> None:
        """Note that something is made again because of another; where it cannot be, the cause is refused."""
        if user in self._expected.items and (sure or self._can_be_again(user)):
            again.add(user)
            cause[user] = root
            queue.append(user)
            return
        item = self._actual.items[root]
        subject = diff.subject(self._actual.items[user])
        sql = self._advice(root)
        through = "" if key == root else f" (through {diff.subject(self._actual.items[key])})"
        reason = f"{subject} needs it{through}, and cannot be dropped without loss"
        action = "drop" if item.key in self._extra else "change"
        if action == "drop":
            relation = self._world.whole(item, actual=True)
            root = relation.key if relation is not None and relation.key in self._extra else root
        self._refuse(action, root, reason, sql)

    def _advice(self, key: steps.Key) -> tuple[str, ...]:
        """Return what a person may run who has seen to the rest."""
        if key in self._extra:
            outcome = statements.drop(self._actual.items[key], self._world)
            return outcome.sql if isinstance(outcome, steps.Step | steps.Refusal) else ()
        if key in self._replaced:
            drop = statements.drop(self._actual.items[key], self._world)
            create = statements.create(self._expected.items[key], self._world)
            parts = [drop, *create[:1]]
            return tuple(text for part in parts if isinstance(part, steps.Step | steps.Refusal) for text in part.sql)
        made = self._outcomes.get(key, [])
        return tuple(text for part in made if isinstance(part, steps.Step | steps.Refusal) for text in part.sql)

    def _can_be_again(self, key: steps.Key) -> bool:
        item = self._actual.items[key]
        if item.kind == "column":
            relation = self._world.whole(item, actual=True)
            of_view = relation is not None and relation.kind in ("view", "materialized view", "foreign table")
            return of_view or "generated" in item.facts
        if item.kind == "sequence":
            return False
        return item.kind in statements.AGAIN and statements.fits_a_file(self._expected.items[key])

    def _let_go(self, user: steps.Key, key: steps.Key, again: set[steps.Key]) -> bool:
        """Tell whether something that stays no longer needs another when that is dropped: it is changed before."""
        if user not in self._changed or user in self._replaced or ("change", user) in self._refused:
            return False
        if key in self._expected.needs.get(user, ()):
            return False
        return not any(isinstance(outcome, steps.Refusal) for outcome in self._outcomes[user])

    def _by_default(self, user: steps.Key, key: steps.Key) -> bool:
        item = self._actual.items[user]
        return (
            item.kind == "column"
            and key[1] in OF_DEFAULTS
            and "default" in item.facts
            and user in self._expected.items
            and "type" in item.facts
        )

    def _retyped(self) -> list[steps.Key]:
        return sorted(
            key
            for key, made in self._outcomes.items()
            if ("change", key) not in self._refused
            and any(isinstance(outcome, steps.Step) and outcome.retypes for outcome in made)
        )

    def _reads(self, user: steps.Key, key: steps.Key) -> bool:
        item = self._actual.items[user]
        return item.kind in _READS or (item.kind == "column" and "generated" in item.facts)

    def _check_needs(
        self,
        creates: set[steps.Key],
        drops: set[steps.Key],
        again: set[steps.Key],
        cause: dict[steps.Key, steps.Key],
    ) -> None:
        """Refuse what needs something that will not be there, or whose name is taken."""
        names = self._taken(drops)
        for key in sorted({*creates, *self._changed}):
            action = "create" if key in self._missing else "change"
            if (action, key) in self._refused and key not in again:
                continue
            reason = self._lack(key, creates, drops)
            item = self._expected.items[key]
            if not reason and key in creates:
                for name in taken_names(item):
                    holder = names.get(name)
                    if holder is not None and holder != key:
                        reason = f"its name is that of {diff.subject(self._actual.items[holder])}, which stays"
            if reason and key in again:
                root = cause[key]
                self._refuse("drop" if root in self._extra else "change", root, f"{diff.subject(item)}: {reason}")
            elif reason and (key in creates or not self._only_annotations(key)):
                self._refuse(action, key, reason)

    def _only_annotations(self, key: steps.Key) -> bool:
        return all(isinstance(outcome, steps.Step) and outcome.late for outcome in self._outcomes[key])

    def _lack(self, key: steps.Key, creates: set[steps.Key], drops: set[steps.Key]) -> str:
        for need in sorted(self._expected.needs.get(key, ())):
            there = need in creates or (need in self._actual.items and need not in drops)
            there = there or need in self._renamed.values()
            if not there:
                return f"it needs {diff.subject(self._expected.items[need])}, which is not there"
            part = self._refused.get(("part", need))
            if part is not None and self._expected.items[key].facts.get("definition", "").startswith("PRIMARY KEY"):
                return f"{diff.subject(part.item)} has to be filled before"
        return ""

    def _taken(self, drops: set[steps.Key]) -> dict[tuple[str, str, str], steps.Key]:
        return {name: key for key, item in self._actual.items.items() if key not in drops for name in taken_names(item)}

    def _partial(self, drops: set[steps.Key]) -> None:
        """Note what of a change is not done."""
        for key, made in self._outcomes.items():
            if key in drops or ("change", key) in self._refused:
                continue
            for number, outcome in enumerate(made):
                if isinstance(outcome, steps.Refusal):
                    found = Refused(self._expected.items[key], "changed", outcome.facts, outcome.reason, outcome.sql)
                    self._refused[f"part {number}", key] = found


def taken_names(item: model.Item) -> list[tuple[str, str, str]]:
    """Return the names that an item takes, by what may have them once."""
    found = []
    of_index = item.kind == "constraint" and item.facts["definition"].startswith(("PRIMARY", "UNIQUE", "EXCLUDE"))
    if item.kind in _RELATIONS or of_index:
        found.append((item.schema, "relation", item.name))
    if item.kind in _TYPES:
        found.append((item.schema, "type", item.name))
    if item.kind in ("function", "procedure", "aggregate"):
        found.append((item.schema, "routine", item.name))
    if item.kind == "constraint":
        found.append((item.schema, f"constraint of {item.of}", item.name))
    return found


def _changed(new: model.Item, old: model.Item) -> frozenset[str]:
    """Return the facts that differ. The order of columns is planned for apart: no statement changes it."""
    facts = {fact for fact in {*new.facts, *old.facts} if new.facts.get(fact) != old.facts.get(fact)}
    if new.kind in ("table", "foreign table"):
        facts.discard("column order")
    return frozenset(facts)


def severity(refused: Refused) -> str:
    """Return how severe it is that it stays."""
    if refused.change != "changed":
        return kinds.presence(refused.item.kind, refused.item.facts)
    found = [kinds.severity(refused.item.kind, fact) for fact in refused.facts]
    return min(found, key=kinds.SEVERITIES.index, default=kinds.STRUCTURE)
