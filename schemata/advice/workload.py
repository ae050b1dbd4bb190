"""What is judged: the counted statements and the declared pages, each with what it asks of which table. Pure."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence

from schemata.advice import candidates, predicates
from schemata.slow_queries import statement_text
from schemata.sql import parser

# The share of a table that is few rows for a range.
_FEW = 0.01
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
    rows_of: Callable[[predicates.Name], float],
) -> tuple[list[Statement], list[tuple[str, str]]]:
    """Return the statements that look for rows in known tables, and those that cannot be judged, with the reason.

    `unseen` are tables that no ANALYZE has seen; `rows_of` says how many rows a table has.
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
            found.append(_as_selective(dataclasses.replace(one, asked=asked), rows_of))
    return found, skipped


def _as_selective(one: Statement, rows_of: Callable[[predicates.Name], float]) -> Statement:
    """Return a statement whose only range is planned as one of two ends, if its calls found few of the rows.

    Of a range with one end, whose value is not known, the planner takes a third of the table.
    """
    place = one.asked.open_range
    if place is None or not one.calls or one.rows / one.calls > _FEW * rows_of(one.asked.uses[0].table):
        return one
    return dataclasses.replace(one, prepared=closed(one.prepared, place))


def closed(text: str, place: tuple[int, int]) -> str:
    """Return a text with another end of the range whose operator is at a place of it, in bytes.

    >>> closed("DELETE FROM t WHERE at < now() - $1", (23, 24))
    'DELETE FROM t WHERE at BETWEEN $2 AND now() - $1'
    """
    data, number = text.encode(), statement_text.parameters(text) + 1
    return (data[: place[0]] + f"BETWEEN ${number} AND".encode() + data[place[1] :]).decode()


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
