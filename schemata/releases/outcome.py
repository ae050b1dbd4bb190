"""What `inv rehearse-release` returns."""

import dataclasses
from typing import Any

from schemata import errors
from schemata.report import document

_SHOWN = 160


@dataclasses.dataclass(frozen=True)
class Failure:
    """Something that a release did before a migration, and cannot do after it.

    :param side: which release, before or this. :param migration_id: after which migration it fails first.
    """

    side: str
    migration_id: str
    table: str
    column: str
    statement: str
    message: str
    instead: str

    @property
    def subject(self) -> str:
        """Return what it is about: the migration, then the table and the column where they are known."""
        where = ".".join(filter(None, (self.table, self.column)))
        return f"{self.migration_id}: {where}" if where else self.migration_id


@dataclasses.dataclass(frozen=True)
class Rehearsed:
    """The verdict on two releases. :param revision: of the release before. :param migrations: what was judged."""

    revision: str
    where: str
    major: int
    migrations: tuple[str, ...]
    held: tuple[str, ...] = ()
    backfills: tuple[str, ...] = ()
    asked: int = 0
    failures: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Tell whether the release before runs with all of them, and this one too."""
        return not self.failures

    @property
    def exit_code(self) -> int:
        """Return 0 where it is proved."""
        return errors.DONE if self.ok else errors.NEEDS_PERSON

    def blocks(self) -> list[document.Block]:
        """Return it for people."""
        number = document.number
        shown: list[document.Block] = [
            document.Text(f"The release before is {self.revision[:12]}; on {self.where}, in a database with rows."),
            document.Text(
                f"Applied on it: {', '.join(self.migrations) or 'nothing, it has all migrations that are not held'}"
            ),
        ]
        if self.backfills:
            shown.append(document.Text(f"Then backfilled: {', '.join(self.backfills)}"))
        if self.held:
            shown.append(document.Text(f"Held, and not part of it: {', '.join(self.held)}", "dim"))
        for one in self.failures:
            text = f"{one.side} fails: {one.message}"
            code = "previous-release" if one.side == "the release before" else "this-release"
            line = " ".join(one.statement.split())
            excerpt = line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…"
            shown.append(document.Finding(code, one.subject, text, one.instead, excerpt, "red"))
        shown += [document.Text(note, "yellow") for note in self.notes]
        told = "Proved" if self.ok else f"Not proved, {number(len(self.failures), 'failure')}"
        last = f"{told}: {number(self.asked, 'statement')} of two releases ({self.seconds:.1f} s)."
        return [*shown, document.Gap(), document.Text(last, "" if self.ok else "red")]

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {**dataclasses.asdict(self), "ok": self.ok, "seconds": round(self.seconds, 3)}
