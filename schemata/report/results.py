"""What the commands return: frozen values with `.ok` and `.exit_code`, rendered by `report`."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from schemata import errors
from schemata.history import comparison


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
class Status:
    """The answer of `migrate-status`."""

    target: Target
    compared: comparison.Comparison
    schemas: tuple[str, ...]
    checked: bool = False

    @property
    def exit_code(self) -> int:
        """Return the worst of the findings; pending counts only when it was asked for."""
        codes = [finding.exit_code for finding in self.compared.findings]
        return errors.worst([code for code in codes if self.checked or code != errors.PENDING])

    @property
    def ok(self) -> bool:
        """Tell whether nobody has to do anything, pending migrations included."""
        return all(finding.exit_code == errors.DONE for finding in self.compared.findings)

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {
            "ok": self.ok,
            "exit_code": self.exit_code,
            "target": dataclasses.asdict(self.target),
            "revision": self.compared.revision,
            "database_revision": self.compared.database_revision,
            "migrations": [dataclasses.asdict(row) for row in self.compared.rows],
            "findings": [dataclasses.asdict(finding) for finding in self.compared.findings],
        }


@dataclasses.dataclass(frozen=True)
class Applied:
    """One migration that this run applied or rolled back."""

    id: str
    schema: str
    statements: int
    tries: int
    seconds: float


@dataclasses.dataclass(frozen=True)
class Migrated:
    """The answer of `migrate` and `rollback`. With `planned` nothing was changed."""

    target: Target
    verb: str
    done: tuple[Applied, ...] = ()
    planned: tuple[Mapping[str, Any], ...] = ()
    revision: str = ""
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    dry_run: bool = False
    ok: bool = True
    exit_code: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {
            "ok": self.ok,
            "target": dataclasses.asdict(self.target),
            "dry_run": self.dry_run,
            self.verb: [dataclasses.asdict(item) for item in self.done],
            "planned": [dict(item) for item in self.planned],
            "revision": self.revision,
            "notes": list(self.notes),
            "seconds": self.seconds,
        }


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

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {"ok": self.ok, "text": self.text, **self.facts}


Result = Status | Migrated | Table | Message
Results = Sequence[Result]
