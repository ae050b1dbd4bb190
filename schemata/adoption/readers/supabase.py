"""Supabase's CLI: files `<digits>_<name>.sql` in the order of their names.

Other names are passed over, and so is a first file `<time>_init.sql` from before 2021-12-09 (pkg/migration/list.go,
`ListLocalMigrations`). The digits are the version in `supabase_migrations.schema_migrations`; each file is one batch,
which is one transaction; there are no down files and no checksum.
"""

import re

from schemata.adoption import model
from schemata.adoption.formats import scripts

_NAME = re.compile(r"(?P<version>[0-9]+)_(?P<title>.*)\.sql")
_OLD_INIT = re.compile(r"([0-9]{14})_init\.sql")


def read(tree: model.Tree) -> model.History:
    """Return what the folder `supabase/migrations` holds."""
    found = scripts.Collected()
    for number, path in enumerate(tree.top(".sql")):
        match = _NAME.fullmatch(path)
        old = _OLD_INIT.fullmatch(path)
        if match is None:
            found.pass_over("Supabase", path, "<digits>_<name>.sql")
        elif number == 0 and old and int(old[1]) < 20211209000000:
            found.notes.append(f"{path} is left out: Supabase passes over a first file of this name")
        else:
            found.add(scripts.make(tree, "supabase", path.removesuffix(".sql"), path, version=match["version"]))
    return found.history("supabase", tree)
