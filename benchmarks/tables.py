"""What was measured, as Markdown: tables with medians and ratios, and goals that are met or not."""

import dataclasses
import datetime
import os
import platform
from collections.abc import Sequence
from pathlib import Path

import measure


@dataclasses.dataclass(frozen=True)
class Goal:
    """A promise about one figure: at most, or at least, `limit`."""

    text: str
    value: float
    limit: float
    at_most: bool = True
    unit: str = "×"

    @property
    def met(self) -> bool:
        """Tell whether the promise was kept in this run."""
        return self.value <= self.limit if self.at_most else self.value >= self.limit


@dataclasses.dataclass(frozen=True)
class Section:
    """One table, its goals and what a reader must know."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    goals: tuple[Goal, ...] = ()
    notes: tuple[str, ...] = ()


def milliseconds(seconds: float) -> str:
    """Return a time as people read it.

    >>> milliseconds(0.0214), milliseconds(21.4)
    ('21.4 ms', '21.4 s')
    """
    if seconds >= 10:
        return f"{seconds:.1f} s"
    return f"{seconds * 1000:.1f} ms" if seconds < 0.1 else f"{seconds * 1000:.0f} ms"


def compared(contenders: Sequence[measure.Contender], base: measure.Contender) -> tuple[tuple[str, ...], ...]:
    """Return a row for each contender: median, fastest, slowest, and the paired ratio to `base`."""
    return tuple(
        (
            item.name,
            milliseconds(item.median),
            milliseconds(min(item.seconds)),
            milliseconds(max(item.seconds)),
            f"{measure.ratio(item, base):.2f}",
        )
        for item in contenders
    )


def section(found: Section) -> str:
    """Return a section as Markdown."""
    lines = [f"## {found.title}", "", *_table(found.columns, found.rows), ""]
    if found.goals:
        rows = [
            (
                goal.text,
                f"{goal.value:.2f} {goal.unit}",
                f"{'≤' if goal.at_most else '≥'} {goal.limit:g} {goal.unit}",
                "met" if goal.met else "**not met**",
            )
            for goal in found.goals
        ]
        lines += [*_table(("goal", "measured", "limit", ""), rows), ""]
    lines += [line for note in found.notes for line in (note, "")]
    return "\n".join(lines)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [
        f"| {' | '.join(columns)} |",
        f"|{'|'.join('---' if number == 0 else '---:' for number in range(len(columns)))}|",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]


def machine(server: str) -> str:
    """Return what it was measured on, in words."""
    with_speed = _first("/proc/cpuinfo", "model name") or platform.machine()
    memory = int((_first("/proc/meminfo", "MemTotal") or "0").split()[0]) / 1024 / 1024
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    today = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")
    return (
        f"Measured on {today} on {os.cpu_count()} cores ({with_speed}), {memory:.0f} GB of memory, "
        f"{platform.system()}, Python {platform.python_version()}, PostgreSQL {server}; "
        f"load average at the start: {load}."
    )


def _first(file: str, name: str) -> str:
    try:
        lines = Path(file).read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")


def merged(page: str, sections: Sequence[Section], about: str) -> str:
    """Return a page with these sections in the places of those of the same titles, and behind the others where new.

    Each says what it was measured on, since the rest of the page was measured another time.

    >>> page = "# Page\\n\\n## One\\n\\nold\\n\\n## Two\\n\\nkept\\n"
    >>> print(merged(page, [Section("One", ("a",), (("1",),))], "Measured today."))
    # Page
    <BLANKLINE>
    ## One
    <BLANKLINE>
    | a |
    |---|
    | 1 |
    <BLANKLINE>
    Measured today.
    <BLANKLINE>
    ## Two
    <BLANKLINE>
    kept
    <BLANKLINE>
    """
    head, *parts = page.rstrip("\n").split("\n## ")
    by_title = {part.partition("\n")[0]: part.rstrip("\n") + "\n" for part in parts}
    for one in sections:
        text = section(dataclasses.replace(one, notes=(*one.notes, about)))
        by_title[one.title] = text.removeprefix("## ").rstrip("\n") + "\n"
    return "\n## ".join([head.rstrip("\n") + "\n", *by_title.values()])


def document(sections: Sequence[Section], about: str, rounds: int) -> str:
    """Return the whole page."""
    goals = [goal for found in sections for goal in found.goals]
    missed = [goal for goal in goals if not goal.met]
    verdict = f"{len(goals) - len(missed)} of {len(goals)} goals are met in this run."
    return "\n".join(
        [
            "# Benchmarks",
            "",
            "Written by `python benchmarks/run.py --write docs/benchmarks.md`; not edited by hand.",
            "",
            about,
            "",
            "Every figure is of a whole process, from its start to its end. Contenders take turns in rounds "
            f"({rounds} here, after one that is not counted, unless a table says otherwise), each figure is a median, "
            "and each ratio is the median of the ratios within the rounds: read ratios, not times. The server's data "
            "are in memory where there is room (fsync off), so no disk is measured; every contender connects over TCP "
            "with a password. A migration is one CREATE TABLE with an identity primary key and one CREATE INDEX, in "
            "one of four schemas. Python runs with compiled modules.",
            "",
            verdict,
            "",
            *(section(found) for found in sections),
        ]
    )
