"""The project as a whole: its pages, its lock file, and what the base branch has."""

from __future__ import annotations

from collections.abc import Iterator

from schemata.lint import model
from schemata.lint.structure import locks

model.add(
    model.Rule(
        "non-linear",
        "error",
        "A new migration sorts before one that the base already has (`--base REF`).",
        "Where the base is deployed it is out of order, and `inv migrate` refuses it.",
        "inv migrate-restamp gives it a new time.",
        "engine",
        group="project",
    )
)
model.add(
    model.Rule(
        "edited",
        "error",
        "A migration that the base has means something else now (`--base REF`); comments and layout do not count.",
        "Databases that have it keep what it said before; `inv migrate` stops there because the file is changed.",
        "Put the old text back, and write another migration that makes the change.",
        "engine",
        group="project",
    )
)
model.add(
    model.Rule(
        "removed",
        "error",
        "A migration that the base has is gone, and no baseline stands for it (`--base REF`).",
        "`inv migrate` stops where it was applied: the record has no file.",
        "Bring it back, and write another migration that undoes it; `inv squash` replaces old ones.",
        "engine",
        group="project",
    )
)
model.add(
    model.Rule(
        "not-in-lock-file",
        "warning",
        "There is a lock file (migrations/manifest), and it is not of these migrations.",
        "Smoke, status and parity take what the migrations make from it: new tables and indexes are not looked for.",
        "inv lock",
        "engine",
        group="project",
    )
)


@model.rule(
    "page-without-index",
    "error",
    each="end",
    condition="The index of a declared page does not exist behind the last migration, or is of another table.",
    effect="The page reads and sorts the whole table; `inv smoke` fails once it is deployed.",
    workaround="Create the index, or declare the one that serves the page.",
    group="project",
)
def _page(end: model.End) -> Iterator[model.Located]:
    for page, table, columns, name in end.options.pages:
        index = end.catalog.indexes.get((table[0], name))
        if index is not None and index.table == table and _serves(index.columns, columns):
            continue
        if table not in end.catalog.tables:
            continue  # made by something that is not read here
        path, line = end.catalog.gone.get(("index", (table[0], name)), ("", 0))
        script = next((script for script in end.scripts if script.path == path), None)
        at = next((item.offset for item in script.statements if item.line == line), None) if script else None
        wanted = ", ".join(columns)
        if index is None:
            text = f"The page {page} is served by the index {name}, which no migration makes"
            text = f"{text[: -len('no migration makes')]}is dropped here" if script else text
        else:
            has = ", ".join(column or "expression" for column in index.columns)
            text = f"The page {page} needs an index on {locks.shown(table)} ({wanted}); {name} is on "
            text += f"{locks.shown(index.table)} ({has})"
        sql = f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {locks.quoted(name)}\n"
        sql += f"    ON {locks.quoted(*table)} ({', '.join(map(locks.quoted, columns))});"
        yield model.Located(path if script else "pyproject.toml", at, model.Hit(f"{text}.", sql))


def _serves(has: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    """Tell whether an index begins with the filter and the order of a page."""
    return has[: len(wanted)] == wanted
