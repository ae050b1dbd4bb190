"""The INSERT that makes rows of a table on the server: from numbers, picked keys and shapes."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

from schemata.postgres import quoting
from schemata.samples import structure
from schemata.seed import keys, parent_keys, shapes
from schemata.seed.values import columns, expressions

#: Inside of a statement, where the server keeps it: `inv slow-queries` tells these from the application's by it.
MARK = "/* inv seed */"
_INSERT = f"INSERT {MARK} INTO"
_ROW = "__row"


@dataclasses.dataclass(frozen=True)
class Plan:
    """How rows of a table are made.

    :param sets: by the first column of each group, sets of shapes, the best first.
    :param parents: by foreign key, conditions that a referenced row must meet, in terms of the own columns.
    :param decided: columns of which shapes decide whether they are NULL.
    :param ahead: by foreign key, SQL of the keys of rows that are made later in the same transaction.
    """

    frame: columns.Frame
    details: keys.Details
    assigned: keys.Assignment
    sets: Mapping[int, Sequence[tuple[shapes.Shape, ...]]]
    parents: Mapping[str, tuple[parent_keys.Condition, ...]] = dataclasses.field(default_factory=dict)
    decided: frozenset[int] = frozenset()
    ahead: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def picks(self) -> tuple[keys.Pick, ...]:
        """Return the foreign keys that pick rows."""
        return keys.picks(self.frame)

    def source(self, position: int) -> parent_keys.Source:
        """Return the rows that one of the picks may take."""
        name = self.picks[position].key.name
        return parent_keys.source(
            self.frame, self.picks, position, self.parents.get(name, ()), self.ahead.get(name, "")
        )

    def room(self, counts: Mapping[str, int]) -> int:
        """Return for how many rows there is room, as far as the values of unique columns can be told; 0 is enough."""
        rooms = [
            candidate.room
            for sets in self.sets.values()
            for shape in sets[0]
            for number, candidate in shape.chosen.items()
            if number in self.assigned.carriers and candidate.room
        ]
        return min([*rooms, *filter(None, [self.assigned.room(counts)])], default=0)


def keys_of(plan: Plan, names: Sequence[str], rows: int) -> str:
    """Return SQL of the keys that the rows of a plan will have; empty where they are not of the row's number alone."""
    made = []
    for name in names:
        number = next(
            (one["number"] for one in plan.frame.table.columns if one["name"] == columns.bounds_name(name)), 0
        )
        sets = next((sets for sets in plan.sets.values() if number in sets[0][0].chosen), None)
        if sets is None or number not in plan.assigned.carriers or len(sets[0]) > 1:
            return ""
        candidate = sets[0][0].chosen[number]
        if candidate.uses or candidate.left_out or candidate.kind != "option":
            return ""
        made.append(f"{candidate.sql} AS {name}")
    return f"(SELECT {', '.join(made)} FROM generate_series(1::int8, {rows}::int8) AS s (n))"


def insert(
    plan: Plan, chosen: Mapping[int, tuple[shapes.Shape, ...]], there: parent_keys.Parents, first: int, last: int
) -> str:
    """Return the INSERT of the rows from `first` to `last`.

    :param chosen: a set of shapes for each group. :param there: the rows that foreign keys may pick from.
    """
    listed, rows = _rows(plan, chosen, there, first, last)
    return f"{_INSERT} {plan.frame.table.name} ({listed}) OVERRIDING SYSTEM VALUE\n{rows}"


