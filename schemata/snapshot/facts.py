"""What the catalog says of an item, as the text that its facts are."""

import json.encoder
from collections.abc import Iterable, Sequence
from typing import Any

#: How a line of grants begins that says what is not there of the usual.
REVOKED = "revoked from "
_ON_TABLES = frozenset({"DELETE", "INSERT", "REFERENCES", "SELECT", "TRIGGER", "TRUNCATE", "UPDATE"})
#: Facts that are lists of `name=value`, and the word before each name.
_LISTS = {"options": "option", "toast options": "toast option", "foreign options": "foreign option"}
_WITH_LISTS = frozenset((*_LISTS, "labels", "operators", "functions", "members"))
_quoted = json.encoder.encode_basestring


def names(given: Iterable[str]) -> str:
    """Return names as a JSON list."""
    return f"[{', '.join(map(_quoted, given))}]"


def texts(told: dict[str, Any]) -> dict[str, str]:
    """Return facts as text; of a list of options each becomes a fact, any other list stays one, as JSON."""
    if _WITH_LISTS.isdisjoint(told):
        return told
    made: dict[str, str] = {}
    for name, value in told.items():
        if name in _LISTS and isinstance(value, list):
            for option in value:
                key, _, text = str(option).partition("=")
                made[f"{_LISTS[name]} {key}"] = text
        else:
            made[name] = json.dumps(value, ensure_ascii=False) if isinstance(value, list) else value
    return made


def _in_words(privileges: set[str], major: int) -> str:
    """Return privileges as text. All that there are on a table are ALL: PostgreSQL 17 has one more than 16."""
    every = _ON_TABLES | {"MAINTAIN"} if major >= 17 else _ON_TABLES
    for option in ("", " WITH GRANT OPTION"):
        if privileges == {f"{privilege}{option}" for privilege in every}:
            return f"ALL{option}"
    return ", ".join(sorted(privileges))


def privileges(entries: Sequence[Sequence[Any]] | None, major: int) -> str:
    """Return what was granted beyond the usual, and what of the usual was revoked, a line each grantee and grantor.

    The usual is what an object of that kind has from its birth: it differs between versions of the server, and what
    its owner may do needs no words. The grantor is told where it is not the owner.
    """
    held: dict[tuple[str, str], set[str]] = {}
    usual: dict[tuple[str, str], set[str]] = {}
    for is_usual, grantee, grantor, privileges in entries or ():
        (usual if is_usual else held).setdefault((grantee, grantor), set()).update(privileges.split(", "))
    lines = []
    for grantee, grantor in held.keys() | usual.keys():
        have, had = held.get((grantee, grantor), set()), usual.get((grantee, grantor), set())
        by = f" (granted by {grantor})" if grantor else ""
        if have - had:
            lines.append(f"{grantee}: {_in_words(have - had, major)}{by}")
        if had - have:
            lines.append(f"{REVOKED}{grantee}: {_in_words(had - have, major)}")
    return "\n".join(sorted(lines))
