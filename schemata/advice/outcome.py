"""What advice comes to: for people and for programs. Pure."""

import dataclasses
import textwrap
from typing import Any

from schemata import errors
from schemata.advice import candidates, existing
from schemata.report import document, results
from schemata.slow_queries import statement_text

_LONGEST = 160  # characters of a statement
_SHOWN = 5  # statements of an index, and reasons of a kind


@dataclasses.dataclass(frozen=True)
class Helped:
    """A statement that an index helps, with its cost as the planner has it; `share` of all time, from 0 to 1."""

    text: str
    calls: int
    share: float
    before: float
    after: float
    belongs_to: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Proposal:
    """An index to build.

    :param gain: the share of all time that it saves. :param statements: what builds it; several on a partitioned table.
    :param written: rows written to the table since the counts began. :param covers: indexes that it makes needless.
    :param in_place: what becomes of updates that no index hears of now, in words; empty where nothing does.
    """

    name: str
    candidate: candidates.Candidate
    statements: tuple[str, ...]
    helps: tuple[Helped, ...]
    gain: float
    size: int
    written: int
    in_place: str = ""
    covers: tuple[existing.Index, ...] = ()

    @property
    def is_one_statement(self) -> bool:
        """Tell whether a migration of one statement builds it."""
        return len(self.statements) == 1

    @property
    def facts(self) -> list[str]:
        """Return what it costs and replaces, a sentence each."""
        schema, table = self.candidate.table
        told = [
            f"About {_bytes(self.size)}. Rows of {schema}.{table} written since the counts began: {self.written:,}; "
            "each write would keep it up to date."
        ]
        told += [self.in_place] if self.in_place else []
        told += [f"{one.full_name} is needless then: {one.drop};" for one in self.covers]
        return told


@dataclasses.dataclass(frozen=True)
class Advice:
    """The indexes that are missing, and those that can go.

    :param left: the share of the time that is left with all proposals, as the planner has it.
    :param skipped: statements that could not be judged, with the reason.
    :param written: files that were written. :param origin: of what the database is made that was judged on, in words.
    """

    target: results.Target
    evaluator: str
    judged: int
    proposals: tuple[Proposal, ...]
    unneeded: tuple[existing.Unneeded, ...]
    left: float = 1.0
    skipped: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    written: tuple[str, ...] = ()
    origin: str = ""

    @property
    def ok(self) -> bool:
        """Tell whether there was something to judge by."""
        return self.judged > 0

    @property
    def exit_code(self) -> int:
        """Return 1 where no statement could be judged, so that nothing is known. Advice by itself is no failure."""
        return errors.DONE if self.ok else errors.NEEDS_PERSON

    def blocks(self) -> list[document.Block]:
        """Return each proposal with its evidence, then what can go, then what could not be judged."""
        shown: list[document.Block] = [document.Text(f"Target: {self.target.describe()}")]
        if self.ok:
            shown.append(document.Text(f"{document.number(self.judged, 'statement')} judged on {self._where()}."))
        else:
            shown.append(document.Text("No statement could be judged, so nothing is known of missing indexes.", "red"))
        for number, one in enumerate(self.proposals, 1):
            shown += [document.Gap(), *_proposal(number, one)]
        if self.proposals:
            shown += [
                document.Gap(),
                document.Text(f"With all of them {100 * self.left:.1f} % of the time is left, as the planner has it."),
            ]
        elif self.ok:
            shown += [document.Gap(), document.Text("No index is missing.", "green")]
        if self.unneeded:
            shown += [document.Gap(), document.Text("Indexes that can go:", "bold")]
            for unneeded in self.unneeded:
                shown.append(
                    document.Text(f"  {unneeded.index.full_name}, {_bytes(unneeded.index.size)}: {unneeded.reason}")
                )
                shown.append(document.Verbatim(f"    {unneeded.index.drop};"))
        return [*shown, *self._rest()]

    def _where(self) -> str:
        if self.evaluator == "hypopg":
            return "the target, with hypopg"
        if self.evaluator == "copy":
            return f"a restored copy with every index built: {self.origin}"
        return "a database without rows that has the target's structure and statistics"

    def _rest(self) -> list[document.Block]:
        shown: list[document.Block] = []
        if self.skipped:
            shown += [document.Gap(), document.Text(f"Not judged: {document.number(len(self.skipped), 'statement')}.")]
            for text, reason in self.skipped[:_SHOWN]:
                shown.append(document.Text(f"  {_short(text)[:80]}: {reason}", "dim"))
            if len(self.skipped) > _SHOWN:
                shown.append(document.Text(f"  and {len(self.skipped) - _SHOWN} more: --json has them", "dim"))
        if self.notes:
            shown += [document.Gap(), *(document.Text(note, "yellow") for note in self.notes)]
        if self.written:
            shown += [document.Gap(), document.Text("Wrote")]
            shown += [document.Text(f"  {path}") for path in self.written]
            shown.append(document.Text("Read them, then: inv lock; inv check; inv migrate"))
        return shown

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints. Shares are from 0 to 1, costs in the planner's unit, sizes in bytes."""
        return {
            "ok": self.ok,
            "exit_code": self.exit_code,
            "target": dataclasses.asdict(self.target),
            "evaluator": self.evaluator,
            "origin": self.origin,
            "judged": self.judged,
            "time_left": round(self.left, 4),
            "proposals": [
                {
                    "name": one.name,
                    "table": ".".join(one.candidate.table),
                    "method": one.candidate.method,
                    "columns": [key.text + " DESC" * key.descends for key in one.candidate.keys],
                    "statements": list(one.statements),
                    "gain": round(one.gain, 4),
                    "bytes": one.size,
                    "rows_written": one.written,
                    "updates_in_place": one.in_place,
                    "covers": [index.full_name for index in one.covers],
                    "helps": [
                        {
                            "text": helped.text,
                            "calls": helped.calls,
                            "share": round(helped.share, 4),
                            "cost_before": round(helped.before, 2),
                            "cost_after": round(helped.after, 2),
                            "belongs_to": list(helped.belongs_to),
                        }
                        for helped in one.helps
                    ],
                }
                for one in self.proposals
            ],
            "unneeded": [
                {
                    "index": one.index.full_name,
                    "table": f"{one.index.schema}.{one.index.table}",
                    "reason": one.reason,
                    "covered_by": one.covered_by,
                    "bytes": one.index.size,
                    "drop": one.index.drop,
                }
                for one in self.unneeded
            ],
            "skipped": [{"text": text, "reason": reason} for text, reason in self.skipped],
            "notes": list(self.notes),
            "written": list(self.written),
        }


