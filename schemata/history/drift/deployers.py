"""Whether it matters which role deploys: where the migrations name it, what they make depends on it.

In a snapshot the deploying role has no name of its own, so that databases whose deployers differ in nothing but their
name are equal. `GRANT SELECT ON app.t TO postgres` changes nothing where postgres deploys, and elsewhere it is a grant.
"""

import re
from collections.abc import Iterable

_USUAL = "schemata"
# How SQL asks whether there is a role: a migration that does may name one that no statement of it needs.
_LOOKED_UP = re.compile(r"\b(?:rolname|usename)\s*(?:=\s*|in\s*\(\s*)((?:'[^']*'\s*,?\s*)+)", re.IGNORECASE)
_QUOTED = re.compile(r"'([^']*)'")


def is_named(role: str, texts: Iterable[str]) -> bool:
    """Tell whether a role's name is a word of these texts, in a comment too.

    >>> is_named("app", ["GRANT SELECT ON t TO App;"]), is_named("app", ["CREATE TABLE apps ()"])
    (True, False)
    """
    if not role:
        return False
    word = re.compile(rf"(?<![\w$]){re.escape(role)}(?![\w$])", re.IGNORECASE)
    return any(word.search(text) for text in texts)


def looked_up(texts: Iterable[str]) -> set[str]:
    """Return the roles that these texts look for by name.

    >>> sorted(looked_up(["IF EXISTS (SELECT FROM pg_roles WHERE rolname IN ('a', 'b')) THEN", "usename='c'"]))
    ['a', 'b', 'c']
    """
    return {name for text in texts for match in _LOOKED_UP.finditer(text) for name in _QUOTED.findall(match[1])}


def unnamed(texts: Iterable[str]) -> str:
    """Return a name for a deploying role that none of these texts has."""
    texts = tuple(texts)
    number, name = 0, _USUAL
    while is_named(name, texts):
        number, name = number + 1, f"{_USUAL}_{number + 1}"
    return name
