"""What a checklist comes to: one answer a line, and the whole."""

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal

from schemata import errors
from schemata.report import document

State = Literal["ok", "FAILED", "not asked"]

_COLOURS: dict[State, document.Colour] = {"ok": "", "FAILED": "red", "not asked": "yellow"}


@dataclasses.dataclass(frozen=True)
class Answer:
    """What one line found.

    :param text: one sentence.
    :param details: what people are shown below the table, where the line failed.
    :param exit_code: 0 where all is well.
    :param asked: False where there was nothing to ask, and `text` says why.
    """

    text: str
    exit_code: int = errors.DONE
    details: tuple[document.Block, ...] = ()
    asked: bool = True


@dataclasses.dataclass(frozen=True)
class Line:
    """One line of the checklist, answered.

    :param name: what `--only` and a CI system call it.
    :param title: what people read.
    """

    name: str
    title: str
    answer: Answer
    seconds: float

    @property
    def state(self) -> State:
        """Return how it ended, in a word."""
        if self.answer.exit_code:
            return "FAILED"
        return "ok" if self.answer.asked else "not asked"


@dataclasses.dataclass(frozen=True)
class Checklist:
    """All lines, in the order in which they were asked."""

    lines: tuple[Line, ...]
    scope: str

    @property
    def ok(self) -> bool:
        """Tell whether no line failed."""
        return not self._failed()

    @property
    def exit_code(self) -> int:
        """Return the worst of the lines' exit codes."""
        return errors.worst([line.answer.exit_code for line in self.lines])

    def _failed(self) -> list[Line]:
        return [line for line in self.lines if line.answer.exit_code]

    def blocks(self) -> Sequence[document.Block]:
        """Return the table, what failed in full, and the verdict."""
        rows = tuple((line.title, line.state, f"{line.seconds:.1f} s", line.answer.text) for line in self.lines)
        shown: list[document.Block] = [document.Text(self.scope), document.Gap()]
        shown.append(document.Grid(("check", "result", "took", "found"), rows))
        for line in self._failed():
            title = f"{line.name}: {line.answer.text}"
            shown += [document.Gap(), document.Text(title, _COLOURS[line.state]), *line.answer.details]
        failed, unasked = len(self._failed()), sum(line.state == "not asked" for line in self.lines)
        verdict = f"{failed} of {len(self.lines)} checks failed." if failed else "The checklist is complete."
        if unasked:
            verdict += f" {document.number(unasked, 'check')} had nothing to ask."
        return [*shown, document.Gap(), document.Text(verdict, "red" if failed else "green")]

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {
            "ok": self.ok,
            "exit_code": self.exit_code,
            "scope": self.scope,
            "checks": [
                {
                    "name": line.name,
                    "check": line.title,
                    "result": line.state,
                    "seconds": round(line.seconds, 3),
                    "found": line.answer.text,
                    "exit_code": line.answer.exit_code,
                }
                for line in self.lines
            ],
        }
