"""Names in statements: of items, of roles, and what a server printed taken apart again."""

import re
from collections.abc import Iterator

from schemata.postgres import quoting
from schemata.snapshot import model

_TYPES = ("shell type", "base type", "enum", "composite type", "range type")
_ROUTINES = ("function", "procedure", "aggregate")
_OF_RELATION = ("trigger", "rule", "policy", "constraint")

_BOUND = re.compile(r"(?P<parent>.+?) (?P<bound>(?:FOR VALUES|DEFAULT).*?)(?P<detaching> DETACH PENDING)?", re.DOTALL)


def quoted(name: str) -> str:
    """Return a name as a statement has it."""
    return quoting.identifier(name)


def literal(value: str | None) -> str:
    """Return a text as a statement has it; None as NULL."""
    return quoting.literal(value).strip()


def qualified(schema: str, name: str) -> str:
    """Return a name with its schema."""
    return f"{quoted(schema)}.{quoted(name)}" if schema else quoted(name)


def relation(item: model.Item) -> str:
    """Return the qualified name of the relation that an item is or is a part of."""
    return qualified(item.schema, item.of or item.name)


def role(name: str) -> str:
    """Return a role as a statement has it: the deployer is the one that runs the migration."""
    if name == model.DEPLOYER:
        return "CURRENT_USER"
    return "PUBLIC" if name in ("PUBLIC", "public") else quoted(name)


def word(item: model.Item) -> str:
    """Return the key words of an item's kind, as DROP and COMMENT ON have them."""
    if item.kind in _TYPES:
        return "TYPE"
    return item.kind.upper()


def target(item: model.Item) -> str:
    """Return an item as COMMENT ON names it, with the key words of its kind.

    >>> target(model.Item("column", "app", "email", "users", {}))
    'COLUMN "app"."users"."email"'
    """
    kind = item.kind
    if kind in ("column", "attribute"):
        return f"COLUMN {relation(item)}.{quoted(item.name)}"
    if kind == "domain constraint":
        return f"CONSTRAINT {quoted(item.name)} ON DOMAIN {relation(item)}"
    if kind in _OF_RELATION:
        return f"{kind.upper()} {quoted(item.name)} ON {relation(item)}"
    if kind == "index":
        return f"INDEX {qualified(item.schema, item.name)}"
    return f"{word(item)} {address(item)}"


def address(item: model.Item) -> str:
    """Return the name of an item that is no part of another, as DROP and ALTER have it behind its key words."""
    kind, name = item.kind, item.name
    if kind == "schema":
        return quoted(name)
    if kind in _ROUTINES:
        if kind == "aggregate" and name.endswith("()"):
            name = f"{name[:-2]}(*)"
        return f"{quoted(item.schema)}.{name}"
    if kind == "operator":
        return f"{quoted(item.schema)}.{name}"
    if kind in ("operator family", "operator class"):
        # The name comes quoted where that is needed; what follows is the access method.
        plain, _, method = name.rpartition(" using ")
        return f"{quoted(item.schema)}.{plain} USING {quoted(method)}"
    if kind == "cast":
        return f"({name})"
    if kind == "transform":
        for_type, _, language = name.removeprefix("for ").rpartition(" language ")
        return f"FOR {for_type} LANGUAGE {quoted(language)}"
    if kind == "user mapping":
        whose, _, server = name.removeprefix("for ").rpartition(" server ")
        return f"FOR {role(whose)} SERVER {quoted(server)}"
    return qualified(item.schema, name)


def alter_column(item: model.Item, what: str) -> str:
    """Return an ALTER TABLE of one column."""
    return f"ALTER TABLE {relation(item)} ALTER COLUMN {quoted(item.name)} {what};"


def inherited(item: model.Item, relation: model.Item | None) -> bool:
    """Tell whether a column is its parent table's as well, whose changes reach it."""
    return bool(item.facts.get("inherited")) or (relation is not None and "partition of" in relation.facts)


