"""goose: files `<version>_<name>.sql` with both directions in them, and migrations in Go.

The digits before the first `_` are the version, above zero, and the order is numeric: 10 comes after 9 (migrate.go,
`NumericComponent`). A version comes once. `-- +goose NO TRANSACTION` counts for the whole file; ENVSUB replaces
`${…}` by the environment, which is a template here. goose keeps no checksum.
"""

import dataclasses
import re

from schemata.adoption import model
from schemata.adoption.formats import scripts, sections, versions

_NAME = re.compile(r"(?P<version>\d+)_.*\.(?P<kind>sql|go)")
_ENVSUBST = re.compile(r"^--\s*\+goose\s+ENVSUB(ST)? ON\s*$", re.MULTILINE | re.IGNORECASE)


def read(tree: model.Tree) -> model.History:
    """Return what a folder of goose holds."""
    found = scripts.Collected()
    files = []
    for path in tree.top(".sql", ".go"):
        match = _NAME.fullmatch(path)
        if match and not path.endswith("_test.go") and int(match["version"]) > 0:
            files.append((int(match["version"]), path))
        elif path.endswith(".sql"):
            found.pass_over("goose", path, "<number>_<name>.sql")
    versions.refuse_twice("goose", tree, files)
    for version, path in sorted(files):
        name = path.rpartition(".")[0]
        if path.endswith(".go"):
            found.add(model.Unreadable(name, str(version), path, "it is written in Go"))
            continue
        text = tree.files[path].decode("utf-8", "replace")
        inside = sections.goose_transaction(text)
        whole = scripts.make(
            tree, "goose", name, path, version=str(version), transactional=inside, down_transactional=inside
        )
        made = scripts.with_sections(whole, sections.goose)
        if isinstance(made, model.Script) and _ENVSUBST.search(text):
            note = "goose replaces ${…} in it by the environment (ENVSUB): give the values"
            made = dataclasses.replace(made, notes=(*made.notes, note))
        found.add(made)
    return found.history("goose", tree)
