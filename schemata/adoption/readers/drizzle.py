"""Drizzle: `meta/_journal.json` lists the files in order; statements are parted by `--> statement-breakpoint`.

Each part is sent by itself, so a part without a semicolon at its end gets one here; the marker is a comment to
PostgreSQL. The ledger keeps the SHA-256 of each file and the journal's time `when` in milliseconds, by which the tool
tells what is applied (drizzle-orm/src/migrator.ts; pg-core/dialect.ts, `migrate`). Where there is no journal, as in
late releases, each folder with `migration.sql` in it is a migration, by name.
"""

import dataclasses
import json

from schemata.adoption import model
from schemata.adoption.formats import digests, scripts
from schemata.sql import parser

_BREAK = "--> statement-breakpoint"


def read(tree: model.Tree) -> model.History:
    """Return what the folder `drizzle` holds."""
    found = scripts.Collected()
    for name, path, when in _listed(tree):
        if path not in tree.files:
            found.add(model.Unreadable(name, when or name, path, "the journal names it, but there is no such file"))
            continue
        made = scripts.make(
            tree, "drizzle", name, path, version=when or name, checksums=digests.drizzle(tree.files[path])
        )
        if isinstance(made, model.Script):
            text, ended = _ended(made.up)
            note = ("a semicolon was put at the end of its parts that had none",) if ended else ()
            made = dataclasses.replace(made, up=text, notes=(*made.notes, *note))
        found.add(made)
    listed = {script.path for script in found.scripts}
    found.notes += [
        f"{path} is left out: the journal does not name it" for path in tree.top(".sql") if path not in listed
    ]
    return found.history("drizzle", tree)


def _listed(tree: model.Tree) -> list[tuple[str, str, str]]:
    """Return (name, path, time of the journal) of each migration in order."""
    journal = tree.files.get("meta/_journal.json")
    if journal is None:
        folders = [name for name in tree.folders() if f"{name}/migration.sql" in tree.files]
        if not folders:
            raise scripts.nothing("Drizzle", tree, "there is no meta/_journal.json")
        return [(name, f"{name}/migration.sql", "") for name in folders]
    try:
        entries = json.loads(journal)["entries"]
        return [(str(entry["tag"]), f"{entry['tag']}.sql", str(int(entry["when"]))) for entry in entries]
    except (ValueError, KeyError, TypeError) as error:
        raise model.UnreadHistory(
            f"{tree.named('meta/_journal.json')} is not as Drizzle writes it: {error}",
            "Bring it back from version control.",
        ) from error


def _ended(text: str) -> tuple[str, bool]:
    """Return a text of which each part ends in a semicolon, and whether one was missing."""
    parts = text.split(_BREAK)
    made = []
    for part in parts[:-1]:
        made.append(_with_semicolon(part))
    made.append(parts[-1])
    joined = _BREAK.join(made)
    return joined, joined != text


def _with_semicolon(part: str) -> str:
    try:
        tokens = parser.tokens(part)
    except parser.Refused:
        return part  # a break inside of a literal, which the tool would cut through
    data = part.encode()
    if not tokens or data[tokens[-1][0] : tokens[-1][1]] == b";":
        return part
    end = tokens[-1][1]
    return f"{data[:end].decode()};{data[end:].decode()}"