def ahead(
    plan: Plan,
    chosen: Mapping[int, tuple[shapes.Shape, ...]],
    there: parent_keys.Parents,
    first: int,
    last: int,
    stage: str,
) -> tuple[str, str]:
    """Return SQL that makes rows into a new table that other sessions see, and SQL that takes them from there.

    The table has the types of the one to fill, so that values are converted as they would be there.
    """
    listed, rows = _rows(plan, chosen, there, first, last)
    name = plan.frame.table.name
    making = (
        f"CREATE UNLOGGED TABLE {stage} AS SELECT {listed} FROM {name} WITH NO DATA; "
        f"ALTER TABLE {stage} SET (autovacuum_enabled = off); {_INSERT} {stage} ({listed})\n{rows}"
    )
    taking = f"{_INSERT} {name} ({listed}) OVERRIDING SYSTEM VALUE SELECT {listed} FROM {stage}; DROP TABLE {stage}"
    return making, taking


def count_lost(plan: Plan, key: structure.Key) -> str:
    """Return SQL that counts the rows which reference nothing by a foreign key; empty where it cannot be told."""
    table = plan.frame.table
    names = {column["number"]: quoting.identifier(column["name"]) for column in table.columns}
    if not set(key.own) <= names.keys():
        return ""
    pairs = list(zip((names[number] for number in key.own), key.theirs, strict=True))
    filled = " AND ".join(f"c.{own} IS NOT NULL" for own, _ in pairs)
    equal = " AND ".join(f"o.{theirs} = c.{own}" for own, theirs in pairs)
    lost = f"NOT EXISTS (SELECT FROM {key.other} o WHERE {equal})"
    return f"SELECT {MARK} count(*) FROM {table.name} c WHERE {filled} AND {lost}"


def _rows(
    plan: Plan, chosen: Mapping[int, tuple[shapes.Shape, ...]], there: parent_keys.Parents, first: int, last: int
) -> tuple[str, str]:
    """Return the columns that are filled, and the SELECT of the rows from `first` to `last`."""
    frame = plan.frame
    radixes = plan.assigned.radixes(there.counts)
    innermost, joins, picked = _picked(plan, there, radixes)
    inner, outer, names = [], [], []
    for number, some in chosen.items():
        if len(some) > 1:
            innermost.append(f"{_index(plan, number, some, radixes)} AS __shape_{number}")
    groups = {member: number for number, some in chosen.items() for member in some[0].chosen}
    for column in frame.table.columns:
        number = column["number"]
        arms = [shape.chosen[number] for shape in chosen[groups[number]]]
        if any(arm.left_out for arm in arms):
            continue
        name = quoting.identifier(column["name"])
        index = f"__shape_{groups[number]}"
        below: dict[int, str] = {}
        above: dict[int, str] = {}
        for place, arm in enumerate(arms):
            sql = picked.get(number, "NULL") if arm.kind == "key" else arm.sql
            (above if arm.uses or sql.startswith("__late") else below)[place] = sql
        if below or number not in picked:
            made = _case("s." + index, below, "NULL", len(arms))
            untyped = set(below.values()) <= {"NULL"}
            inner.append(f"{'NULL::' + column['type'] if untyped else made} AS {name}")
        otherwise = f"g.{name}" if below else "NULL"
        outer.append(_case(f"g.{index}", above, otherwise, len(arms)) if above else f"g.{name}")
        names.append(name)
    # The time of a row is made once for all columns that are made of it.
    moment = expressions.moment(frame.step)
    if any(moment in sql for sql in inner):
        innermost.append(f"{moment} AS __moment")
        inner = [sql.replace(moment, "s.__moment") for sql in inner]
    wanted = ", ".join(["n", *innermost]).replace(expressions.ROW, "n")
    # A function in FROM would write its rows to a temporary file first.
    series = f"SELECT generate_series({first}::int8, {last}::int8) AS n"
    numbers = f"SELECT {wanted} FROM ({series}) AS series OFFSET 0"
    shown = [f"s.n AS {_ROW}"] + [f"s.__shape_{number}" for number, some in chosen.items() if len(some) > 1]
    shown += [f"s.__pick_{position}" for position, pick in enumerate(plan.picks) if pick.shared]
    if "n" not in {column["name"] for column in frame.table.columns}:
        shown.append("s.n AS n")
    source = " ".join([f"({numbers}) AS s", *(join for join in joins if "__late" not in join)])
    late = " ".join(["", *(join for join in joins if "__late" in join)])
    return ", ".join(names), (
        f"SELECT {', '.join(outer)}\nFROM (SELECT {', '.join([*shown, *inner])}\nFROM {source}) AS g{late}"
    )


