"""Alembic, as SQL: what `alembic upgrade head --sql` writes, and `alembic downgrade head:base --sql` beside it.

Its migrations are Python; offline mode writes the SQL of each revision behind `-- Running upgrade … -> …`. One file
may hold all revisions, or each its own; the order is that of the revisions, not of the files. The statements on
`alembic_version` are the tool's own and are left out. The revision is the identity in `alembic_version`, which keeps
the last ones only; there is no checksum.
"""

import dataclasses

from schemata.adoption import model
from schemata.adoption.formats import alembic_script, digests, scripts, texts

_OWN = "an `autocommit_block` gave it a BEGIN and COMMIT of its own"


def read(tree: model.Tree) -> model.History:
    """Return what the files of Alembic's offline mode hold."""
    found = scripts.Collected()
    ups: dict[str, model.Script] = {}
    downs: dict[str, tuple[str, str]] = {}
    for path in tree.below(".sql", ".SQL"):
        try:
            text, notes = texts.decoded(tree.files[path])
            sections = list(alembic_script.sections(text))
        except ValueError as error:
            found.add(model.Unreadable(path, path, path, str(error)))
            continue
        if not sections:
            why = "it has no line `-- Running upgrade … -> …`: write it with `alembic upgrade head --sql`"
            found.add(model.Unreadable(path, path, path, why))
        for part in sections:
            if not part.up:
                downs[part.revision] = (path, part.sql)
                continue
            if part.revision in ups:
                raise model.UnreadHistory(
                    f"{tree.named(ups[part.revision].path)} and {tree.named(path)} both hold revision {part.revision}",
                    "Keep one of them.",
                )
            ups[part.revision] = _script(part, path, notes)
    for path in tree.below(".py"):
        if "env.py" not in path and not ups:
            found.add(
                model.Unreadable(path, path, path, "it is Python: write its SQL with `alembic upgrade head --sql`")
            )
    for script in _ordered(tree, ups):
        path, down = downs.get(script.version, ("", None))
        found.add(dataclasses.replace(script, down=down, down_path=path))
    return found.history("alembic-sql", tree)


def _script(part: alembic_script.Section, path: str, notes: tuple[str, ...]) -> model.Script:
    return model.Script(
        tool="alembic-sql",
        name=part.revision,
        version=part.revision,
        title=f"revision {part.revision}",
        path=path,
        up=part.sql,
        checksum=digests.sha256(part.sql.encode()),
        rest=part.revision,
        requires=part.others,
        notes=(*notes, _OWN) if part.split else notes,
    )


def _ordered(tree: model.Tree, ups: dict[str, model.Script]) -> list[model.Script]:
    """Return the revisions so that each comes after those that it comes from, otherwise as they stand in the files."""
    done: set[str] = set()
    ordered: list[model.Script] = []
    left = list(ups.values())
    bases = {need for script in left for need in script.requires if need not in ups}
    if len(bases) > 1 or (bases and any(not script.requires for script in left)):
        raise model.UnreadHistory(
            f"{tree.root} lacks the revisions {', '.join(sorted(bases))}, from which others upgrade",
            "Write all of them: alembic upgrade head --sql",
        )
    while left:
        ready = next((script for script in left if set(script.requires) - bases <= done), None)
        if ready is None:
            names = ", ".join(script.version for script in left)
            raise model.UnreadHistory(f"the revisions {names} wait for each other", "Write them again with Alembic.")
        left.remove(ready)
        ordered.append(ready)
        done.add(ready.version)
    return ordered
