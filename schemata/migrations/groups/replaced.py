"""What a baseline of `inv squash` says of the migrations that it stands for.

A database that has those is at the same state as one that ran the baseline: so a set of files has several forms, and
each has its digest.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence

from schemata.migrations import checksums, migration

Members = Mapping[str, str]


def checked(items: Sequence[migration.Migration]) -> list[migration.Migration]:
    """Return the migrations as a database records them; refuse a baseline beside the files that it replaces.

    A file of which a squash changed nothing but the `-- depends:` lines keeps its checksum of before.
    """
    rewritten = {(one.id, one.after): one.before for item in items for one in item.directives.rewritten}
    by_id = {item.id: item for item in items}
    for item in items:
        both = [one.id for one in item.directives.replaces if one.id in by_id]
        if both:
            raise migration.InvalidMigration(
                item.path,
                0,
                f"it replaces {both[0]}{f' and {len(both) - 1} more' if len(both) > 1 else ''}, and the file of that "
                "is there as well: run from the first one, both would make the same objects",
                "Keep one form. To take a squash back that is not committed: git checkout . && git clean -fd -- "
                "migrations; to keep it, delete the replaced files.",
            )
    return [
        dataclasses.replace(item, checksum=rewritten.get((item.id, item.checksum), item.checksum)) for item in items
    ]


def baselines(items: Iterable[migration.Migration]) -> list[migration.Migration]:
    """Return the migrations that stand for others."""
    return [item for item in items if item.directives.replaces]


def forms(items: Sequence[migration.Migration]) -> tuple[str, ...]:
    """Return the digests of a database that has what the baselines replace instead of them; none without baselines.

    The first has the migrations that were replaced last; where a baseline of before is among them, there is a digest
    for what that one had replaced, and so on.
    """
    found = []
    parts: dict[str, list[migration.Replaced]] = {}
    for item in baselines(items):
        for one in item.directives.replaces:
            parts.setdefault(one.within or item.id, []).append(one)
    members = {item.id: item.checksum for item in items}
    while expanded := _expanded(members, parts):
        members = expanded
        found.append(checksums.of(list(members.items())))
    return tuple(found)


def _expanded(members: Members, parts: Mapping[str, Sequence[migration.Replaced]]) -> dict[str, str]:
    """Return the members with what each baseline among them replaces in its place; nothing where there is none."""
    if not members.keys() & parts.keys():
        return {}
    found: dict[str, str] = {}
    for id_, checksum in members.items():
        found.update({one.id: one.checksum for one in parts[id_]} if id_ in parts else {id_: checksum})
    return found


def missing(item: migration.Migration, ids: Iterable[str]) -> tuple[migration.Replaced, ...]:
    """Return what of a baseline is not among these ids; an earlier baseline is there where all of its own are."""
    known = set(ids)
    return tuple(_missing(item, "", known))


def _missing(item: migration.Migration, within: str, known: set[str]) -> Iterator[migration.Replaced]:
    for one in item.directives.replaces:
        if one.within != within or one.id in known:
            continue
        own = [other for other in item.directives.replaces if other.within == one.id]
        if own:
            yield from _missing(item, one.id, known)
        else:
            yield one
