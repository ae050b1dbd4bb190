"""What is known of a target: its catalog, its sizes, its statements."""

import dataclasses
from collections.abc import Sequence

from schemata import config
from schemata.advice import candidates, explaining, predicates, reading, workload
from schemata.ghost import capture
from schemata.pages import declarations, pages
from schemata.report import results
from schemata.scale import scale, scale_file
from schemata.slow_queries import counts, slow_queries, statement_text
from schemata.slow_queries import outcome as counted_outcome
from schemata.slow_queries import reading as counting


@dataclasses.dataclass(frozen=True)
class Workload:
    """The statements to judge, and those that cannot be, with the reason.

    :param time: milliseconds of all statements about rows. :param rare: how many were called less than `least` times.
    """

    statements: tuple[workload.Statement, ...]
    skipped: tuple[tuple[str, str], ...]
    time: float
    rare: int
    least: int


@dataclasses.dataclass(frozen=True)
class Evidence:
    """What is known of the target."""

    settings: config.Config
    target: results.Target
    catalog: reading.Catalog
    captured: capture.Captured
    counted: counting.Counted

    @property
    def path(self) -> tuple[str, ...]:
        """Where tables without a schema are looked for."""
        return (*self.settings.schemas, "public")

    @property
    def columns(self) -> dict[predicates.Name, frozenset[str]]:
        """The columns of each table."""
        return {table.key: frozenset(one.name for one in table.columns) for table in self.catalog.tables}

    def scale(self) -> scale.Scale:
        """Return the sizes of the tables; the scale file has those of the tables that no ANALYZE has seen."""
        pages_of = {".".join(one.key): one.pages for one in self.catalog.tables if not one.is_partitioned}
        found = {
            name: dataclasses.replace(table, pages=pages_of.get(name, 0))
            for name, table in self.captured.scale.tables.items()
        }
        if self.captured.unseen and scale_file.exists(self.settings):
            committed = scale_file.read(self.settings).tables
            found |= {name: committed[name] for name in self.captured.unseen if name in committed}
        return scale.Scale(found, "the target")

    def work(self, top: int, least: int) -> "Workload":
        """Return what is to be judged: counted statements of so many calls, those of most time, then pages."""
        named = slow_queries.pages_by_fingerprint(self.settings)
        grouped = counted_outcome.grouped(counts.since(self.counted.look, None), self.counted.applications, named)
        about_rows = [one for one in grouped if slow_queries.is_about_rows(self.settings, one.text)]
        often = [one for one in about_rows if one.counts.calls >= least]
        given = [_counted(number, one) for number, one in enumerate(often[:top])]
        known = {one.fingerprint for one in often[:top]}
        for page in declarations.read(self.settings):
            for number, text in enumerate(dict.fromkeys(pages.queries(page))):
                if statement_text.fingerprint(text) not in known:
                    told = (f"page {page.name}",)
                    given.append(workload.Statement(f"page {page.name} {number}", text, text, 0, 0.0, 0, told))
        committed = self.scale().tables
        unseen = {
            (schema, name)
            for schema, _, name in (full.partition(".") for full in self.captured.unseen)
            if f"{schema}.{name}" not in committed
        }

        def rows_of(table: predicates.Name) -> float:
            known = committed.get(".".join(table))
            return float(known.rows) if known else 0.0

        judged, skipped = workload.read(given, self.columns, self.path, frozenset(unseen), rows_of)
        time = sum(one.counts.total for one in about_rows)
        return Workload(tuple(judged), tuple(skipped), time, len(about_rows) - len(often), least)

    def distinct(self) -> candidates.Distinct:
        """Return what says how many distinct values a column holds."""
        tables = self.scale().tables

        def distinct(table: predicates.Name, column: str) -> float:
            known = tables.get(".".join(table))
            value = known.n_distinct.get(column, 0.0) if known else 0.0
            return -value * known.rows if known and value < 0 else value

        return distinct

    def possible(self, given: Sequence[workload.Statement]) -> set[candidates.Candidate]:
        """Return the indexes that could serve the statements."""
        types = {(table.key, one.name): one.type for table in self.catalog.tables for one in table.columns}
        by_table: dict[tuple[predicates.Name, str], list[tuple[str, ...]]] = {}
        for index in self.catalog.indexes:
            if index.is_valid and not index.predicate:
                by_table.setdefault(((index.schema, index.table), index.method), []).append(index.keys)
        return workload.possible(
            given,
            lambda one: by_table.get((one.table, one.method), ()),
            self.distinct(),
            lambda table, column: types[table, column],
        )


def _counted(number: int, one: counted_outcome.Statement) -> workload.Statement:
    return workload.Statement(
        f"statement {number}",
        one.text,
        explaining.prepared(one.text, one.counts.rows_a_call),
        one.counts.calls,
        one.counts.total,
        one.counts.rows,
        one.belongs_to,
    )