def _picked(
    plan: Plan, there: parent_keys.Parents, radixes: Mapping[str, tuple[int, int]]
) -> tuple[list[str], list[str], dict[int, str]]:
    """Return what picks rows: SQL by the row's number, the joins, and what each column that is filled is then."""
    frame = plan.frame
    nullable = {column["number"] for column in frame.table.columns if not column["not_null"]}
    innermost, joins = [], []
    divisor = math.prod(radix for _, radix in radixes.values())
    picked = dict.fromkeys(plan.assigned.counters, f"1 + (s.n - 1) / {divisor}")
    for position, pick in enumerate(plan.picks):
        index = keys.index(frame, pick, radixes, there.counts.get(pick.key.name, 0))
        if pick.key.name not in radixes and set(pick.fills) <= nullable - plan.decided:
            index = f"CASE WHEN NOT {keys.empty(frame, pick)} THEN {index} END"
        innermost.append(f"{index} AS __pick_{position}")
        # What must agree with columns of the row is joined when those are there.
        alias = f"__late_{position}" if pick.shared else f"__parent_{position}"
        on = [f"{alias}.__index = s.__pick_{position}"]
        if pick.shared:
            names = [_name(plan, number) for number in pick.shared]
            listed = ", ".join(names)
            # How many rows fit is looked up first, so that the one that is picked is found by its place among them.
            fitting = f"SELECT {listed}, count(*) AS __count FROM {parent_keys.table(position)} GROUP BY {listed}"
            joins.append(
                f"LEFT JOIN ({fitting}) {alias}_count "
                f"ON {' AND '.join(f'{alias}_count.{name} = g.{name}' for name in names)}"
            )
            on = [f"{alias}.__index = floor({alias}_count.__count * g.__pick_{position})::int8"]
            on += [f"{alias}.{name} = g.{name}" for name in names]
        elif pick.key.name in there.arrays:
            picked |= {number: there.value(pick.key.name, number, f"s.__pick_{position}") for number in pick.fills}
            continue
        joins.append(f"LEFT JOIN {parent_keys.table(position)} {alias} ON {' AND '.join(on)}")
        picked |= {number: f"{alias}.{_name(plan, number)}" for number in pick.fills}
    return innermost, joins, picked


def _name(plan: Plan, number: int) -> str:
    return next(quoting.identifier(one["name"]) for one in plan.frame.table.columns if one["number"] == number)


def _index(plan: Plan, number: int, some: Sequence[shapes.Shape], radixes: Mapping[str, tuple[int, int]]) -> str:
    """Return SQL of the shape of a row: by chance, or one after the other where that makes rows unlike each other."""
    name = _name(plan, number)
    bare = columns.bounds_name(name)
    if bare in radixes and len(some[0].chosen) == 1:
        divisor, radix = radixes[bare]
        return f"({expressions.ROW} - 1) / {divisor} % {min(radix, len(some))}"
    return expressions.choice(plan.frame.salt("shape", bare), [shape.weight for shape in some])


def _case(index: str, arms: Mapping[int, str], otherwise: str, total: int) -> str:
    """Return SQL of the arm at a place; those that are alike are written once."""
    alike: dict[str, list[str]] = {}
    for place, arm in arms.items():
        alike.setdefault(arm, []).append(str(place))
    if not alike:
        return otherwise
    if len(alike) == 1 and len(arms) == total:
        return next(iter(alike))
    cases = " ".join(f"WHEN {index} IN ({', '.join(places)}) THEN {arm}" for arm, places in alike.items())
    return f"CASE {cases} ELSE {otherwise} END"
