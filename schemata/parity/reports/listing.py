"""The differences of one database for people at a terminal."""

import json
from collections.abc import Iterator

from schemata.parity import diff
from schemata.parity.reports import outcome
from schemata.report import document, wrapping
from schemata.snapshot import kinds, listing

_COLOURS: dict[str, document.Colour] = {kinds.STRUCTURE: "red", kinds.ACCESS: "yellow"}
_RANKS = {severity: rank for rank, severity in enumerate(kinds.SEVERITIES)}


def differences(answer: outcome.Outcome, full: bool) -> Iterator[document.Block]:
    """Give the differences schema by schema, the worst first; with `full` both definitions side by side."""
    for schema in ("", *answer.schemas):
        in_schema = of_schema(answer, schema)
        if not in_schema:
            continue
        title = f"Schema {schema}" if schema else "The database as a whole"
        yield document.Gap()
        yield document.Text(f"{title}: {outcome.told(in_schema)}", "bold")
        for difference in in_schema:
            subject = wrapping.printable(difference.subject)
            line = f"  {difference.severity:<12} {difference.change:<8} {subject}{parts(difference)}"
            yield document.Text(line, _COLOURS.get(difference.severity, ""))
            yield from _changes(difference, full)
    if answer.renamed:
        yield document.Gap()
        yield from (document.Text(f"Perhaps: {rename.describe()}", "yellow") for rename in answer.renamed)


def of_schema(answer: outcome.Outcome, schema: str) -> list[diff.Difference]:
    """Return the differences in a schema, the worst first."""
    in_schema = [one for one in answer.differences if one.item.schema == schema]
    return sorted(in_schema, key=lambda one: _RANKS[one.severity])


def _changes(difference: diff.Difference, full: bool) -> Iterator[document.Block]:
    for change in difference.changes:
        yield document.Change(change.fact, change.expected, change.actual, full)
    if not full and not difference.parts and difference.change != "changed":
        yield from (document.Fact(fact, value) for fact, value in difference.item.facts.items())
    if full and difference.change != "changed":
        yield from (document.Fact(fact, value, full=True) for fact, value in definition(difference))


def definition(difference: diff.Difference) -> list[tuple[str, str]]:
    """Return what is so of a missing or extra item, and of its parts, by name; columns in their order."""
    facts = dict(difference.item.facts)
    order: list[str] = []
    for name in ("column order", "attribute order") if difference.parts else ():
        order += json.loads(facts.pop(name, "[]"))
    places = {name: place for place, name in enumerate(order)}
    found = list(facts.items())
    for part in sorted(difference.parts, key=lambda part: (kinds.ORDER[part.kind], places.get(part.name, 0))):
        found.append((f"{part.kind} {part.name}", ", ".join(_told(*fact) for fact in part.facts.items())))
    return found


def _told(fact: str, value: str) -> str:
    if fact in ("type", "definition"):
        return value
    return fact if value == "yes" else f"{fact} {value}"


def sides(difference: diff.Difference, value: str) -> tuple[str | None, str | None]:
    """Return a value on the side that has it."""
    return (value, None) if difference.change == "missing" else (None, value)


def parts(difference: diff.Difference) -> str:
    """Return what is missing or extra together with an item, in brackets."""
    if not difference.parts:
        return ""
    found: dict[str, int] = {}
    for part in difference.parts:
        found[part.kind] = found.get(part.kind, 0) + 1
    told = [f"{count} {kind if count == 1 else kinds.KINDS[kind].plural}" for kind, count in found.items()]
    return f" ({', '.join(told)})"


def name_of(schema: str) -> str:
    """Return what stands for a schema in tables."""
    return schema or listing.DATABASE
