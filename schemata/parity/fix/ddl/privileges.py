"""Who may do what: the statements between two lists of grants, and ALTER DEFAULT PRIVILEGES."""

import re
from collections.abc import Iterable, Mapping

from schemata.parity.fix import steps
from schemata.parity.fix.ddl import names
from schemata.snapshot import model

_LINE = re.compile(r"(?P<grantee>.+?): (?P<privileges>[A-Z ,]+?)(?: \(granted by (?P<grantor>.*)\))?", re.DOTALL)
_OPTION = " WITH GRANT OPTION"
#: Before a line of what an object has from its birth and no longer.
REVOKED = "revoked from "
#: (grantee, grantor) and what was granted: whether with grant option, by privilege. The grantor "" is the owner.
Held = dict[tuple[str, str], dict[str, bool]]

_TABLE = ("DELETE", "INSERT", "REFERENCES", "SELECT", "TRIGGER", "TRUNCATE", "UPDATE")
_TYPES = ("base type", "shell type", "enum", "domain", "composite type", "range type")
_TABLES = ("table", "view", "materialized view", "foreign table")
_ROUTINES = ("function", "procedure", "aggregate")
#: What ALTER DEFAULT PRIVILEGES calls a kind.
_CLASSES = {
    **dict.fromkeys(_TABLES, "tables"),
    **dict.fromkeys(_ROUTINES, "functions"),
    **dict.fromkeys(_TYPES, "types"),
    "sequence": "sequences",
    "schema": "schemas",
}


def parsed(text: str | None, usual: Held) -> Held:
    """Return the grants that hold: the usual ones, with what a fact says beyond them.

    >>> parsed("app: SELECT, UPDATE WITH GRANT OPTION", {})
    {('app', ''): {'SELECT': False, 'UPDATE': True}}
    >>> parsed("revoked from app: ALL", {("app", ""): {"SELECT": False, "UPDATE": False}})
    {}
    >>> parsed("revoked from PUBLIC: EXECUTE", {("PUBLIC", ""): {"EXECUTE": False}})
    {}
    """
    found = {who: dict(privileges) for who, privileges in usual.items()}
    lines = [(line.startswith(REVOKED), line.removeprefix(REVOKED)) for line in text.split("\n")] if text else []
    for revoked, line in sorted(lines, reverse=True):
        match = _LINE.fullmatch(line)
        if match is None:
            continue
        who = (match["grantee"], match["grantor"] or "")
        held = found.setdefault(who, {})
        for privilege in match["privileges"].split(", "):
            name, option = privilege.removesuffix(_OPTION), privilege.endswith(_OPTION)
            if revoked and name == "ALL":
                held.clear()
            elif revoked:
                held.pop(name, None)
            else:
                held[name] = option
        if not held:
            del found[who]
    return found


def owner(item: model.Item, major: int) -> str:
    """Return the owner of an item, as facts name roles."""
    usual = model.DEPLOYER
    if item.kind == "schema" and item.name == "public" and major >= 15:
        usual = "pg_database_owner"
    return item.facts.get("owner", usual)


def usual(kind: str, name: str, whose: str, major: int) -> Held:
    """Return what an object of a kind is born with, where no default privileges say otherwise."""
    if kind == "large object":
        return {(whose, ""): {"SELECT": False, "UPDATE": False}}
    if kind in _TABLES:
        own: tuple[str, ...] = (*_TABLE, "MAINTAIN") if major >= 17 else _TABLE
    elif kind == "sequence":
        own = ("SELECT", "UPDATE", "USAGE")
    elif kind in _ROUTINES:
        own = ("EXECUTE",)
    elif kind == "schema":
        own = ("CREATE", "USAGE")
    elif kind in ("column", "attribute"):
        return {}
    else:
        own = ("USAGE",)
    found: Held = {(whose, ""): dict.fromkeys(own, False)}
    if kind in _ROUTINES:
        found["PUBLIC", ""] = {"EXECUTE": False}
    elif kind in _TYPES or kind == "language":
        found["PUBLIC", ""] = {"USAGE": False}
    elif kind == "schema" and name == "public":
        found["PUBLIC", ""] = {"USAGE": False} if major >= 15 else {"USAGE": False, "CREATE": False}
    return found


def when_created(item: model.Item, world: steps.World) -> Held:
    """Return what the item is born with when the deployer creates it, default privileges counted in."""
    objects = _CLASSES.get(item.kind)
    found = usual(item.kind, "", model.DEPLOYER, world.major)
    if objects is None:
        return found
    name = f"for {model.DEPLOYER} on {objects}"
    everywhere = world.actual.get(("", "default privileges", "", name))
    if everywhere is not None:
        found = parsed(everywhere.facts.get("grants"), found)
    here = world.actual.get((item.schema, "default privileges", "", name))
    return parsed(here.facts.get("grants"), found) if here is not None else found


