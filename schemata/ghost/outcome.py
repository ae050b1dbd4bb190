"""What a capture of sizes comes to: for people and for programs. Pure."""

import dataclasses
import difflib
from typing import Any

from schemata import errors
from schemata.report import document, results
from schemata.scale import scale

_COLUMNS = ("table", "rows", "columns")


@dataclasses.dataclass(frozen=True)
class Capture:
    """The sizes of a database, and what became of the file that holds them.

    :param file: the path for people, and `path` for programs. :param before: what the file said; None where there was
        none. :param after: what the database says. :param unseen: tables that no ANALYZE has seen. :param unread:
        tables of which this role may not read the statistics.
    :param is_partial: whether that some are unseen or unread was asked for.
    :param is_written: whether the file says now what the database says.
    """

    target: results.Target
    file: str
    path: str
    scale: scale.Scale
    before: str | None
    after: str
    unseen: tuple[str, ...]
    unread: tuple[str, ...]
    is_partial: bool
    is_written: bool

    @property
    def is_whole(self) -> bool:
        """Tell whether every table is known, or nobody asked for that."""
        return self.is_partial or not (self.unseen or self.unread)

    @property
    def ok(self) -> bool:
        """Tell whether the file says what the database says."""
        return self.is_written

    @property
    def exit_code(self) -> int:
        """Return 1 where the file stayed as it was, and a person has to say what is to become of it."""
        return errors.DONE if self.ok else errors.NEEDS_PERSON

    def difference(self) -> list[str]:
        """Return how the file and the database differ, as a unified diff; empty where there was no file."""
        if self.before is None:
            return []
        old, new = self.before.splitlines(), self.after.splitlines()
        return list(difflib.unified_diff(old, new, self.file, self.target.database, lineterm=""))

    def blocks(self) -> list[document.Block]:
        """Return the sizes, what is not known, and the difference where the file stayed as it was."""
        rows = tuple((name, f"{one.rows:,}", len(one.n_distinct)) for name, one in self.scale.tables.items())
        shown: list[document.Block] = [
            document.Text(f"Target: {self.target.describe()}"),
            document.Gap(),
            document.Grid(_COLUMNS, rows),
            document.Gap(),
            *map(document.Text, self.notes),
        ]
        if self.is_written or not self.is_whole:
            return shown
        return [*shown, document.Gap(), document.Verbatim("\n".join(self.difference()), difference=True)]

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what is not known, and what became of the file."""
        told = []
        if self.unseen:
            told.append(
                f"Not known, because no ANALYZE has seen them: {', '.join(self.unseen)}. Run ANALYZE there and then "
                "this command again."
            )
        if self.unread:
            told.append(
                f"Only the rows of {', '.join(self.unread)} are known: this role may not read their statistics. "
                "GRANT SELECT, or pg_read_all_data."
            )
        tables = document.number(len(self.scale.tables), "table")
        if self.is_written:
            same = self.before == self.after
            told.append(f"{self.file} says so already." if same else f"{tables} written to {self.file}.")
        elif not self.is_whole:
            told.append("Nothing was written. --partial writes what is known.")
        else:
            told.append(
                f"{self.file} is there and says something else, so it stays as it is: --yes replaces it, --out FILE "
                "writes another one."
            )
        return tuple(told)

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {
            "ok": self.ok,
            "exit_code": self.exit_code,
            "target": dataclasses.asdict(self.target),
            "file": self.path,
            "written": self.is_written,
            "difference": [] if self.is_written else self.difference(),
            "not_analysed": list(self.unseen),
            "not_readable": list(self.unread),
            "rows": [
                {"table": name, "rows": one.rows, "columns": len(one.n_distinct)}
                for name, one in self.scale.tables.items()
            ],
            "notes": list(self.notes),
        }
