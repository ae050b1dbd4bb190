"""node-pg-migrate, its SQL files: `<time>_<name>.sql` with both directions in them, or `.up.sql` and `.down.sql`.

The order is numeric by what stands before the first `_`: 13 digits are milliseconds since 1970, 17 a time of day with
milliseconds; ties are ordered by name (src/migration.ts, `getNumericPrefix`). Hidden files are passed over. The name
without its ending is the identity in `pgmigrations`; there is no checksum. Files of JavaScript and TypeScript are not
SQL; `migrate --dry-run` of the tool, or `pgm.sql` in them, shows what they would send.
"""

import datetime

from schemata.adoption import model
from schemata.adoption.formats import scripts, sections, versions

_CODE = (".js", ".ts", ".cjs", ".mjs", ".mts", ".cts")


def read(tree: model.Tree) -> model.History:
    """Return what the folder `migrations` of node-pg-migrate holds."""
    found = scripts.Collected()
    paths = [path for path in tree.top(".sql", *_CODE) if not path.startswith(".") and not path.endswith(".d.ts")]
    pairs = {path for path in paths if path.endswith((".up.sql", ".down.sql"))}
    ups = [path for path in paths if not path.endswith(".down.sql")]
    for path in sorted(ups, key=lambda path: (_moment(path), versions.natural(path))):
        name = path.rpartition(".")[0]
        if path.endswith(_CODE):
            found.add(model.Unreadable(name, name, path, "it is written in JavaScript or TypeScript"))
        elif path in pairs:
            down = f"{path.removesuffix('.up.sql')}.down.sql"
            name = path.removesuffix(".up.sql")
            found.add(scripts.make(tree, "node-pg-migrate", name, path, down_path=down if down in pairs else ""))
        else:
            found.add(scripts.with_sections(scripts.make(tree, "node-pg-migrate", name, path), sections.node))
    return found.history("node-pg-migrate", tree)


def _moment(path: str) -> float:
    prefix = path.partition("_")[0].partition(".")[0]
    if not (prefix.isascii() and prefix.isdigit()):
        return 0
    if len(prefix) == 17:
        try:
            moment = datetime.datetime.strptime(f"{prefix[:14]}+0000", "%Y%m%d%H%M%S%z")
        except ValueError:
            return 0
        return moment.timestamp() * 1000 + int(prefix[14:])
    return int(prefix)