def _proposal(number: int, one: Proposal) -> list[document.Block]:
    shown: list[document.Block] = [
        document.Text(f"{number}. {one.name}: saves {100 * one.gain:.1f} % of the time", "bold"),
        document.Verbatim("\n".join(f"   {text};" for text in one.statements)),
    ]
    for helped in one.helps[:_SHOWN]:
        shown.append(document.Text(f"   {evidence(helped)}"))
        shown.append(document.Text(f"     {_short(helped.text)}", "dim"))
    if len(one.helps) > _SHOWN:
        shown.append(document.Text(f"   and {document.number(len(one.helps) - _SHOWN, 'more statement')}"))
    return [*shown, *(document.Text(_set_in(fact)) for fact in one.facts)]


def evidence(helped: Helped) -> str:
    """Return what an index does for a statement, in words.

    >>> evidence(Helped("SELECT 1", 30, 0.25, 4000, 8.4))
    '30 calls, 25.0 % of the time, cost 4,000 to 8'
    """
    of = f", {', '.join(helped.belongs_to)}" if helped.belongs_to else ""
    return (
        f"{helped.calls:,} call{'s' * (helped.calls != 1)}, {100 * helped.share:.1f} % of the time, "
        f"cost {helped.before:,.0f} to {helped.after:,.0f}{of}"
    )


def _set_in(text: str) -> str:
    """Return a text below its heading: lines that begin with a blank are shown as they are."""
    return textwrap.fill(text, 98, initial_indent="   ", subsequent_indent="   ", break_long_words=False)


def _short(text: str) -> str:
    line = statement_text.one_line(text)
    return f"{line[:_LONGEST]}{'…' * (len(line) > _LONGEST)}"


def _bytes(size: int) -> str:
    return f"{size / 2**20:,.1f} MB" if size >= 2**20 else f"{size / 2**10:,.0f} kB"
