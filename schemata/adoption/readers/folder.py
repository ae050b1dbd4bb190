"""Plain SQL files: in the order of their paths, with runs of digits compared as numbers.

Where no tool says what undoes a file, `x.down.sql`, `x.rollback.sql` and `x.undo.sql` beside `x.sql` or `x.up.sql` do.
"""

import re

from schemata.adoption import model
from schemata.adoption.formats import scripts, versions

_UNDOES = re.compile(r"(?P<of>.+?)[._-](?:down|rollback|undo|revert)\.sql", re.IGNORECASE)
_UP = re.compile(r"(?P<of>.+?)[._-]up\.sql", re.IGNORECASE)


def read(tree: model.Tree) -> model.History:
    """Return the SQL files of a folder and those below it."""
    found = scripts.Collected()
    paths = tree.below(".sql", ".SQL")
    names = {path: (match["of"] if (match := _UP.fullmatch(path)) else path[: -len(".sql")]) for path in paths}
    known = set(names.values())
    downs = {match["of"]: path for path in paths if (match := _UNDOES.fullmatch(path)) and match["of"] in known}
    ups = [path for path in paths if path not in downs.values()]
    ordered = sorted(ups, key=lambda path: (versions.natural(names[path]), path))
    if ordered != ups:
        found.notes.append("the numbers in the names are compared as numbers: 10 comes after 9")
    for path in ordered:
        found.add(scripts.make(tree, "folder", names[path], path, down_path=downs.get(names[path], "")))
    return found.history("folder", tree)
