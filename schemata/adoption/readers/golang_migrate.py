"""golang-migrate: a file a direction, `<version>_<name>.up.sql` and `.down.sql`.

Other names are passed over; the version is a number and the order numeric (source/parse.go, source/migration.go). The
file is sent whole. The ledger keeps the last version only, and whether it is dirty; there is no checksum.
"""

import re

from schemata.adoption import model
from schemata.adoption.formats import scripts, versions

_NAME = re.compile(r"(?P<version>[0-9]+)_(?P<title>.*)\.(?P<way>down|up)\.sql")


def read(tree: model.Tree) -> model.History:
    """Return what a folder of golang-migrate holds."""
    found = scripts.Collected()
    ways: dict[str, list[tuple[int, str]]] = {"up": [], "down": []}
    for path in tree.top(".sql"):
        match = _NAME.fullmatch(path)
        if match is None:
            found.pass_over("golang-migrate", path, "<number>_<name>.up.sql and .down.sql")
            continue
        ways[match["way"]].append((int(match["version"]), path))
    for files in ways.values():
        versions.refuse_twice("golang-migrate", tree, files)
    downs = dict(ways["down"])
    for version, path in sorted(ways["up"]):
        name = path.removesuffix(".up.sql")
        found.add(
            scripts.make(tree, "golang-migrate", name, path, version=str(version), down_path=downs.pop(version, ""))
        )
    found.notes += [f"{path} is left out: it has no .up.sql" for path in downs.values()]
    return found.history("golang-migrate", tree)
