"""Make the value of a script from its files, or of a file that cannot be read."""

import dataclasses
import re
from collections.abc import Callable, Sequence

from schemata.adoption import model
from schemata.adoption.formats import digests, texts

_LIKE_A_MIGRATION = re.compile(r"[VUBRvubr]?\d")


@dataclasses.dataclass
class Collected:
    """What a reader has collected so far, in the tool's order."""

    scripts: list[model.Script] = dataclasses.field(default_factory=list)
    unreadable: list[model.Unreadable] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)

    def add(self, item: model.Script | model.Unreadable) -> None:
        """Take one more."""
        if isinstance(item, model.Script):
            self.scripts.append(item)
        else:
            self.unreadable.append(item)

    def pass_over(self, tool: str, path: str, names: str) -> None:
        """Note a file that the tool passes over; one that is named like a migration is as good as unreadable.

        A history with many of those is another tool's, and without them it would have holes.
        """
        base = path.rpartition("/")[2]
        if _LIKE_A_MIGRATION.match(base):
            name = path.rpartition(".")[0]
            self.add(model.Unreadable(name, name, path, f"{tool} passes over it, as it takes {names}"))
        else:
            self.notes.append(f"{path} is left out: {tool} takes {names}")

    def history(self, tool: str, tree: model.Tree) -> model.History:
        """Return all of it. Raises UnreadHistory where there is nothing."""
        if not self.scripts and not self.unreadable:
            raise nothing(tool, tree)
        return model.History(
            tool, tree.root, tuple(self.scripts), tuple(self.unreadable), notes=tuple(dict.fromkeys(self.notes))
        )


def nothing(tool: str, tree: model.Tree, wanted: str = "") -> model.NothingThere:
    """Return the refusal of a folder in which there is nothing of the tool."""
    return model.NothingThere(
        f"{tree.root} holds no migration of {tool}{f': {wanted}' if wanted else ''}",
        "Name the folder that the tool itself reads, or another tool (folder takes any files of SQL).",
    )


def make(
    tree: model.Tree,
    tool: str,
    name: str,
    path: str,
    *,
    version: str = "",
    title: str = "",
    down_path: str = "",
    transactional: bool = True,
    down_transactional: bool = True,
    checksums: Sequence[str] = (),
) -> model.Script | model.Unreadable:
    """Return the script of a file that holds SQL from its first line to its last, its down file beside it.

    :param checksums: the tool's own, then the others that it accepts; SHA-256 of the file where there are none.
    """
    data = tree.files[path]
    named, rest = texts.time_and_rest(name)
    try:
        up, notes = texts.decoded(data)
        down = None
        if down_path:
            down, more = texts.decoded(tree.files[down_path])
            notes += tuple(f"its down file: {note}" for note in more)
    except ValueError as error:
        return model.Unreadable(name, version or name, path, str(error))
    return model.Script(
        tool=tool,
        name=name,
        version=version or name,
        title=title or readable(rest),
        path=path,
        up=up,
        checksum=checksums[0] if checksums else digests.sha256(data),
        down=down,
        down_path=down_path,
        accepted=tuple(checksums[1:]),
        time=named,
        rest=rest,
        transactional=transactional,
        down_transactional=down_transactional,
        notes=notes,
    )


def with_sections(
    script: model.Script | model.Unreadable,
    cut: Callable[[str], tuple[str, str | None]],
    transactional: Callable[[str], bool] | None = None,
) -> model.Script | model.Unreadable:
    """Return a script whose file holds both directions, each in its section.

    :param cut: returns the SQL of both; raises ValueError for a file that the tool would refuse.
    :param transactional: tells by a section whether the tool runs it in a transaction, where sections differ.
    """
    if isinstance(script, model.Unreadable):
        return script
    try:
        up, down = cut(script.up)
    except ValueError as error:
        return model.Unreadable(script.name, script.version, script.path, str(error))
    return dataclasses.replace(
        script,
        up=up,
        down=down,
        down_path=script.path if down is not None else "",
        transactional=transactional(up) if transactional else script.transactional,
        down_transactional=transactional(down or "") if transactional else script.down_transactional,
    )


def readable(text: str) -> str:
    """Return a name as words.

    >>> readable("add_user-index")
    'add user index'
    """
    return " ".join(text.replace("_", " ").replace("-", " ").split())
