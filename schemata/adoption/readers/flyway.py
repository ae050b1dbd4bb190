"""Flyway: `V<version>__<name>.sql`, `U…` that undoes, `R__<name>.sql` that is repeatable, `B<version>__…` a baseline.

Files count at any depth below the location. Versions are numbers with `.` or `_` between them, compared number by
number, and come once; repeatable files run after all versioned ones, by description
(flyway-core, MigrationVersion and ResolvedMigrationComparator). On an empty database the last `B` file stands for all
versions up to its own. `X.sql.conf` beside `X.sql` may say `executeInTransaction=false`. Files of other names that
begin like a callback are run by Flyway around the migrations; migrations in Java are not SQL. The ledger keeps CRC-32.
"""

import dataclasses
import re

from schemata.adoption import model
from schemata.adoption.formats import digests, scripts, versions
from schemata.migrations import migration

_NAME = re.compile(r"(?P<kind>[VUB])(?P<version>\d[\d._]*?)__(?P<title>.*)\.(?P<ending>sql|java|kt|class|py|sh|ps1)")
_REPEATABLE = re.compile(r"R__(?P<title>.*)\.(?P<ending>sql|java|kt|class|py|sh|ps1)")
_CALLBACK = re.compile(r"(before|after|create)[A-Z]\w*(__.*)?\.sql")
_OUTSIDE = re.compile(r"^\s*executeInTransaction\s*=\s*false\b", re.MULTILINE | re.IGNORECASE)
_REPEATS = "Flyway runs it again after each change; here it runs once, and a change is a migration of its own"


@dataclasses.dataclass(frozen=True)
class _File:
    kind: str
    version: str
    key: tuple[int, ...]
    title: str
    path: str


def read(tree: model.Tree) -> model.History:
    """Return what a location of Flyway holds."""
    found = scripts.Collected()
    files = []
    paths = tree.below(".sql", ".java", ".kt", ".class", ".py", ".sh", ".ps1")
    prefix = _prefix([path.rpartition("/")[2] for path in paths])
    if prefix:
        found.notes.append("no name has the prefix V, so the version is what the names begin with (sqlMigrationPrefix)")
    for path in paths:
        base = prefix + path.rpartition("/")[2]
        if match := _NAME.fullmatch(base):
            version = match["version"].replace("_", ".").rstrip(".")
            files.append(_File(match["kind"], version, versions.dotted(version), match["title"], path))
        elif match := _REPEATABLE.fullmatch(base.removeprefix(prefix)):
            files.append(_File("R", "", (), match["title"], path))
        elif _CALLBACK.fullmatch(base.removeprefix(prefix)):
            found.notes.append(f"{path} is left out: Flyway runs it around the migrations, and it is none")
        elif path.endswith(".sql"):
            found.pass_over("Flyway", path, "V<version>__<name>.sql and the like")
    for kind in "VUB":
        versions.refuse_twice("Flyway", tree, [(item.version, item.path) for item in files if item.kind == kind])
    undo = {item.key: item.path for item in files if item.kind == "U"}
    bases = sorted((item for item in files if item.kind == "B"), key=lambda item: item.key)
    start = bases[-1].key if bases else ()
    replaced = []
    for item in sorted(files, key=_order):
        if item.kind == "U":
            continue
        made = _script(tree, item, undo.pop(item.key, "") if item.kind == "V" else "")
        if item.kind == "R" or item.key > start or (item.kind == "B" and item.key == start):
            found.add(made)
        elif isinstance(made, model.Script):
            replaced.append(made)
    if replaced:
        found.notes.append(
            f"{bases[-1].path} is a baseline: an empty database gets it instead of {len(replaced)} older files"
        )
    found.notes += [f"{path} is left out: it undoes a version that has no file" for path in undo.values()]
    return dataclasses.replace(found.history("flyway", tree), replaced=tuple(replaced))


def _prefix(names: list[str]) -> str:
    """Return what is to be put in front of names that were configured to have no prefix."""
    if any(_NAME.fullmatch(name) for name in names) or not any(_NAME.fullmatch(f"V{name}") for name in names):
        return ""
    return "V"


def _order(item: _File) -> tuple[object, ...]:
    return (item.kind == "R", item.key, item.kind != "B", item.title if item.kind == "R" else "", item.path)


def _script(tree: model.Tree, item: _File, undo: str) -> model.Script | model.Unreadable:
    name = item.path.rpartition(".")[0]
    title = item.title.replace("_", " ")  # the description in the ledger
    if not item.path.endswith(".sql"):
        what = item.path.rpartition(".")[2]
        return model.Unreadable(name, item.version or title, item.path, f"it is a program ({what}), not SQL")
    conf = tree.files.get(f"{item.path}.conf", b"").decode("utf-8", "replace")
    made = scripts.make(
        tree,
        "flyway",
        name,
        item.path,
        version=item.version or title,
        title=title,
        down_path=undo,
        transactional=not _OUTSIDE.search(conf),
        checksums=(digests.flyway(tree.files[item.path]),),
    )
    if isinstance(made, model.Unreadable):
        return made
    # The name begins with a letter: the time stands behind it.
    time = item.version if migration.is_timestamp(item.version) else ""
    notes = (*made.notes, _REPEATS) if item.kind == "R" else made.notes
    return dataclasses.replace(
        made,
        time=time,
        rest=item.title if time else name,
        repeatable=item.kind == "R",
        baseline=item.kind == "B",
        notes=notes,
    )
