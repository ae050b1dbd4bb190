"""What `inv squash` returns."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from schemata.report import document

_SHOWN = 30


@dataclasses.dataclass(frozen=True)
class Squashed:
    """A squash that was proved, and made unless it was a dry run.

    :param written: the baselines by path; :param changed: files of which only `-- depends:` changed.
    :param rows: statements about rows that are repeated; :param left: those that do not fit the structure in the end.
    :param review: what could not be told, and was accepted; :param set_aside: columns with other values each time.
    :param unequal: rows that differ, and were accepted. :param kept: where the old files are, without a git.
    """

    through: str
    replaced: tuple[str, ...]
    written: Mapping[str, str]
    changed: tuple[str, ...]
    rows: tuple[str, ...]
    left: tuple[str, ...]
    review: tuple[str, ...]
    set_aside: tuple[str, ...]
    accepted: str
    unequal: tuple[str, ...]
    majors: tuple[int, ...]
    folder: str
    kept: str = ""
    dry_run: bool = False
    seconds: float = 0.0
    ok: bool = True
    exit_code: int = 0

    def blocks(self) -> list[document.Block]:
        """Return the baselines, what they repeat and what they do not, the proof, and how to take it back."""
        shown: list[document.Block] = []
        if self.dry_run:
            for path, text in self.written.items():
                shown += [document.Text(f"-- {path}", "bold"), document.Verbatim(text.rstrip()), document.Gap()]
        rows = tuple((path, text.count("\n")) for path, text in self.written.items())
        shown.append(document.Grid(("baseline", "lines"), rows))
        shown += _listing("Rows, after the structure", self.rows)
        shown += _listing("Left out, because it does not fit the structure that is left in the end", self.left)
        shown += _listing(f"Not kept, and accepted ({self.accepted})", (*self.review, *self.unequal))
        shown += _listing("Not compared, because the values are others each time", self.set_aside)
        on = ", ".join(map(str, self.majors))
        proved = "the structure of every schema, roles, rows and sequences are the same"
        if self.unequal:
            proved = "the structure of every schema and the roles are the same"
        old = document.number(len(self.replaced), "migration")
        shown += [
            document.Gap(),
            document.Text(
                f"Proved on PostgreSQL {on}: {proved}, with the {old} through {self.through} as with the baselines "
                f"({self.seconds} s).",
                "green",
            ),
        ]
        if self.changed:
            names = ", ".join(self.changed)
            shown.append(document.Text(f"Of these only the line `-- depends:` is another: {names}"))
        if self.dry_run:
            return [*shown, document.Text("Dry run: no file was changed.")]
        shown.append(document.Text(f"Replaced {old} in {self.folder}. Commit it all together."))
        back = "git checkout . && git clean -fd -- migrations" if not self.kept else f"the old files are in {self.kept}"
        shown.append(document.Text(f"To take it back before that: {back}"))
        return shown

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {**dataclasses.asdict(self), "written": dict(self.written)}


def _listing(title: str, lines: tuple[str, ...]) -> list[document.Block]:
    if not lines:
        return []
    more = [f"  … and {len(lines) - _SHOWN} more (--json has them all)"] if len(lines) > _SHOWN else []
    text = "\n".join([*(f"  {line}" for line in lines[:_SHOWN]), *more])
    return [document.Gap(), document.Text(f"{title}:"), document.Verbatim(text)]
