"""What became of a backfill, as data, and what can stop it, in words."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from schemata import errors
from schemata.report import document, results


class AlreadyRunning(errors.Busy):
    """Another process runs the same backfill."""

    def __init__(self, change: str, who: str) -> None:
        super().__init__(
            f"the backfill of {change} is run by {who}",
            f"Nothing was done. When that one has ended: inv change-backfill {change}",
        )


class TakenOver(errors.Busy):
    """Another process goes on with this backfill, because this one gave no sign of life for too long."""

    def __init__(self, change: str, who: str) -> None:
        super().__init__(
            f"the backfill of {change} was taken over by {who or 'another run, which has ended'}",
            "What this run did is recorded and stays. `inv change-backfill` can be run again at any time.",
        )


class BatchFailed(errors.MigrationError):
    """The server refused the UPDATE for a range of rows; nothing of that batch is left, those before it stay."""

    def __init__(self, where: str, table: str, keys: str, failure: Sequence[tuple[str, str]], hint: str) -> None:
        lines = [f"the backfill stopped at {where}, in the rows of {table} with {keys}"]
        lines += [f"  {label}: {text}".replace("\n", "\n    ") for label, text in failure if text]
        super().__init__("\n".join(lines), hint)


class RowsLocked(errors.Busy):
    """Rows, or the table, stayed locked for as long as we had patience."""


class RowsLeft(errors.Error):
    """Rows are not done, and another run of the same UPDATE would not do them."""

    exit_code = errors.PENDING

    def __init__(self, change: str, table: str, left: int, keys: Sequence[str], rows: int, why: str) -> None:
        more = f" and {left - len(keys)} more" if left > len(keys) else ""
        named = f": {'; '.join(keys)}{more}" if keys else ""
        super().__init__(
            f"{document.number(left, 'row')} of {table} {'is' if left == 1 else 'are'} not done after the backfill"
            f"{named}\n{why}",
            f"Nothing was recorded; the {document.number(rows, 'row')} that were updated stay. Correct the rows, or "
            f"the UPDATE or its `-- verify:` in the file, then: inv change-backfill {change}",
        )
        self.left = left


@dataclasses.dataclass(frozen=True)
class Backfilled:
    """What a backfill did.

    :param rows: updated in all, by earlier runs too; `updated` by this one, in so many `batches`. :param skipped: rows
        that others had locked when their batch came, which were done at the end. :param before: it was recorded
        already, and nothing was done.
    """

    target: results.Target
    change: str
    migration: str
    table: str = ""
    rows: int = 0
    updated: int = 0
    batches: int = 0
    skipped: int = 0
    seconds: float = 0.0
    before: bool = False
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Tell that the backfill is complete: whatever else comes of one is an error."""
        return True

    @property
    def exit_code(self) -> int:
        """Return 0."""
        return errors.DONE

    @property
    def rate(self) -> int | None:
        """Return rows a second of this run; None where it updated nothing."""
        return round(self.updated / self.seconds) if self.updated and self.seconds else None

    def blocks(self) -> list[document.Block]:
        """Return the target and what was done."""
        blocks: list[document.Block] = [document.Text(f"Target: {self.target.describe()}")]
        blocks += [document.Text(note) for note in self.notes]
        if self.before:
            text = f"The backfill of {self.change} is recorded already ({self.migration}); nothing to do."
            return [*blocks, document.Text(text, "green")]
        text = (
            f"The backfill of {self.change} is complete: {document.number(self.updated, 'row')} of {self.table} in "
            f"{_batches(self.batches)}, {self.seconds:.1f} s"
        )
        if self.rate:
            text += f", {self.rate} rows/s"
        if self.rows > self.updated:
            text += f"; {self.rows} with those of earlier runs"
        if self.skipped:
            text += f"; {document.number(self.skipped, 'row')} that others had locked came last"
        lines = [f"{text}.", f"Recorded: {self.migration}"]
        return [*blocks, *(document.Text(line, "green") for line in lines)]

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {
            "ok": self.ok,
            "target": dataclasses.asdict(self.target),
            "change": self.change,
            "migration": self.migration,
            "table": self.table,
            "rows": self.rows,
            "updated": self.updated,
            "batches": self.batches,
            "skipped": self.skipped,
            "seconds": round(self.seconds, 3),
            "rows_per_second": self.rate,
            "recorded_before": self.before,
            "notes": list(self.notes),
        }


def _batches(count: int) -> str:
    return f"{count} {'batch' if count == 1 else 'batches'}"


def advancing(rate: float, left: float) -> str:
    """Return what stands beside the bar: how fast it goes and how long it will take.

    >>> advancing(1234.4, 125), advancing(0, 0)
    ('1234 rows/s, 2 min left', '')
    """
    if rate <= 0:
        return ""
    if left < 90:
        return f"{rate:.0f} rows/s, {left:.0f} s left"
    if left < 5400:
        return f"{rate:.0f} rows/s, {left / 60:.0f} min left"
    return f"{rate:.0f} rows/s, {left / 3600:.1f} h left"


def reached(rows: int, fraction: float | None) -> str:
    """Return how far a backfill is.

    >>> reached(5000, 0.254), reached(1, None)
    ('5000 rows are done and stay, about 25 % of the table', '1 row is done and stays')
    """
    about = f", about {fraction * 100:.0f} % of the table" if fraction is not None else ""
    return f"{document.number(rows, 'row')} {'is done and stays' if rows == 1 else 'are done and stay'}{about}"
