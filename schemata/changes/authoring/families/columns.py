"""One column becomes another: renamed, of another type, split into several; with two columns and a trigger."""

import dataclasses
import re

from schemata import errors
from schemata.changes.authoring import checks, draft, expressions, names
from schemata.changes.authoring.families import dual, pairing, privileges, sync

#: Types by how much they hold: each value of one is exactly a value of those behind it.
_WIDER = (("smallint", "integer", "bigint", "numeric"), ("real", "double precision"))
_NUMERIC = re.compile(r"numeric\((\d+),(\d+)\)")
_VARYING = re.compile(r"character varying\((\d+)\)")


def rename(request: draft.Request, new: str) -> draft.Draft:
    """Return the files that give a column another name, with two columns."""
    old = checks.column(request, request.words[0])
    checks.replaceable(request, old)
    checks.keyed(request)
    pair = sync.Pair(old, (sync.Part(new, old.type),), kept=names.kept(old.name, request.table.column_names))
    change = pairing.Dual(
        request,
        pair,
        f"Add {request.table.sql}.{names.quoted(new)}, the new name of {old.sql}.",
        renamed={old.name: new},
    )
    return dual.files(change)


def target_column(request: draft.Request) -> str:
    """Return the name of the column of a new type: what --to says, else the old one's with `_new`."""
    if request.options.to:
        return checks.new_column(request, request.options.to)
    old = checks.column(request, request.words[0])
    return names.made(old.name, "_new", request.table.column_names)


def retyped(request: draft.Request, canonical: str) -> pairing.Dual:
    """Return the change that gives a column another type.

    :param canonical: the new type as the server writes it.
    """
    old = checks.column(request, request.words[0])
    checks.replaceable(request, old)
    checks.keyed(request)
    new = target_column(request)
    if canonical == old.type:
        raise errors.ConfigError(
            f"{request.table.sql}.{old.sql} is of the type {canonical} already", "Name another type."
        )
    there = request.options.using or f"{old.sql}::{canonical}"
    back = request.options.back or f"{names.quoted(new)}::{old.type}"
    strict = not request.options.using and is_wider(old.type, canonical)
    pair = sync.Pair(
        old,
        (sync.Part(new, canonical, there),),
        back,
        names.kept(old.name, request.table.column_names),
        strict,
    )
    return pairing.Dual(
        request,
        pair,
        f"Add {request.table.sql}.{names.quoted(new)}: {old.sql} as {canonical}.",
        _verify(request, pair),
        renamed={old.name: new},
    )


def change_type(request: draft.Request, canonical: str) -> draft.Draft:
    """Return the files that give a column another type, with two columns."""
    change = retyped(request, canonical)
    pair, old, new = change.pair, change.pair.old, change.pair.parts[0].name
    made = dual.files(change)
    made = draft.Draft(tuple(_guarded(request, pair, item) for item in made.files), "", notes=made.notes)
    note = (
        f"The next release reads and writes {names.quoted(new)}; to give it the old name afterwards: "
        f"inv change-new rename-column {request.table.sql} {names.quoted(new)} {old.sql}"
    )
    return draft.Draft(made.files, made.strategy, notes=(note, *made.notes))


def _guarded(request: draft.Request, pair: sync.Pair, item: draft.File) -> draft.File:
    """Return a file of a change of type that says, or sees to it, that a value of the new type may have no old one."""
    new, changed = names.quoted(pair.parts[0].name), request.table.sql
    if item.phase == "expand" and not item.part:
        why = f"A value that is none of {pair.old.sql}'s type ({pair.old.type}) is refused until the contract."
        return dataclasses.replace(item, why=(*item.why, why))
    if item.phase == "contract" and not item.part:
        kept = names.quoted(pair.kept)
        message = privileges.literal(f"{changed} has values in {new} that {pair.old.sql} cannot hold")
        guard = (
            f"DO $$\nBEGIN\n    IF EXISTS (SELECT FROM {changed} WHERE {kept} IS NULL AND {new} IS NOT NULL) THEN\n"
            f"        RAISE EXCEPTION USING MESSAGE = {message},\n"
            "            HINT = 'Correct those rows, then undo again.';\n    END IF;\nEND\n$$;"
        )
        return dataclasses.replace(item, undo=(guard, *item.undo))
    return item


def _verify(request: draft.Request, pair: sync.Pair) -> str:
    """Return the query of the rows that are not done: not filled, or whose value is lost on the way back."""
    lost = ""
    if not request.options.using:
        back = pair.back
        lost = f" OR ({back}) IS DISTINCT FROM {pair.old.sql}"
    return f"SELECT count(*) FROM {request.table.sql} WHERE ({pairing.left(pair)}){lost}"


def is_wider(old: str, new: str) -> bool:
    """Tell whether each value of a type is exactly one of another, so that the way there cannot fail or lose.

    >>> is_wider("integer", "bigint"), is_wider("numeric(10,2)", "numeric(10,4)"), is_wider("text", "integer")
    (True, False, False)
    """
    for row in _WIDER:
        if old in row and new in row:
            return row.index(old) < row.index(new)
    before, after = _NUMERIC.fullmatch(old), _NUMERIC.fullmatch(new)
    if before and new == "numeric":
        return True
    if before and after:
        digits, scale = int(before[1]), int(before[2])
        return int(after[2]) >= scale and int(after[1]) - int(after[2]) >= digits - scale
    short, long = _VARYING.fullmatch(old), _VARYING.fullmatch(new)
    if short and long:
        return int(long[1]) >= int(short[1])
    return (short is not None or old == "character varying") and new in ("text", "character varying")


def parse_into(text: str) -> tuple[tuple[str, str], ...]:
    """Return the new columns of a split, each with the expression that gives its value.

    >>> parse_into("a = split_part(n, ',', 1), b = n")
    (('a', "split_part(n, ',', 1)"), ('b', 'n'))
    """
    found = []
    for part in names.split(text, ","):
        name, *rest = names.split(part, "=")
        if not rest:
            raise errors.ConfigError(
                f"--into {part.strip()!r} has no expression",
                "Write each new column with what it is: --into \"first_name=split_part(full_name,' ',1),…\"",
            )
        found.append(
            (
                names.single(name.strip(), "the new column"),
                expressions.checked("=".join(rest), f"--into {name.strip()}"),
            )
        )
    if len({name for name, _ in found}) < len(found):
        raise errors.ConfigError("--into names a column twice", "Name each once.")
    return tuple(found)


def split(request: draft.Request, types: tuple[str, ...]) -> draft.Draft:
    """Return the files that make several columns of one, with a trigger in both directions.

    :param types: of the expressions of --into, as the server has them.
    """
    old = checks.column(request, request.words[0])
    checks.replaceable(request, old)
    checks.keyed(request)
    parts = tuple(
        sync.Part(checks.new_column(request, names.quoted(name)), type_, expression)
        for (name, expression), type_ in zip(parse_into(request.options.into), types, strict=True)
    )
    pair = sync.Pair(old, parts, request.options.back, names.kept(old.name, request.table.column_names), strict=False)
    listed = ", ".join(names.quoted(part.name) for part in parts)
    change = pairing.Dual(
        request,
        pair,
        f"Add {listed} to {request.table.sql}, what {old.sql} is split into.",
        f"SELECT count(*) FROM {request.table.sql} WHERE {pairing.left(pair)}",
    )
    return dual.files(change)
