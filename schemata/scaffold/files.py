"""What `init` would do to the files of a folder, as a value; and doing it. What is there is never overwritten."""

import dataclasses
from pathlib import Path
from typing import Literal

from schemata import errors

Action = Literal["create", "append", "there", "kept"]

#: What the report calls it: done, and in a dry run.
WORDS = {
    "create": ("written", "would be written"),
    "append": ("added to", "would be added to"),
    "there": ("as it should be", "as it should be"),
    "kept": ("yours, kept", "yours, kept"),
}


@dataclasses.dataclass(frozen=True)
class Step:
    """One file: what happens to it, the text that is written, and what a person may want to add where it is kept."""

    path: str
    action: Action
    text: str = dataclasses.field(default="", repr=False)
    note: str = ""


def read(path: Path) -> str | None:
    """Return the text of a file; None where there is none. Raises ConfigError where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise errors.ConfigError(
            f"{path} cannot be read: {error}", "Correct it, or start in another folder. Nothing was written."
        ) from error


def create(root: Path, name: str, text: str, note: str = "") -> Step:
    """Return the step for a file that is written where there is none; `note` says what it would have added."""
    present = read(root / name)
    if present is None:
        return Step(name, "create", text)
    if present == text:
        return Step(name, "there")
    return Step(name, "kept", note=note)


def do(root: Path, steps: "tuple[Step, ...]") -> None:
    """Write the files. A failure leaves those before it written; a second run goes on from there."""
    for step in steps:
        path = root / step.path
        try:
            if step.action == "create":
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("x", encoding="utf-8", newline="\n") as file:
                    file.write(step.text)
            elif step.action == "append":
                with path.open("a", encoding="utf-8", newline="\n") as file:
                    file.write(step.text)
        except OSError as error:
            raise errors.ConfigError(
                f"{path} cannot be written: {error.strerror}",
                "Correct the folder's permissions and run it again: what is written already stays as it is.",
            ) from error
