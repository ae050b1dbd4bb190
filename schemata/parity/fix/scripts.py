"""The text of the files: each with the statements of one group, what was left out, and what undoes it."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

from schemata.parity import diff, renames
from schemata.parity.fix import decisions, planning, progress, repeatable, structure
from schemata.parity.fix.ddl import names
from schemata.snapshot import model

_WHY = (
    "Written by inv parity {}, from the difference of two structures. Read it before it is applied: what would lose",
    "data is commented out. PostgreSQL printed the definitions, so their names are looked up in pg_catalog first.",
)


@dataclasses.dataclass(frozen=True)
class Purpose:
    """What files are written for.

    :param flag: of `inv parity`. :param title: what they do, behind which the part stands.
    :param taken_back: why nothing undoes them, where that is so.
    :param made_everywhere: every database that runs them has to be changed, so that undoing them takes nothing that was
        there before. Where it is not so a rollback drops nothing with data, and passes over what is not there.
    """

    flag: str
    title: str
    taken_back: str = ""
    made_everywhere: bool = False


FIX = Purpose(
    "--fix",
    "Bring the structure to what is expected{}.",
    taken_back="it takes a drift back, which is not to come again; where there was none it changed nothing",
)
ADOPT = Purpose("--adopt", "Make what was changed without a migration a part of the migrations{}.")
DECLARED = Purpose("--from", "Bring the structure to what is declared{}.", made_everywhere=True)


#: What a rollback need not bring back: an index that is not valid, a foreign key that checks nothing, an order.
_NOT_WANTED = frozenset(("valid", "triggers", "column order"))
_UNKNOWN = "no statement is known that would do it"


@dataclasses.dataclass(frozen=True)
class Script:
    """One migration: its schema, and the text of it and of its rollback, which is empty where there is none.

    The line `-- depends:` of every script but the first is for the id of the one before it.
    """

    schema: str
    sql: str
    rollback: str


@dataclasses.dataclass(frozen=True)
class Scripts:
    """The migrations in their order, and what stays different."""

    scripts: tuple[Script, ...]
    refused: tuple[decisions.Refused, ...]


DEPENDS = "-- depends: {}\n"


def scripts(
    expected: model.Snapshot, actual: model.Snapshot, schemas: Sequence[str], purpose: Purpose = DECLARED
) -> Scripts:
    """Return the migrations that turn the actual structure into the expected one.

    Both snapshots must have been read with dependencies. `schemas` are those of the settings, in their order.
    """
    compared = diff.comparable(expected, actual)
    wanted, here = structure.of(expected, compared), structure.of(actual, compared)
    found = planning.plan(wanted, here, schemas, actual.major)
    suggestions = {
        one.actual.key: one
        for one in renames.suggest(diff.diff(expected, actual))
        if one.actual.schema == one.expected.schema
    }
    texts: list[Script] = []
    before = here
    steps_of = list(zip(found.groups, progress.states(found, wanted, here), strict=True))
    final = steps_of[-1][1] if steps_of else here
    refused = _remaining(diff.diff(expected, final.snapshot(actual)), found.refused)
    last = {group.schema: number for number, (group, _) in enumerate(steps_of) if _sql(found, group.numbers)}
    shown = sum(bool(_sql(found, group.numbers)) for group, _ in steps_of)
    for number, (group, after) in enumerate(steps_of):
        sql = _repeatable(found, group.numbers)
        if not sql:
            continue
        part = f", part {len(texts) + 1} of {shown}" if shown > 1 else ""
        notes = _notes(refused, group.schema, schemas, suggestions) if last[group.schema] == number else ""
        undo = _undo(before, after, schemas, actual.major, purpose)
        texts.append(_script(group.schema, group.alone, sql, notes, undo, purpose, part, first=not texts))
        before = after
    return Scripts(tuple(texts), refused)


def _remaining(
    differences: Sequence[diff.Difference], refused: Sequence[decisions.Refused]
) -> tuple[decisions.Refused, ...]:
    """Return what stays different as the difference will tell it, each with the reason why."""
    found: list[decisions.Refused] = []
    for difference in differences:
        item = difference.item
        if difference.change != "changed":
            # The columns of a table that became a view are told one by one: they stay for the table's reason.
            known = [one for one in refused if one.change == difference.change and one.item.key == item.key]
            known += [one for one in refused if one.item.schema == item.schema and one.item.name == item.of]
            reason, sql = (known[0].reason, known[0].sql) if known else (_UNKNOWN, ())
            found.append(decisions.Refused(item, difference.change, frozenset(), reason, sql))
            continue
        left = {change.fact for change in difference.changes}
        for one in refused:
            if one.item.key == item.key and one.facts & left:
                found.append(dataclasses.replace(one, item=item, change="changed", facts=frozenset(one.facts & left)))
                left -= one.facts
        if left:
            found.append(decisions.Refused(item, "changed", frozenset(left), _UNKNOWN))
    return tuple(found)


def _sql(plan: planning.Plan, numbers: Sequence[int]) -> list[str]:
    return [text for number in numbers for text in plan.actions[number].step.sql]


def _repeatable(plan: planning.Plan, numbers: Sequence[int]) -> list[str]:
    return [
        repeatable.statement(plan.actions[number].item, text)
        for number in numbers
        for text in plan.actions[number].step.sql
    ]


@dataclasses.dataclass(frozen=True)
class _Undo:
    """The statements that undo a file, or the reason why none do."""

    sql: tuple[str, ...] = ()
    alone: bool = False
    reason: str = ""


def _undo(
    before: structure.Structure, after: structure.Structure, schemas: Sequence[str], major: int, purpose: Purpose
) -> _Undo:
    if purpose.taken_back:
        return _Undo(reason=purpose.taken_back)
    plan = planning.plan(before, after, schemas, major, destructive=purpose.made_everywhere)
    refused = [one for one in plan.refused if not one.facts or one.facts - _NOT_WANTED]
    if refused:
        return _Undo(reason="; ".join(f"{diff.subject(one.item)}: {one.reason}" for one in refused))
    written = _sql if purpose.made_everywhere else _repeatable
    sql = tuple(text for group in plan.groups for text in written(plan, group.numbers))
    if not sql:
        return _Undo(reason="nothing of it can be undone by a statement")
    return _Undo(sql, any(group.alone for group in plan.groups))


def _script(
    schema: str, alone: bool, sql: list[str], notes: str, undo: _Undo, purpose: Purpose, part: str, *, first: bool
) -> Script:
    title = purpose.title.format(part)
    head = [f"-- {title}", "--", *(f"-- {line.format(purpose.flag)}" for line in _WHY)]
    text = "\n".join(head) + "\n"
    text += "" if first else DEPENDS
    text += "-- transactional: false\n" if alone else ""
    text += f"-- irreversible: {' '.join(undo.reason.split())}\n" if undo.reason else ""
    text += "\n" + "\n".join([*_settings(sql, schema, alone), *sql]) + "\n" + notes
    if undo.reason:
        return Script(schema, text, "")
    rollback = f"-- Undo: {title[0].lower()}{title[1:]}\n"
    rollback += "-- transactional: false\n" if undo.alone else ""
    rollback += "\n" + "\n".join([*_settings(undo.sql, schema, undo.alone), *undo.sql]) + "\n"
    return Script(schema, text, rollback)


def _settings(sql: Sequence[str], schema: str, alone: bool) -> Iterator[str]:
    local = "" if alone else "LOCAL "
    yield f"SET {local}search_path = pg_catalog, {names.quoted(schema)};"
    if any(text.startswith(("CREATE FUNCTION", "CREATE PROCEDURE", "CREATE OR REPLACE")) for text in sql):
        # A body may name what a later statement creates.
        yield f"SET {local}check_function_bodies = off;"
    yield ""


def _notes(
    refused: Sequence[decisions.Refused],
    schema: str,
    schemas: Sequence[str],
    suggestions: Mapping[diff.Key, renames.Rename],
) -> str:
    """Return the comments on what this schema's files leave out, with the statements to uncomment."""
    lines: list[str] = []
    for one in refused:
        if (one.item.schema if one.item.schema in schemas else schemas[0]) != schema:
            continue
        lines.append("")
        lines += [f"-- {line}" for line in described(one).split("\n")]
        lines += [f"--     {line}" for text in one.sql for line in text.split("\n")]
        rename = suggestions.get(one.item.key)
        if rename is not None:
            lines.append(f"-- Or it was renamed: then, instead of creating {names.target(rename.expected)},")
            lines.append(f"--     {names.renamed(rename.actual, rename.expected.name)}")
    return "\n".join([*lines, ""]) if lines else ""


def described(refused: decisions.Refused) -> str:
    """Return what stays different and why, in a sentence.

    >>> item = model.Item("table", "app", "old", "", {})
    >>> described(decisions.Refused(item, "extra", frozenset(), "the rows of the table would be lost"))
    'Not done: table app.old is there and not expected; the rows of the table would be lost.'
    """
    what = {"missing": "is missing", "extra": "is there and not expected"}.get(
        refused.change, f"differs in {', '.join(sorted(refused.facts))}"
    )
    return f"Not done: {diff.subject(refused.item)} {what}; {refused.reason}."
