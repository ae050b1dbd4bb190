"""SQLx: files `<version>_<description>.sql`, or `.up.sql` and `.down.sql`.

The version is a number and the order numeric; other names are passed over (sqlx-core/src/migrate/source.rs). A file
that begins with `-- no-transaction` runs outside of one. The ledger keeps the SHA-384 of the file.
"""

import re

from schemata.adoption import model
from schemata.adoption.formats import digests, scripts, versions

_NAME = re.compile(r"(?P<version>\d+)_(?P<title>.*?)(?P<way>\.up|\.down|)\.sql")
_OUTSIDE = b"-- no-transaction"


def read(tree: model.Tree) -> model.History:
    """Return what a folder `migrations` of SQLx holds."""
    found = scripts.Collected()
    ups: list[tuple[int, str]] = []
    downs: dict[int, str] = {}
    for path in tree.top(".sql"):
        match = _NAME.fullmatch(path)
        if match is None:
            found.pass_over("SQLx", path, "<number>_<description>.sql")
        elif match["way"] == ".down":
            downs[int(match["version"])] = path
        else:
            ups.append((int(match["version"]), path))
    versions.refuse_twice("SQLx", tree, ups)
    for version, path in sorted(ups):
        name = path.removesuffix(".sql").removesuffix(".up")
        down = downs.pop(version, "")
        found.add(
            scripts.make(
                tree,
                "sqlx",
                name,
                path,
                version=str(version),
                down_path=down,
                transactional=not tree.files[path].startswith(_OUTSIDE),
                down_transactional=not down or not tree.files[down].startswith(_OUTSIDE),
                checksums=(digests.sha384(tree.files[path]),),
            )
        )
    found.notes += [f"{path} is left out: it has no .up.sql" for path in downs.values()]
    return found.history("sqlx", tree)
