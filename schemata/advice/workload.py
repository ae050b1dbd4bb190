"""What is judged: the counted statements and the declared pages, each with what it asks of which table. Pure."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence

from schemata.advice import candidates, predicates
from schemata.sql import parser

_NOTHING = predicates.Asked(())


@dataclasses.dataclass(frozen=True)
class Statement:
    """A statement, what its calls took (milliseconds), and what it asks. A page that nobody called took nothing.

    :param text: as it is shown. :param prepared: as it is explained.
    """

    key: str
    text: str
    prepared: str
    calls: int
    time: float
    rows: int
    belongs_to: tuple[str, ...] = ()
    asked: predicates.Asked = _NOTHING

    @property
    def leads(self) -> frozenset[tuple[predicates.Name, str]]:
        """Return each table with what an index may begin with to be of use to the statement."""
        return frozenset(
            (use.table, text)
            for use in self.asked.uses
            for text in (
                *(candidates.as_text(name) for name in _names(use)),
                *use.expressions,
            )
        )


def _names(use: predicates.Use) -> Iterable[str]:
    yield from (*use.equal, *use.ranges, *use.joins, *use.contained, *use.alone)
    yield from (name for name, _ in use.order)
    yield from (name for row in use.rows for name in row)


def read(
    given: Iterable[Statement],
    columns: Mapping[predicates.Name, frozenset[str]],
    path: tuple[str, ...],
    unseen: frozenset[predicates.Name],
) -> tuple[list[Statement], list[tuple[str, str]]]:
    """Return the statements that look for rows in known tables, and those that cannot be judged, with the reason.

    `unseen` are tables that no ANALYZE has seen.
    """
    found, skipped = [], []
    for one in given:
        try:
            asked = predicates.read(one.prepared, columns, path)
        except parser.Refused as refused:
            skipped.append((one.text, f"it cannot be read: {refused.message}"))
            continue
        if lacking := sorted(asked.tables & unseen):
            names = ", ".join(".".join(name) for name in lacking)
            skipped.append((one.text, f"no ANALYZE has seen {names}"))
        elif asked.uses:
            found.append(dataclasses.replace(one, asked=asked))
    return found, skipped


def possible(
    statements: Sequence[Statement],
    existing: Callable[[candidates.Candidate], Iterable[Sequence[str]]],
    distinct: candidates.Distinct,
    type_of: candidates.TypeOf,
) -> set[candidates.Candidate]:
    """Return the indexes that could serve the statements, without what existing ones serve already.

    `existing` gives the columns of each index of a candidate's table and kind.
    """
    found: set[candidates.Candidate] = set()
    for one in statements:
        for use in one.asked.uses:
            found |= candidates.of_use(use, distinct, type_of)
    return {one for one in found if not candidates.served(one, existing(one))}


def updates_of(statements: Iterable[Statement], candidate: candidates.Candidate) -> int:
    """Return how many rows were updated by statements that set a column of a candidate."""
    columns = {(candidate.table, column) for column in candidate.columns if column}
    return sum(one.rows for one in statements if one.asked.sets & columns)
