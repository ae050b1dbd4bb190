"""What `migrate` and `rollback` return."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from schemata.report import document, results

_SHOWN = 64 * 1024  # characters
_HOW = {
    "transaction": "in one transaction",
    "own-transaction": "in its own transactions",
    "statements": "statement by statement, outside a transaction",
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

    target: results.Target
    verb: str
    done: tuple[Applied, ...] = ()
    planned: tuple[Mapping[str, Any], ...] = ()
    revision: str = ""
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    dry_run: bool = False
    ok: bool = True
    exit_code: int = 0

    def blocks(self) -> list[document.Block]:
        """Return the target, what was done or would be, the notes, and where the database is now."""
        shown: list[document.Block] = [document.Text(f"Target: {self.target.describe()}")]
        if self.dry_run:
            shown += self._plan()
        elif self.done:
            rows = [(item.id, item.statements, item.tries, f"{item.seconds * 1000:.0f} ms") for item in self.done]
            shown += [document.Gap(), document.Grid((self.verb, "statements", "tries", "took"), tuple(rows))]
        shown += [document.Text(note, "yellow") for note in self.notes]
        if not self.dry_run:
            what = f"{self.verb} {len(self.done)}" if self.done else f"Nothing to do: no migration was {self.verb}"
            where = f"the database is at {self.revision or 'no revision'} ({self.seconds:.2f} s)."
            shown += [document.Gap(), document.Text(f"{what}; {where}")]
        return shown

    def _plan(self) -> list[document.Block]:
        if not self.planned:
            return [document.Gap(), document.Text("Nothing to do.")]
        shown: list[document.Block] = []
        for item in self.planned:
            how = f"only recorded; {item['not_run']}" if item.get("not_run") else _HOW[item["mode"]]
            shown += [
                document.Gap(),
                document.Text(f"-- {item['id']} ({how})", "bold"),
                document.Verbatim(str(item["sql"]).rstrip()),
                *(document.Verbatim(f"-- {loss}") for loss in item.get("destroys", ())),
                *_locks(item.get("locks", ())),
                *_attested(item.get("attested")),
            ]
        last = f"Dry run: {len(self.planned)} would be {self.verb}; nothing was changed."
        return [*shown, document.Gap(), document.Text(last)]

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


def excerpt(sql: str, path: str) -> str:
    """Return what a dry run shows of a file: all of it, or of a large one the beginning and where the rest is."""
    if len(sql) <= _SHOWN:
        return sql
    end = sql.rfind("\n", 0, _SHOWN) + 1 or _SHOWN
    return f"{sql[:end]}-- … and {len(sql) - end:,} more characters, which are not shown: {path}\n"


def _locks(locks: Sequence[Mapping[str, Any]]) -> list[document.Block]:
    """Return a table of the locks that keep others out; nothing where there are none."""
    if not locks:
        return []
    rows = tuple(
        (
            lock["line"],
            lock["mode"].removesuffix("Lock") or "not in the text",
            lock["table"],
            lock["blocks"],
            _size(lock),
        )
        for lock in locks
    )
    return [document.Grid(("line", "lock", "on", "blocks", "size there"), rows)]


def _size(lock: Mapping[str, Any]) -> str:
    if lock["rows"] is None:
        return ""
    return f"about {lock['rows']:,} rows, {lock['bytes'] / 1_000_000:,.1f} MB"


def _attested(known: Mapping[str, Any] | None) -> list[document.Block]:
    if known is None:
        return []
    proofs = ", ".join(f"{name} {value}" for name, value in known.items() if name not in ("seconds", "at"))
    told = f"Attested {known['at']}: {proofs}; it took {known['seconds'] * 1000:.0f} ms on the rows of the rehearsal."
    return [document.Text(told, "dim")]
