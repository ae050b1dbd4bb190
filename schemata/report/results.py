"""Results that any command may return: a table, a message; and the database that a result is about."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from schemata.report import document


@dataclasses.dataclass(frozen=True)
class Target:
    """The database a command works on: where the choice came from, and its URL without the password."""

    url: str
    chosen_by: str
    database: str = ""
    user: str = ""
    server_version: str = ""

    def describe(self) -> str:
        """Return one line: always printed, so that nobody works on the wrong database unknowingly."""
        version = f", PostgreSQL {self.server_version}" if self.server_version else ""
        return f"{self.url} ({self.chosen_by}{version})"


@dataclasses.dataclass(frozen=True)
class Table:
    """Rows for people and the same rows for programs."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    notes: tuple[str, ...] = ()
    ok: bool = True
    exit_code: int = 0
    facts: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def blocks(self) -> list[document.Block]:
        """Return title, rows and notes."""
        found: list[document.Block] = [document.Text(self.title, "bold")] if self.title else []
        if self.rows:
            found.append(document.Grid(self.columns, self.rows))
        return [*found, *(document.Text(note) for note in self.notes)]

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {
            "ok": self.ok,
            **self.facts,
            "rows": [dict(zip(self.columns, row, strict=True)) for row in self.rows],
            "notes": list(self.notes),
        }


@dataclasses.dataclass(frozen=True)
class Message:
    """A plain sentence, with the facts it is made of."""

    text: str
    ok: bool = True
    exit_code: int = 0
    facts: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def blocks(self) -> list[document.Block]:
        """Return the text."""
        return [document.Text(self.text)]

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {"ok": self.ok, "text": self.text, **self.facts}
