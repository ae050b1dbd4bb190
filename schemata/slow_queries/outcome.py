"""What a look at the slow queries comes to: for people, for programs, for Prometheus. Pure."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from schemata import errors
from schemata.report import document, prometheus, results
from schemata.slow_queries import counts, statement_text

_LONGEST = 400  # characters of a statement in the details
_COLUMNS = ("", "ms a call", "calls", "share", "rows", "buffers", "of", "statement")


@dataclasses.dataclass(frozen=True)
class Statement:
    """A statement, whatever its values and its sender.

    :param share: of the time of all statements, from 0 to 1. :param belongs_to: the page or the applications.
    :param plan: its most expensive node, in words, or why there is no plan; empty where nobody asked.
    """

    text: str
    counts: counts.Counts
    share: float
    roles: tuple[str, ...]
    belongs_to: tuple[str, ...] = ()
    fingerprint: str = ""
    plan: str = ""
    too_slow: bool = False


@dataclasses.dataclass(frozen=True)
class SlowQueries:
    """The statements that took most time since a moment, the slowest first.

    :param since: of the last look, or of the last reset. :param others: statements that are not shown.
    :param left_out: how many statements are not about rows, or only about catalogs and the history, and their share.
    """

    target: results.Target
    since: str
    until: str
    statements: tuple[Statement, ...]
    others: int = 0
    left_out: tuple[int, float] = (0, 0.0)
    total: float = 0.0
    above: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Tell whether no statement is slower than the threshold."""
        return not self._too_slow()

    @property
    def exit_code(self) -> int:
        """Return 1 where a statement is slower than the threshold."""
        return errors.DONE if self.ok else errors.NEEDS_PERSON

    def _too_slow(self) -> list[Statement]:
        return [one for one in self.statements if one.too_slow]

    def blocks(self) -> list[document.Block]:
        """Return the table, each statement with its plan, and what was left out."""
        shown: list[document.Block] = [document.Text(f"Target: {self.target.describe()}")]
        shown += [document.Text(f"From {self.since} to {self.until}: {_seconds(self.total)} in all."), document.Gap()]
        if not self.statements:
            return [*shown, document.Text("No statement about rows was counted."), *self._notes()]
        shown.append(document.Grid(_COLUMNS, tuple(_row(number, one) for number, one in enumerate(self.statements, 1))))
        for number, one in enumerate(self.statements, 1):
            text = statement_text.one_line(one.text)
            shown += [document.Gap(), document.Text(f"{number}. {text[:_LONGEST]}{'…' * (len(text) > _LONGEST)}")]
            told = [f"role {', '.join(one.roles)}", *(f"of {name}" for name in one.belongs_to)]
            shown.append(document.Text(f"   {one.plan or 'not explained'} ({'; '.join(told)})"))
        shown += [document.Gap(), *self._notes()]
        if self.above is not None:
            slow, limit = self._too_slow(), f"{1000 * self.above:g} ms"
            verdict = f"{document.number(len(slow), 'statement')} above {limit}." if slow else f"None above {limit}."
            shown.append(document.Text(verdict, "red" if slow else "green"))
        return shown

    def _notes(self) -> list[document.Block]:
        told = []
        if self.others:
            told.append(f"{document.number(self.others, 'more statement')}: --top shows more.")
        number, share = self.left_out
        if number:
            told.append(
                f"Left out: {document.number(number, 'statement')} that manage the database or only read catalogs and "
                f"the history, {100 * share:.0f} % of the time (--all shows them)."
            )
        return [document.Text(text, "dim") for text in (*told, *self.notes)]

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints. Times in milliseconds, buffers of 8 KiB."""
        return {
            "ok": self.ok,
            "exit_code": self.exit_code,
            "target": dataclasses.asdict(self.target),
            "since": self.since,
            "until": self.until,
            "total_ms": round(self.total, 3),
            "above_ms": None if self.above is None else 1000 * self.above,
            "statements": [
                {
                    "text": one.text,
                    "fingerprint": one.fingerprint,
                    "calls": one.counts.calls,
                    "mean_ms": round(one.counts.mean, 3),
                    "total_ms": round(one.counts.total, 3),
                    "share": round(one.share, 4),
                    "rows_a_call": round(one.counts.rows_a_call, 2),
                    "buffers_a_call": round(one.counts.buffers_a_call, 2),
                    "temporary_buffers": one.counts.temporary,
                    "roles": list(one.roles),
                    "belongs_to": list(one.belongs_to),
                    "plan": one.plan,
                    "too_slow": one.too_slow,
                }
                for one in self.statements
            ],
            "others": self.others,
            "left_out": {"statements": self.left_out[0], "share": round(self.left_out[1], 4)},
            "notes": list(self.notes),
        }


def grouped(
    entries: Iterable[counts.Entry], applications: Mapping[str, frozenset[str]], pages: Mapping[str, str]
) -> list[Statement]:
    """Return one statement for each text, those of most time first.

    A driver that binds numbers as smallint, integer or bigint gives one text several rows. :param pages: names of
    pages by the fingerprint of their queries.
    """
    entries = list(entries)
    whole = counts.total(entries)
    by_text: dict[str, list[counts.Entry]] = {}
    for one in entries:
        by_text.setdefault(statement_text.one_line(one.text), []).append(one)
    found = []
    for some in by_text.values():
        print_ = statement_text.fingerprint(some[0].text)
        sent_by = sorted({name for one in some for name in applications.get(one.query_id, ())})
        summed = sum((one.counts for one in some), counts.Counts())
        found.append(
            Statement(
                some[0].text,
                summed,
                summed.total / whole if whole else 0.0,
                tuple(sorted({one.role for one in some})),
                tuple([f"page {pages[print_]}"] if print_ in pages else []) + tuple(sent_by),
                print_,
            )
        )
    return sorted(found, key=lambda one: -one.counts.total)


def metrics(result: SlowQueries) -> str:
    """Return the same for Prometheus' collector of text files."""
    lines: dict[str, list[str]] = {name: [] for name, _ in _METRICS}
    for one in result.statements:
        labels = {"fingerprint": one.fingerprint, "statement": statement_text.one_line(one.text)[:120]}
        values = (one.counts.calls, one.counts.mean / 1000, one.counts.total / 1000, one.counts.buffers_a_call)
        for (name, _), value in zip(_METRICS, values, strict=False):
            lines[name].append(prometheus.line(name, labels, round(value, 6)))
    limit = _METRICS[-1][0]
    lines[limit].append(prometheus.line(limit, {}, len(result._too_slow())))
    return "".join(prometheus.metric(name, help_, lines[name]) for name, help_ in _METRICS)


_METRICS = (
    ("schemata_slow_query_calls", "Calls since the last look."),
    ("schemata_slow_query_mean_seconds", "Time of one call."),
    ("schemata_slow_query_total_seconds", "Time of all calls since the last look."),
    ("schemata_slow_query_buffers", "Buffers that one call looked at."),
    ("schemata_slow_queries_above_threshold", "Statements that are slower than the threshold."),
)


def _row(number: int, one: Statement) -> tuple[Any, ...]:
    return (
        number,
        round(one.counts.mean, 3),
        one.counts.calls,
        f"{100 * one.share:.0f} %",
        round(one.counts.rows_a_call, 1),
        round(one.counts.buffers_a_call),
        ", ".join(one.belongs_to),
        statement_text.one_line(one.text),
    )


def _seconds(milliseconds: float) -> str:
    return f"{milliseconds / 1000:.3f} s"
