"""What `inv rehearse` returns."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from schemata import errors
from schemata.rehearsal.trace import codes, sizes, traces
from schemata.report import document, results

_COLOURS: Mapping[str, document.Colour] = {"error": "red", "warning": "yellow", "note": "dim"}
_SHOWN = 100


@dataclasses.dataclass(frozen=True)
class Proved:
    """What cycling one migration up, down and up again showed. `problems` are what speaks against its rollback.

    :param unproved: why nothing could be proved, such as that it has no rollback; empty where something was.
    :param notes: differences that are known and accepted.
    """

    migration_id: str
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    unproved: str = ""
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Tell whether nothing speaks against the rollback."""
        return not self.problems

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {**dataclasses.asdict(self), "ok": self.ok, "seconds": round(self.seconds, 3)}


@dataclasses.dataclass(frozen=True)
class Rehearsed:
    """The answer of a rehearsal.

    :param where: the server that it ran on. :param why: how the migrations were chosen.
    :param accepted: why findings that are errors are accepted. :param backup: whose rows they were tried on.
    :param existing: what the existing database was. :param empty: tables that no row could be put into, with why.
    """

    where: str
    major: int
    why: str
    existing: str
    traces: tuple[traces.Trace, ...]
    findings: tuple[codes.Finding, ...]
    proofs: tuple[Proved, ...] = ()
    empty: Mapping[str, str] = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()
    target: results.Target | None = None
    seconds: float = 0.0
    accepted: str = ""
    backup: str = ""

    @property
    def ok(self) -> bool:
        """Tell whether no finding is an error, or they are accepted, and no rollback is wrong."""
        has_errors = any(one.severity == "error" for one in self.findings) and not self.accepted
        return not has_errors and all(one.ok for one in self.proofs)

    @property
    def exit_code(self) -> int:
        """Return 1 where a person is needed."""
        return errors.DONE if self.ok else errors.NEEDS_PERSON

    def of(self, migration_id: str) -> tuple[codes.Finding, ...]:
        """Return the findings of one migration."""
        return tuple(one for one in self.findings if one.migration_id == migration_id)

    def verdict(self, migration_id: str) -> str:
        """Return one word about a migration: ok, warnings, accepted, errors, or - where it was not tried."""
        found = {one.severity for one in self.of(migration_id)}
        if "error" in found:
            return "accepted" if self.accepted else "errors"
        if all(one.migration_id != migration_id for one in self.traces):
            return "-"
        return "warnings" if "warning" in found else "ok"

    def blocks(self) -> list[document.Block]:
        """Return what was rehearsed, what each statement did, the findings, and a last line that sums up."""
        shown: list[document.Block] = []
        if self.target:
            shown.append(document.Text(f"Target: {self.target.describe()}"))
        if not self.traces and not self.findings:
            return [*shown, document.Text("Nothing to rehearse: no migration is pending.")]
        shown.append(document.Text(f"Rehearsed on {self.where}; {self.existing}."))
        ids = [*(one.migration_id for one in self.traces), *(one.migration_id for one in self.findings)]
        for id_ in dict.fromkeys(ids):
            shown += [document.Gap(), document.Text(id_, "bold")]
            shown += [block for trace in self.traces if trace.migration_id == id_ for block in _trace(trace)]
            shown += [
                document.Finding(one.code, one.place, one.text, one.instead, _excerpt(one.sql), _COLOURS[one.severity])
                for one in self.of(id_)
            ]
            shown += [block for one in self.proofs if one.migration_id == id_ for block in _proof(one)]
        if self.empty:
            names = ", ".join(f"{name} ({reason})" for name, reason in self.empty.items())
            shown += [document.Gap(), document.Text(f"Without rows, because each one was refused: {names}", "yellow")]
        shown += [document.Text(note, "yellow") for note in self.notes]
        return [*shown, document.Gap(), document.Text(self._last(), "" if self.ok else "red")]

    def _last(self) -> str:
        counts = [
            document.number(sum(one.severity == severity for one in self.findings), severity)
            for severity in ("error", "warning", "note")
            if any(one.severity == severity for one in self.findings)
        ]
        told = [document.number(len(self.traces), "migration"), ", ".join(counts) or "no finding"]
        if self.proofs:
            proved = [one for one in self.proofs if not one.unproved]
            good = sum(one.ok for one in proved)
            told.append(f"{good} of {document.number(len(proved), 'rollback')} proved")
        return f"{'; '.join(told)} ({self.seconds:.1f} s)."

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {
            "ok": self.ok,
            "where": self.where,
            "postgres": self.major,
            "chosen": self.why,
            "existing": self.existing,
            "backup": self.backup,
            "target": dataclasses.asdict(self.target) if self.target else None,
            "migrations": [{**one.as_dict(), "verdict": self.verdict(one.migration_id)} for one in self.traces],
            "findings": [one.as_dict() for one in self.findings],
            "rollbacks": [one.as_dict() for one in self.proofs],
            "empty_tables": dict(self.empty),
            "notes": list(self.notes),
            "seconds": round(self.seconds, 3),
        }


def _trace(trace: traces.Trace) -> Iterator[document.Block]:
    held = trace.held()
    rows = []
    for item in trace.statements:
        locks = [one for one in held if one.first == item.number]
        rows.append(
            (
                item.line,
                _excerpt(item.text, 40),
                "; ".join(f"{one.mode.removesuffix('Lock')} on {one.on}{_until(one)}" for one in locks),
                ", ".join(dict.fromkeys(one.kind for one in item.effects if one.kind != "lock")),
                item.wal,
                f"{item.seconds * 1000:.1f} ms",
            )
        )
    yield document.Grid(("line", "statement", "locks", "does", "WAL", "took"), tuple(rows))


def _until(held: traces.Held) -> str:
    return f" to statement {held.last}" if held.last > held.first else ""


def _excerpt(text: str, most: int = _SHOWN) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _proof(proved: Proved) -> Iterator[document.Block]:
    if proved.unproved:
        yield document.Text(f"Rollback: not proved, {proved.unproved}.", "dim")
    elif proved.ok:
        yield document.Text(f"Rollback: proved in {proved.seconds:.1f} s (up, down, up, down, up).", "green")
    else:
        yield document.Text("Rollback: it does not lead back.", "red")
        yield document.Verbatim("\n".join(f"  {line}" for line in proved.problems))
    for note in proved.notes:
        yield document.Text(f"  {note}", "dim")


def known_sizes(
    tables: Mapping[str, sizes.Size] | None, large: int, scan: int, rewrite: int, index: int, *, whole: bool
) -> sizes.Sizes:
    """Return what is known of the sizes of a target or a scale, with the rates of the settings."""
    return sizes.Sizes(tables, large, {"scan": scan, "rewrite": rewrite, "index": index}, whole)
