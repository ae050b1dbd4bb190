"""Diesel: a folder a migration with `up.sql` and `down.sql` in it, and `metadata.toml` where it is wanted.

The version is what stands before the first `_`, without `-`; the order is that of the versions as texts
(migrations_internals, `version_from_string`; diesel_migrations sorts by version). Each runs in a transaction unless
`metadata.toml` says `run_in_transaction = false`. Diesel keeps no checksum.
"""

import dataclasses
import re

from schemata.adoption import model
from schemata.adoption.formats import scripts, texts, versions

_NO_TRANSACTION = re.compile(r"^\s*run_in_transaction\s*=\s*false\b", re.MULTILINE)


def read(tree: model.Tree) -> model.History:
    """Return what a folder `migrations` of Diesel holds."""
    found = scripts.Collected()
    folders = [(name.partition("_")[0].replace("-", ""), name) for name in tree.folders() if not name.startswith(".")]
    versions.refuse_twice("Diesel", tree, folders)
    for version, name in sorted(folders):
        if f"{name}/up.sql" not in tree.files:
            found.add(model.Unreadable(name, version, name, "the folder has no up.sql"))
            continue
        down = f"{name}/down.sql"
        metadata = tree.files.get(f"{name}/metadata.toml", b"").decode("utf-8", "replace")
        inside = not _NO_TRANSACTION.search(metadata)
        made = scripts.make(
            tree,
            "diesel",
            name,
            f"{name}/up.sql",
            version=version,
            down_path=down if down in tree.files else "",
            transactional=inside,
            down_transactional=inside,
        )
        if isinstance(made, model.Script):
            time, rest = texts.time_and_rest(version)[0], name.partition("_")[2]
            made = dataclasses.replace(made, time=time, rest=rest if time else name, title=scripts.readable(rest))
        found.add(made)
    return found.history("diesel", tree)
