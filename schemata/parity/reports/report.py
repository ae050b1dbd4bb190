"""The answer of `inv parity`: for people, for programs, and as an exit code."""

import dataclasses
from collections.abc import Iterator
from typing import Any

from schemata import errors
from schemata.parity import ignoring
from schemata.parity.reports import listing, outcome
from schemata.report import document
from schemata.snapshot import kinds
from schemata.snapshot import listing as snapshots

Row = tuple[str | int | None, ...]
COLUMNS = ("target", "schema", *kinds.SEVERITIES, "ignored", "result")


@dataclasses.dataclass(frozen=True)
class Report:
    """What parity found of one database or of several.

    :param counted: the severity classes that decide the exit code.
    :param rules: what became of each rule of what to ignore.
    :param checked_at: when, as seconds since 1970.
    :param several: whether several targets were asked for, so that each row tells its own.
    :param written: the files that it was also written to.
    """

    outcomes: tuple[outcome.Outcome, ...]
    counted: tuple[str, ...]
    rules: tuple[ignoring.Use, ...]
    checked_at: int
    several: bool = False
    full: bool = False
    to_fix: str = ""
    written: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """Return 0 for parity, 1 for differences that count, 3 where a target could not be asked."""
        codes = [errors.NOT_AVAILABLE for one in self.outcomes if not one.asked]
        codes += [errors.NEEDS_PERSON for one in self.outcomes if one.counted(self.counted)]
        return errors.worst(codes)

    @property
    def ok(self) -> bool:
        """Tell whether every target was asked, and none has a difference that counts."""
        return self.exit_code == errors.DONE

    def rows(self) -> list[Row]:
        """Return the matrix: a row for each target and schema."""
        found: list[Row] = []
        for one in self.outcomes:
            if not one.asked:
                found.append((one.name, None, *[None for _ in kinds.SEVERITIES], None, "not asked"))
                continue
            ignored = one.ignored_counts
            for schema, counts in one.counts.items():
                differs = any(counts[severity] for severity in self.counted)
                numbers = (counts[severity] for severity in kinds.SEVERITIES)
                word = "differs" if differs else "not counted" if any(counts.values()) else "parity"
                found.append((one.name, listing.name_of(schema), *numbers, ignored[schema], word))
        return found

    def blocks(self) -> list[document.Block]:
        """Return the sides, the matrix, the differences, the rules, and what was not compared."""
        shown: list[document.Block] = [*self._heads(), document.Gap()]
        if any(one.asked for one in self.outcomes):
            rows = self.rows()
            skip = 0 if self.several else 1
            shown.append(document.Grid(COLUMNS[skip:], tuple(row[skip:] for row in rows)))
        for one in self.outcomes:
            shown += self._outcome(one)
        shown.append(document.Gap())
        if self.rules:
            shown.append(document.Text("Ignored by rule:", "bold"))
            for use in self.rules:
                colour: document.Colour = "" if use.state in ("in use", "other target") else "yellow"
                shown.append(document.Text(f"- {use.describe()}", colour))
        shown += [document.Text(f"Wrote {path}") for path in self.written]
        if any(one.asked for one in self.outcomes):
            shown.append(snapshots.not_compared("" if self.full else "parity --full"))
        return [*shown, self._verdict()]

    def _heads(self) -> Iterator[document.Block]:
        if not self.several and self.outcomes:
            if self.outcomes[0].actual:  # else it is not known which one: that it could not be asked says so
                yield document.Text(f"Target: {self.outcomes[0].actual}")
            yield document.Text(f"Expected: {self.outcomes[0].expected}")
            return
        others = {one.expected for one in self.outcomes}
        for one in self.outcomes:
            more = f"; expected: {one.expected}" if len(others) > 1 else ""
            yield document.Text(f"{one.name}: {one.actual}{more}")
        if len(others) == 1:
            yield document.Text(f"Expected: {others.pop()}")

    def _outcome(self, one: outcome.Outcome) -> Iterator[document.Block]:
        name = f"{one.name}: " if self.several else ""
        if not one.asked:
            yield document.Gap()
            yield document.Text(f"{name}could not be asked: {one.problem}", "red")
            yield from (document.Text(line) for line in one.hint.split("\n") if line)
            return
        if one.notes or one.not_read or (self.several and one.differences):
            yield document.Gap()
        if self.several and one.differences:
            yield document.Text(f"{one.name}: {outcome.told(one.differences)}", "bold")
        yield from (document.Text(f"{name}{note}", "yellow") for note in one.notes)
        yield from snapshots.not_read(one.not_read)
        yield from listing.differences(one, self.full)

    def _verdict(self) -> document.Text:
        every = [difference for one in self.outcomes for difference in one.differences]
        away = [one.name for one in self.outcomes if not one.asked]
        some = "" if set(self.counted) == set(kinds.SEVERITIES) else f" (for the exit code count: {self._classes})"
        if away:
            rest = f"; of the others: {outcome.told(every)}" if len(away) < len(self.outcomes) else ""
            return document.Text(f"Could not be asked: {', '.join(away)}{rest}{some}.", "red")
        if not every:
            return document.Text("Parity: no difference.", "green")
        text = f"{outcome.told(every)}{some}."
        if self.to_fix:
            text += f"\nTo write a migration that takes the differences back:\n  {self.to_fix}"
        return document.Text(text, "red" if not self.ok else "yellow")

    @property
    def _classes(self) -> str:
        return ", ".join(self.counted)

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {
            "ok": self.ok,
            "exit_code": self.exit_code,
            "checked_at": self.checked_at,
            "counted": list(self.counted),
            "targets": [one.as_dict() for one in self.outcomes],
            "matrix": [dict(zip(COLUMNS, row, strict=True)) for row in self.rows()],
            "ignore": [use.as_dict() for use in self.rules],
            "not_compared": snapshots.not_compared_in_full(),
            "written": list(self.written),
        }
