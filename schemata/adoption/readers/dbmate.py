"""dbmate: files `<version>_<name>.sql` with both directions in them.

A file counts when its name begins with digits and ends in `.sql` (pkg/dbmate/db.go, `^(\\d+).*\\.sql$`); the order is
that of the names; the digits are the version in `schema_migrations`. Each section runs in a transaction unless
`transaction:false` stands on its marker's line. Checksums are kept by late releases only: SHA-256 of the file.
"""

import re

from schemata.adoption import model
from schemata.adoption.formats import scripts, sections

_NAME = re.compile(r"(?P<version>\d+).*\.sql")


def read(tree: model.Tree) -> model.History:
    """Return what the folder `db/migrations` holds."""
    found = scripts.Collected()
    for path in tree.top(".sql"):
        match = _NAME.fullmatch(path)
        if match is None:
            found.pass_over("dbmate", path, "files whose names begin with digits")
            continue
        whole = scripts.make(tree, "dbmate", path.removesuffix(".sql"), path, version=match["version"])
        found.add(scripts.with_sections(whole, sections.dbmate, sections.dbmate_transaction))
    return found.history("dbmate", tree)
