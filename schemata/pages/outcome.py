"""What became of the declared pages: for each, where it was judged, what was planned, and what is wrong with it."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from schemata import errors
from schemata.pages import pages
from schemata.report import document

#: Where a page is judged, and how a sentence calls that.
PLACES = {
    "empty": "an empty database",
    "scale": "a database of the committed scale",
    "live": "the target",
}


@dataclasses.dataclass(frozen=True)
class Judged:
    """One page at one place.

    :param scan: how its table is read; empty on an empty database. :param indexes: with which.
    :param rows_estimated: how many rows the planner thinks are read; None on an empty database.
    :param first: rows and buffers that were read for the first page, and milliseconds; None where nothing was run.
    :param deep: the same of a page far into the list. :param trees: the plans, as text, of the first and the next page.
    """

    place: str
    problems: tuple[str, ...]
    scan: str = ""
    indexes: tuple[str, ...] = ()
    rows_estimated: float | None = None
    first: tuple[float, int, float] | None = None
    deep: tuple[float, int, float] | None = None
    trees: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints of it."""
        return {
            "on": self.place,
            "ok": not self.problems,
            "scan": self.scan,
            "indexes": list(self.indexes),
            "rows_estimated": self.rows_estimated,
            "first_page": _measured(self.first),
            "deep_page": _measured(self.deep),
            "plans": list(self.trees),
            "problems": list(self.problems),
        }


def _measured(found: tuple[float, int, float] | None) -> dict[str, Any] | None:
    return None if found is None else dict(zip(("rows_read", "buffers", "milliseconds"), found, strict=True))


@dataclasses.dataclass(frozen=True)
class Verdict:
    """A page and all that was found of it."""

    page: pages.Page
    judged: tuple[Judged, ...]

    @property
    def ok(self) -> bool:
        """Tell whether it is well everywhere."""
        return not any(one.problems for one in self.judged)

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints of it."""
        page = self.page
        return {
            "name": page.name,
            "table": page.table or None,
            "file": page.file or None,
            "index": page.index,
            "sql": [pages.numbered(page, keyset)[0] for keyset in page.forms],
            "parameters": list(pages.numbered(page, page.forms[-1])[1]),
            "rows_allowed": page.rows_allowed,
            "buffers_allowed": page.max_buffers,
            "ok": self.ok,
            "judged": [one.as_dict() for one in self.judged],
        }


@dataclasses.dataclass(frozen=True)
class Pages:
    """The verdicts, in the order of the declarations.

    :param scope: what they were judged on. :param details: whether the SQL of each is shown, not of the bad ones only.
    """

    verdicts: tuple[Verdict, ...]
    scope: str
    notes: tuple[str, ...] = ()
    details: bool = False
    facts: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Tell whether every page is served."""
        return all(one.ok for one in self.verdicts)

    @property
    def exit_code(self) -> int:
        """Return 1 where a page is not served."""
        return errors.DONE if self.ok else errors.NEEDS_PERSON

    def blocks(self) -> Sequence[document.Block]:
        """Return a row for each page and place, what is wrong in full, and the verdict."""
        shown: list[document.Block] = [document.Text(self.scope), document.Gap()]
        is_live = any(one.place == "live" for verdict in self.verdicts for one in verdict.judged)
        columns = ("page", "on", "plan", "rows", *(("read", "buffers", "first", "deep") if is_live else ()), "result")
        shown.append(document.Grid(columns, tuple(self._rows(is_live))))
        for verdict in self.verdicts:
            if self.details or not verdict.ok:
                shown += _details(verdict)
        if self.notes:
            shown += [document.Gap(), *map(document.Text, self.notes)]
        failed = sum(not one.ok for one in self.verdicts)
        told = f"{failed} of {document.number(len(self.verdicts), 'page')} failed." if failed else _all(self.verdicts)
        return [*shown, document.Gap(), document.Text(told, "red" if failed else "green")]

    def _rows(self, is_live: bool) -> list[tuple[Any, ...]]:
        return [
            (
                verdict.page.name,
                one.place,
                _plan(one),
                _count(one.rows_estimated),
                *(_cells(one) if is_live else ()),
                "FAILED" if one.problems else "ok",
            )
            for verdict in self.verdicts
            for one in verdict.judged
        ]

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {
            "ok": self.ok,
            "exit_code": self.exit_code,
            **self.facts,
            "pages": [one.as_dict() for one in self.verdicts],
            "notes": list(self.notes),
        }


def _all(verdicts: Sequence[Verdict]) -> str:
    return f"{document.number(len(verdicts), 'page')} served by the declared index."


def _plan(one: Judged) -> str:
    if one.scan in ("", "Index Scan", "Index Only Scan") and one.indexes:
        return ", ".join(one.indexes)
    return ", ".join(filter(None, (one.scan, *one.indexes)))


def _count(rows: float | None) -> str:
    return "" if rows is None else f"{rows:,.0f}"


def _cells(one: Judged) -> tuple[str, ...]:
    if one.first is None:
        return ("", "", "", "")
    rows, buffers, milliseconds = one.first
    return f"{rows:,.0f}", f"{buffers:,}", f"{milliseconds:.1f} ms", f"{one.deep[2]:.1f} ms" if one.deep else ""


def _details(verdict: Verdict) -> list[document.Block]:
    page = verdict.page
    title = f"{page.name}, to be served by {page.index}"
    found: list[document.Block] = [document.Gap(), document.Text(title, "" if verdict.ok else "red")]
    for one in verdict.judged:
        found += [document.Text(f"  on {PLACES[one.place]}: {problem}") for problem in one.problems]
    sql = "\n".join(pages.numbered(page, keyset)[0] for keyset in page.forms)
    return [*found, document.Verbatim("\n".join(f"    {line}" for line in sql.splitlines()))]
