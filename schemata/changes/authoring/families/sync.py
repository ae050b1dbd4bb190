"""The trigger that keeps an old column and what takes its place the same. It needs no state of a session.

It compares the row with the one before: what was changed decides, and where both were, the new column does.
"""

import dataclasses
from collections.abc import Sequence

from schemata.changes.authoring import draft, expressions, names, table

#: The rule, as it is written into the files.
RULE = (
    "The trigger compares the row with the one before it: a write through either name reaches the other one, in "
    "INSERT, UPDATE and ON CONFLICT DO UPDATE. Where one statement gives both names different values, the new one wins."
)
#: What cannot be converted is left out, so that who writes the other column goes on.
_FAILURES = "data_exception"


@dataclasses.dataclass(frozen=True)
class Part:
    """A new column, and the expression over the old row that gives its value; none: the old column itself."""

    name: str
    type: str
    there: str = ""


@dataclasses.dataclass(frozen=True)
class Pair:
    """An old column, the new ones in its place, and the expression over them that gives the old value back.

    :param kept: the old column's name once it is set aside.
    :param strict: whether each value has its place on the other side, so that a conversion cannot fail.
    """

    old: table.Column
    parts: tuple[Part, ...]
    back: str = ""
    kept: str = ""
    strict: bool = True

    @property
    def is_copy(self) -> bool:
        """Return whether both sides hold the same value."""
        return not self.back and not any(part.there for part in self.parts)


def create(request: draft.Request, pair: Pair) -> tuple[str, str]:
    """Return the statements that make the function and the trigger, for as long as both versions run."""
    return _function("CREATE", request, _both(pair)), _trigger(request)


def _trigger(request: draft.Request) -> str:
    return (
        "-- lint: allow create-trigger-locks: it stops writes for a moment, and nothing in this file takes long\n"
        f"CREATE TRIGGER {names.quoted(request.trigger)}\n"
        f"    BEFORE INSERT OR UPDATE ON {request.table.sql}\n"
        f"    FOR EACH ROW EXECUTE FUNCTION {request.function}();"
    )


def both(request: draft.Request, pair: Pair) -> str:
    """Return the statement that makes the function again as `create` does."""
    return _function("CREATE OR REPLACE", request, _both(pair))


def one_way(request: draft.Request, pair: Pair) -> str:
    """Return the statement that makes the function write the kept column only, so that nothing is lost on the way."""
    return _function("CREATE OR REPLACE", request, _kept(pair))


def drop(request: draft.Request) -> tuple[str, str]:
    """Return the statements that remove trigger and function."""
    return (
        f"DROP TRIGGER {names.quoted(request.trigger)} ON {request.table.sql};",
        f"DROP FUNCTION {request.function}();",
    )


def fill(request: draft.Request, column: str, default: str) -> tuple[str, str]:
    """Return the statements that make a trigger which puts a value where a writer leaves NULL."""
    body = [f"IF {_new(column)} IS NULL THEN", *_indented([f"{_new(column)} := {default};"]), "END IF;"]
    return _function("CREATE", request, body), _trigger(request)


def again(statements: tuple[str, str]) -> tuple[str, str]:
    """Return the statements that make function and trigger as a rollback has them, which lint takes for granted."""
    return statements[0], statements[1].partition("\n")[2]


def _new(name: str) -> str:
    return f"NEW.{names.quoted(name)}"


def _old(name: str) -> str:
    return f"OLD.{names.quoted(name)}"


def _function(verb: str, request: draft.Request, body: Sequence[str]) -> str:
    text = "\n".join(["BEGIN", *_indented([*body, "RETURN NEW;"]), "END"])
    tag = "$$"
    while tag in text:
        tag = f"${tag.strip('$')}q$"
    return (
        f"{verb} FUNCTION {request.function}() RETURNS trigger\n"
        f"    LANGUAGE plpgsql\n    SECURITY INVOKER\n    SET search_path = {request.search_path}\n"
        f"AS {tag}\n{text}\n{tag};"
    )


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def value(expression: str) -> str:
    """Return an expression over columns as one over the row that a trigger is about to write."""
    if simple := expressions.over(expression, "NEW"):
        return simple
    # With a subquery, names could be those of its tables: the row is a table beside them.
    read = expressions.columns(expression)
    row = ", ".join(f"{_new(name)} AS {names.quoted(name)}" for name in read)
    return f"(SELECT {expression} FROM (SELECT {row}) AS written)"


def _there(pair: Pair, part: Part) -> str:
    return value(part.there) if part.there else _new(pair.old.name)


def _fill_new(pair: Pair) -> list[str]:
    lines = [f"{_new(part.name)} := {_there(pair, part)};" for part in pair.parts]
    if pair.strict:
        return lines
    none = [f"{_new(part.name)} := NULL;" for part in pair.parts]
    return ["BEGIN", *_indented(lines), f"EXCEPTION WHEN {_FAILURES} THEN", *_indented(none), "END;"]


def _fill_old(pair: Pair, name: str) -> list[str]:
    return [f"{_new(name)} := {value(pair.back) if pair.back else _new(pair.parts[0].name)};"]


def _changed(pair: Pair) -> str:
    changes = [table.distinct(_new(part.name), _old(part.name), part.type) for part in pair.parts]
    return " OR ".join(changes)


def _empty(pair: Pair) -> str:
    return " AND ".join(f"{_new(part.name)} IS NULL" for part in pair.parts)


def _both(pair: Pair) -> list[str]:
    old = pair.old.name
    to_new, to_old = _fill_new(pair), _fill_old(pair, old)
    if not pair.is_copy:
        # The backfill, too, changes the new columns: it must not write what they lose back into the old one.
        differs = [table.distinct(_new(part.name), _there(pair, part), part.type) for part in pair.parts]
        to_old = _unless_same(pair, differs, to_old)
    old_changed = table.distinct(_new(old), _old(old), pair.old.type)
    # Not filled yet: then the old column's value is the row's.
    otherwise = "ELSE" if pair.is_copy else f"ELSIF {old_changed} OR ({_empty(pair)}) THEN"
    return [
        "IF TG_OP = 'INSERT' THEN",
        *_indented([f"IF {_empty(pair)} THEN", *_indented(to_new), "ELSE", *_indented(to_old), "END IF;"]),
        f"ELSIF {_changed(pair)} THEN",
        *_indented(to_old),
        otherwise,
        *_indented(to_new),
        "END IF;",
    ]


def _unless_same(pair: Pair, differs: Sequence[str], to_old: Sequence[str]) -> list[str]:
    lines = [f"IF {' OR '.join(differs)} THEN", *_indented(to_old), "END IF;"]
    if pair.strict:
        return lines
    return ["BEGIN", *_indented(lines), f"EXCEPTION WHEN {_FAILURES} THEN", *_indented(to_old), "END;"]


def _kept(pair: Pair) -> list[str]:
    lines = _fill_old(pair, pair.kept)
    if pair.is_copy:
        return lines
    # No release asks for the old value any more: one that has none must not keep a new one from being written.
    none = [f"{_new(pair.kept)} := NULL;"]
    lines = ["BEGIN", *_indented(lines), f"EXCEPTION WHEN {_FAILURES} THEN", *_indented(none), "END;"]
    return [
        "IF TG_OP = 'INSERT' THEN",
        *_indented(lines),
        f"ELSIF {_changed(pair)} THEN",
        *_indented(lines),
        "END IF;",
    ]