def moved(held: Held, before: str, after: str) -> Held:
    """Return the grants as a change of owner leaves them."""
    if before == after:
        return held
    found: Held = {}
    for (grantee, grantor), privileges in held.items():
        who = (after if grantee == before else grantee, "" if grantor == after else grantor)
        found.setdefault(who, {}).update(privileges)
    return found


def statements(on: str, before: Held, after: Held, *, column: str = "", prefix: str = "") -> list[str]:
    """Return GRANT and REVOKE that lead from one list to the other.

    `on` is the object behind ON, `column` a column of it, `prefix` what ALTER DEFAULT PRIVILEGES has in front.
    """
    made: list[str] = []
    # What was granted by another role than the owner hangs on that role's grant option: it goes first, and comes last.
    everybody = sorted({*before, *after}, key=lambda who: (who[1], who[0]))
    for who in reversed(everybody):
        old, new = before.get(who, {}), after.get(who, {})
        gone = [privilege for privilege in old if privilege not in new]
        less = [privilege for privilege in old if old[privilege] and new.get(privilege) is False]
        for privileges, only in ((gone, ""), (less, "GRANT OPTION FOR ")):
            if privileges:
                words = _words(privileges, column)
                made.append(_by(who[1], f"{prefix}REVOKE {only}{words} ON {on} FROM {names.role(who[0])};"))
    for who in everybody:
        old, new = before.get(who, {}), after.get(who, {})
        for option in (False, True):
            more = [name for name, grantable in new.items() if grantable == option and _lacks(old, name, option)]
            if more:
                text = (
                    f"{prefix}GRANT {_words(more, column)} ON {on} TO {names.role(who[0])}{_OPTION if option else ''};"
                )
                made.append(_by(who[1], text))
    return made


def _lacks(old: Mapping[str, bool], privilege: str, option: bool) -> bool:
    return privilege not in old or (option and not old[privilege])


def _words(privileges: Iterable[str], column: str) -> str:
    return ", ".join(f"{privilege} ({names.quoted(column)})" if column else privilege for privilege in privileges)


def _by(grantor: str, text: str) -> str:
    return f"SET ROLE {names.role(grantor)}; {text} RESET ROLE;" if grantor else text


def on(item: model.Item) -> str:
    """Return an item as GRANT has it behind ON."""
    if item.kind == "column":
        return f"TABLE {names.relation(item)}"
    word = {
        **dict.fromkeys(_TABLES, "TABLE"),
        **dict.fromkeys(_TYPES, "TYPE"),
        "aggregate": "FUNCTION",
        "server": "FOREIGN SERVER",
    }.get(item.kind, item.kind.upper())
    # GRANT has no form of its own for aggregates: they are functions without a star.
    address = names.address(item)
    return f"{word} {f'{address[:-3]}()' if address.endswith('(*)') else address}"


_DEFAULTS = re.compile(r"for (?P<role>.+) on (?P<objects>[a-z ]+)", re.DOTALL)
_KINDS = {"tables": "table", "sequences": "sequence", "functions": "function", "types": "domain", "schemas": "schema",
          "large objects": "large object"}  # fmt: skip


def defaults(new: model.Item | None, old: model.Item | None, major: int) -> list[str]:
    """Return ALTER DEFAULT PRIVILEGES from what an item says to what another says; None says the usual."""
    item = new or old
    assert item is not None
    match = _DEFAULTS.fullmatch(item.name)
    if match is None:
        return []
    role, objects = match["role"], match["objects"]
    normal: Held = {} if item.schema else usual(_KINDS.get(objects, "table"), "", role, major)
    before, after = (parsed(one.facts.get("grants") if one is not None else None, normal) for one in (old, new))
    prefix = "ALTER DEFAULT PRIVILEGES "
    if role != model.DEPLOYER:
        prefix += f"FOR ROLE {names.role(role)} "
    if item.schema:
        prefix += f"IN SCHEMA {names.quoted(item.schema)} "
    return statements(objects.upper(), before, after, prefix=prefix)


def of_system(new: model.Item | None, old: model.Item | None, on: str) -> list[str]:
    """Return the statements for an object whose first grants are not known: only what differs from them is."""
    texts = [one.facts.get("grants", "") if one is not None else "" for one in (old, new)]
    lines = "\n".join(line.removeprefix(REVOKED) for text in texts for line in text.split("\n") if REVOKED in line)
    first = parsed(lines, {})
    before, after = (parsed(text, first) for text in texts)
    return statements(on, before, after)
