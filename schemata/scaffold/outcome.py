"""What `schemata init` returns."""

import dataclasses
from typing import Any

from schemata.report import document
from schemata.scaffold import files


@dataclasses.dataclass(frozen=True)
class Initialised:
    """The files of a project, each with what became of it. `source` is the database that the migrations are from."""

    root: str
    steps: tuple[files.Step, ...]
    notes: tuple[str, ...] = ()
    next_steps: tuple[str, ...] = ()
    source: str = ""
    dry_run: bool = False
    ok: bool = True
    exit_code: int = 0

    def blocks(self) -> list[document.Block]:
        """Return a row for each file, what to add by hand, and what to type next."""
        found: list[document.Block] = []
        if self.source:
            found.append(document.Text(f"Source: {self.source}"))
        rows = tuple((files.WORDS[step.action][self.dry_run], step.path) for step in self.steps)
        found.append(document.Grid(("what", "file"), rows))
        found += [document.Text(note) for note in self.notes]
        for step in self.steps:
            if step.note:
                found += [document.Text(f"{step.path} is yours; it needs:"), document.Verbatim(_indented(step.note))]
        if self.next_steps:
            found += [document.Text("Next:"), document.Verbatim(_indented("\n".join(self.next_steps)))]
        return found

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {
            "ok": self.ok,
            "root": self.root,
            "dry_run": self.dry_run,
            "source": self.source,
            "files": [{"path": step.path, "action": step.action, "note": step.note} for step in self.steps],
            "notes": list(self.notes),
            "next": list(self.next_steps),
        }


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" if line else "" for line in text.rstrip("\n").split("\n"))
