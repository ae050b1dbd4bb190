"""The text of a baseline: what it stands for, the structure, and what the replaced migrations did to rows."""

import dataclasses
from collections.abc import Sequence

from schemata.migrations import migration
from schemata.squash import effects, structure


@dataclasses.dataclass(frozen=True)
class Kept:
    """Statements of one replaced migration that a baseline repeats. `undo` takes back what they set."""

    id: str
    schema: str
    parts: tuple[effects.Part, ...]
    undo: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Baseline:
    """One baseline.

    :param server: statements about roles and the like, which come first.
    :param statements: the structure.
    :param rows: what is repeated after it, by migration.
    :param refreshed: materialized views that held rows, in the order in which they were made.
    """

    id: str
    schema: str
    title: str
    source: str
    depends: tuple[str, ...]
    replaces: tuple[migration.Replaced, ...]
    rewritten: tuple[migration.Rewritten, ...]
    server: tuple[Kept, ...]
    statements: tuple[str, ...]
    rows: tuple[Kept, ...]
    refreshed: tuple[str, ...]
    accepted: str = ""


def replaces(item: migration.Migration) -> list[migration.Replaced]:
    """Return what a baseline says of a migration that it replaces: of an earlier baseline also what that replaced."""
    inside = [one._replace(within=one.within or item.id) for one in item.directives.replaces]
    return [migration.Replaced(item.id, item.checksum), *inside]


def text(one: Baseline, search_path: str) -> str:
    """Return the file. `search_path` has a place for the schema of a migration, as the settings say it."""
    count = sum(not part.within for part in one.replaces)
    head = [
        f"-- {one.title}",
        "--",
        f"-- Written by inv squash {one.source}. A database that has what it replaces has it too.",
    ]
    if one.accepted:
        head.append(f"-- What could not be kept was accepted: {one.accepted}")
    head.append(f"-- irreversible: it replaces {count} migrations, whose rollbacks went with them")
    if one.depends:
        head.append(f"-- depends: {' '.join(one.depends)}")
    for part in one.replaces:
        within = f" in {part.within}" if part.within else ""
        head.append(f"-- replaces: {part.id} {part.checksum}{within}")
    head += [f"-- rewritten: {part.id} {part.before} {part.after}" for part in one.rewritten]
    pieces = ["\n".join(head) + "\n"]
    if one.server:
        pieces.append("-- Roles and the like, which belong to the server or to the whole database.\n")
        pieces += [_group(kept) for kept in one.server]
    if one.statements:
        pieces.append(structure.HEAD)
        pieces += [f"{statement};\n" for statement in one.statements]
    if one.rows:
        pieces.append("-- What the replaced migrations did to rows, in their order.\n")
        for kept in one.rows:
            pieces.append(f"-- {kept.id}\nSET LOCAL search_path = {search_path.format(schema=kept.schema)};\n")
            pieces.append(_group(kept))
    pieces += [f"REFRESH MATERIALIZED VIEW {name};\n" for name in one.refreshed]
    return "\n".join(pieces)


def _group(kept: Kept) -> str:
    return "\n".join([*map(whole, kept.parts), *(f"{text};\n" for text in kept.undo)])


def whole(part: effects.Part) -> str:
    """Return a statement as it stands in a file, with the rows that follow it."""
    item = part.statement
    return f"{item.text};\n" + (f"{item.rows}\\.\n" if item.data is not None else "")


def kept(item: migration.Migration, parts: Sequence[effects.Part], effect: effects.Effect) -> Kept | None:
    """Return the statements of a migration with that effect, and what is set for them; None where it has none."""
    if not any(part.effect == effect for part in parts):
        return None
    last = max(number for number, part in enumerate(parts) if part.effect == effect)
    chosen = tuple(part for part in parts[: last + 1] if part.effect in (effect, "session"))
    undo = dict.fromkeys(name for part in chosen if (name := effects.undo(part.statement)))
    return Kept(item.id, item.schema, chosen, tuple(undo))