def assignments(item: model.Item, facts: list[str], prefix: str = "option ") -> str:
    """Return storage parameters as SET has them between its parentheses."""
    return ", ".join(f"{quoted(fact.removeprefix(prefix))} = {literal(item.facts[fact])}" for fact in sorted(facts))


def without_arguments(routine: str) -> str:
    """Return the name of a routine without the list of its arguments.

    >>> without_arguments('app."odd(name"(integer, app.t)')
    'app."odd(name"'
    """
    for at, letter in _outside_quotes(routine):
        if letter == "(":
            return routine[:at]
    return routine


def closing(text: str, start: int) -> int:
    """Return where the parenthesis that opens at `start` closes: the position behind it.

    >>> closing('((a), "b)")', 0)
    11
    """
    depth = 0
    for at, letter in _outside_quotes(text):
        if at < start:
            continue
        depth += (letter == "(") - (letter == ")")
        if depth == 0:
            return at + 1
    return len(text)


def listed(text: str) -> list[str]:
    """Return the parts of a list with commas, as they are outside of quotes and parentheses.

    >>> listed('numeric(10,2), "a,b", c')
    ['numeric(10,2)', '"a,b"', 'c']
    """
    parts, depth, start = [], 0, 0
    for at, letter in _outside_quotes(text):
        depth += (letter in "([") - (letter in ")]")
        if letter == "," and depth == 0:
            parts.append(text[start:at].strip())
            start = at + 1
    return [part for part in [*parts, text[start:].strip()] if part]


def parts(name: str) -> list[str]:
    """Return the parts of a printed qualified name, without their quotes.

    >>> parts('app."Odd.name"')
    ['app', 'Odd.name']
    """
    dots = [at for at, letter in _outside_quotes(name) if letter == "."]
    pieces = [name[start + 1 : end] for start, end in zip([-1, *dots], [*dots, len(name)], strict=True)]
    return [piece[1:-1].replace('""', '"') if piece.startswith('"') else piece for piece in pieces]


def _outside_quotes(text: str) -> Iterator[tuple[int, str]]:
    quote = ""
    for at, letter in enumerate(text):
        if quote:
            if letter == quote:
                quote = ""
        elif letter in "\"'":
            quote = letter
        else:
            yield at, letter


def renamed(item: model.Item, name: str) -> str:
    """Return the statement that gives an item another name."""
    new = quoted(name)
    if item.kind == "column":
        return f"ALTER TABLE {relation(item)} RENAME COLUMN {quoted(item.name)} TO {new};"
    if item.kind == "attribute":
        return f"ALTER TYPE {relation(item)} RENAME ATTRIBUTE {quoted(item.name)} TO {new};"
    if item.kind in ("constraint", "domain constraint"):
        whole = "TABLE" if item.kind == "constraint" else "DOMAIN"
        return f"ALTER {whole} {relation(item)} RENAME CONSTRAINT {quoted(item.name)} TO {new};"
    if item.kind in ("function", "procedure", "aggregate", "operator family", "operator class"):
        return f"ALTER {target(item)} RENAME TO {without_arguments(name).partition(' using ')[0]};"
    return f"ALTER {target(item)} RENAME TO {new};"


def bound(item: model.Item) -> tuple[str, str]:
    """Return the parent of a partition, as it is printed, and the bound."""
    match = _BOUND.fullmatch(item.facts["partition of"])
    return (match["parent"], match["bound"]) if match else (item.facts["partition of"], "")


def parents(relation: model.Item) -> list[tuple[str, str]]:
    """Return schema and name of what a table is a partition of or inherits from."""
    printed = [bound(relation)[0]] if "partition of" in relation.facts else listed(relation.facts.get("inherits", ""))
    split = [[relation.schema, *parts(name)] for name in printed]
    return [(names[-2], names[-1]) for names in split]
