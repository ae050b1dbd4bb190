"""Whether two replays left the same."""

from collections.abc import Iterator

from schemata.parity import diff
from schemata.squash import observing

_SHOWN = 20


def differences(old: observing.Observed, new: observing.Observed) -> tuple[str, ...]:
    """Return how the structure, the server and the sequences differ, a line each; nothing where they are the same."""
    return tuple(_differences(old, new))


def _differences(old: observing.Observed, new: observing.Observed) -> Iterator[str]:
    for one in diff.diff(old.structure, new.structure):
        yield f"{one.subject} is {one.change}"
        for change in one.changes:
            yield f"  {change.fact}: {change.expected} | {change.actual}"
    for line in sorted({*old.server} ^ {*new.server}):
        yield f"{'missing' if line in old.server else 'extra'}: {line}"
    for role in sorted(new.roles - old.roles):
        yield f"the role {role} is not made any more"


def moved(old: observing.Observed, new: observing.Observed) -> tuple[str, ...]:
    """Return which sequences have reached another value, a line each."""
    return tuple(
        f"sequence {name}: {old.sequences.get(name, 'missing')} | {new.sequences.get(name, 'missing')}"
        for name in sorted(old.sequences.keys() | new.sequences.keys())
        if old.sequences.get(name) != new.sequences.get(name)
    )


def unequal(old: observing.Observed, new: observing.Observed) -> dict[str, tuple[str, ...]]:
    """Return the tables whose rows differ, with the columns whose values do."""
    found = {}
    for table in sorted(old.tables.keys() & new.tables.keys()):
        one, other = old.tables[table], new.tables[table]
        if (one.count, one.whole) != (other.count, other.whole):
            found[table] = differing(one, other)
    return found


def differing(one: observing.Rows, other: observing.Rows) -> tuple[str, ...]:
    """Return the columns whose values are not the same; their rows have no order."""
    if one.count != other.count:
        return tuple(one.columns)
    return tuple(name for name, value in one.columns.items() if other.columns.get(name) != value)


def shown(lines: tuple[str, ...]) -> str:
    """Return the first lines, indented, and how many more there are."""
    more = (f"… and {len(lines) - _SHOWN} more",) if len(lines) > _SHOWN else ()
    return "\n".join(f"  {line}" for line in (*lines[:_SHOWN], *more))
