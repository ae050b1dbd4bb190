"""What a seed did, as data."""

import dataclasses
from typing import Any

from schemata import errors
from schemata.report import document, results


@dataclasses.dataclass(frozen=True)
class Filled:
    """A table: how many rows of the seed it had, how many were added, in how many seconds.

    :param note: why it has fewer than were wanted, or nothing.
    """

    table: str
    before: int
    added: int
    seconds: float = 0.0
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Problem:
    """A table that gets no rows: why, and what to set."""

    table: str
    reason: str
    remedy: str


@dataclasses.dataclass(frozen=True)
class Seeded:
    """What became of a seed. :param tried: nothing was written, because rows of some tables were refused."""

    target: results.Target
    seed: int
    filled: tuple[Filled, ...] = ()
    problems: tuple[Problem, ...] = ()
    tried: bool = False

    @property
    def ok(self) -> bool:
        """Tell whether every table has its rows."""
        return not self.problems

    @property
    def exit_code(self) -> int:
        """Return 0, or 1 where a table has not."""
        return errors.NEEDS_PERSON if self.problems else errors.DONE

    @property
    def added(self) -> int:
        """Return how many rows were added."""
        return sum(one.added for one in self.filled)

    def blocks(self) -> list[document.Block]:
        """Return the target, the tables that were filled, and what was not."""
        found: list[document.Block] = [document.Text(f"Target: {self.target.describe()}")]
        shown = [one for one in self.filled if one.added or one.note]
        if shown:
            rows = tuple((one.table, one.before, one.added, _rate(one), one.note) for one in shown)
            found += [document.Gap(), document.Grid(("table", "had", "added", "rows/s", "note"), rows), document.Gap()]
        for problem in self.problems:
            found.append(document.Finding("not-seeded", problem.table, problem.reason, problem.remedy, colour="red"))
        if self.problems:
            found += [document.Gap()]
        found.append(document.Text(self._summary(), "green" if self.ok else "red"))
        return found

    def _summary(self) -> str:
        if self.tried:
            return "Nothing was written: first a few rows of each table are tried, and some were refused."
        seconds = sum(one.seconds for one in self.filled)
        if not self.added and not self.problems:
            rows = sum(one.before for one in self.filled)
            tables = document.number(len(self.filled), "table")
            have = "has" if len(self.filled) == 1 else "have"
            return f"Nothing to add: {tables} {have} the {rows} rows of seed {self.seed} already."
        tables = document.number(sum(one.added > 0 for one in self.filled), "table")
        done = f"Added {document.number(self.added, 'row')} of seed {self.seed} to {tables} in {seconds:.1f} s."
        if self.problems:
            done += f" {document.number(len(self.problems), 'table')} did not get theirs; the others are complete."
        return done

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {
            "ok": self.ok,
            "target": dataclasses.asdict(self.target),
            "seed": self.seed,
            "added": self.added,
            "tables": [
                {**dataclasses.asdict(one), "rows": one.before + one.added, "rows_per_second": _rate(one) or None}
                for one in self.filled
            ],
            "problems": [dataclasses.asdict(one) for one in self.problems],
        }


def _rate(one: Filled) -> int | str:
    return round(one.added / one.seconds) if one.added and one.seconds else ""
