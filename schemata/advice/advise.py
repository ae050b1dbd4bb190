"""`inv advise`: which indexes the statements of a database lack, and which of those that there are can go."""

import contextlib
import dataclasses
import datetime
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from schemata import config, errors, targets
from schemata.advice import (
    candidates,
    choosing,
    evaluators,
    existing,
    explaining,
    outcome,
    predicates,
    reading,
    workload,
    writing,
)
from schemata.ghost import capture, scale, scale_file
from schemata.lint.rules import indexes as index_rules
from schemata.migrations import authoring, files
from schemata.pages import declarations, pages
from schemata.postgres import libpq, queries
from schemata.remedies import remedy
from schemata.report import progress, results
from schemata.slow_queries import counts, slow_queries, statement_text
from schemata.slow_queries import outcome as counted_outcome
from schemata.slow_queries import reading as counting

EVALUATORS = ("auto", "ghost", "hypopg")
#: Seconds of counting below which nobody knows what a database is used for.
_SHORT = 3600
_DAY = 86_400
_NAME = 63  # bytes of a name


def advise(
    settings: config.Config,
    *,
    url: str = "",
    evaluator: str = "auto",
    top: int = 0,
    min_calls: int | None = None,
    max_new: int = 0,
    write: bool = False,
    reporter: progress.Reporter = progress.SILENT,
) -> outcome.Advice:
    """Return the indexes that are missing, with the evidence, and those that nothing needs. Builds none.

    Reads only on the target, and runs none of the statements there. `evaluator` says what plans with indexes that do
    not exist: hypopg on the target, or a temporary database without rows; auto takes hypopg where it is installed. With
    `write` also writes a migration for each. Raises counting.NotCollected where the server counts nothing.
    """
    if evaluator not in EVALUATORS:
        raise errors.ConfigError(
            f"--evaluator {evaluator} is not one of {', '.join(EVALUATORS)}",
            config.values.suggest(evaluator, EVALUATORS),
        )
    wanted = settings.advice
    choice = targets.choose(settings, url)
    with targets.named(choice), reading.reader(choice) as connection:
        target = targets.describe(choice, connection)
        reporter.info(f"Reading what was counted for {target.database}.")
        counted = counting.read(choice, connection, target.database)
        there = _There(
            settings,
            target,
            reading.read(connection, settings.schemas),
            capture.captured(connection, settings.schemas),
            counted,
        )
        least = wanted.min_calls if min_calls is None else min_calls
        given, skipped = there.statements(top or wanted.top, least)
        if there.catalog.hypopg is None and evaluator == "hypopg":
            raise errors.NotAvailable(
                f"the database {target.database} has no extension hypopg",
                "CREATE EXTENSION hypopg; there, or let a database without rows judge: inv advise --evaluator ghost",
            )
        with _evaluator(there, connection, evaluator, given, reporter) as judge:
            found = _judged(there, judge, given, skipped, max_new or wanted.max_new)
    return _written(settings, found, reporter) if write else found


@dataclasses.dataclass(frozen=True)
class _There:
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

    def statements(self, top: int, least: int) -> tuple[list[workload.Statement], list[tuple[str, str]]]:
        """Return what is to be judged, and what cannot be: counted statements of so many calls, then pages."""
        named = slow_queries.pages_by_fingerprint(self.settings)
        grouped = counted_outcome.grouped(counts.since(self.counted.look, None), self.counted.applications, named)
        about_rows = [one for one in grouped if slow_queries.is_about_rows(self.settings, one.text)]
        chosen = [one for one in about_rows if one.counts.calls >= least][:top]
        given = [
            workload.Statement(
                f"statement {number}",
                one.text,
                explaining.prepared(one.text, one.counts.rows_a_call),
                one.counts.calls,
                one.counts.total,
                one.counts.rows,
                one.belongs_to,
            )
            for number, one in enumerate(chosen)
        ]
        known = {one.fingerprint for one in chosen}
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
        return workload.read(given, self.columns, self.path, frozenset(unseen))

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


@contextlib.contextmanager
def _evaluator(
    there: _There,
    connection: libpq.Connection,
    asked: str,
    given: Sequence[workload.Statement],
    reporter: progress.Reporter,
) -> Iterator[evaluators.Evaluator | None]:
    """Give what judges; None where there is nothing to judge."""
    if not given:
        yield None
        return
    possible = there.possible(given)
    schema = there.catalog.hypopg
    if schema is not None and asked != "ghost":
        connection.query(f"SET search_path = {', '.join(map(queries.identifier, there.path))}")
        yield evaluators.Hypothetical(connection, schema, possible)
        return
    with evaluators.ghost_of(there.settings, there.catalog, there.scale(), possible, there.path, reporter) as made:
        reporter.info(f"Trying {len(made.possible)} indexes on a temporary database without rows.")
        yield made


def _judged(
    there: _There,
    judge: evaluators.Evaluator | None,
    given: Sequence[workload.Statement],
    skipped: list[tuple[str, str]],
    most: int,
) -> outcome.Advice:
    by_key = {one.key: one for one in given}
    weighted: list[choosing.Weighted] = []
    for one in given if judge else ():
        try:
            cost = judge.plan(one.prepared, frozenset()).cost if judge else 0.0
        except libpq.QueryFailed as failure:
            skipped = [*skipped, (one.text, f"it cannot be planned: {statement_text.one_line(failure.message)}")]
            continue
        if cost > 0:
            weighted.append(choosing.Weighted(one.key, one.time, cost, one.leads))
    declared = frozenset(page.index for page in declarations.read(there.settings) if page.index)
    left, proposals = 1.0, []
    if judge is not None:
        choice = choosing.choose(
            weighted,
            judge.possible,
            lambda key, with_these: judge.plan(by_key[key].prepared, with_these),
            there.distinct(),
            most=most,
            whole=sum(one.time for one in given),
        )
        left = choice.left
        proposals = list(_proposals(there, judge, choice, by_key))
    return outcome.Advice(
        there.target,
        judge.name if judge else "",
        sum(1 for one in weighted if by_key[one.key].calls),
        tuple(proposals),
        tuple(_unneeded(there, declared)),
        left,
        tuple(skipped),
        tuple(_notes(there)),
    )


def _proposals(
    there: _There,
    judge: evaluators.Evaluator,
    choice: choosing.Choice,
    by_key: Mapping[str, workload.Statement],
) -> Iterator[outcome.Proposal]:
    whole = sum(one.time for one in by_key.values()) or 1.0
    tables = {table.key: table for table in there.catalog.tables}
    taken = {(index.schema, index.name) for index in there.catalog.indexes}
    for chosen in choice.chosen:
        candidate = chosen.candidate
        table = tables[candidate.table]
        name = _name(there.settings, candidate, lambda name, schema=table.schema: (schema, name) in taken)  # type: ignore[misc]
        taken.add((table.schema, name))
        helps = tuple(
            outcome.Helped(
                by_key[key].text, by_key[key].calls, by_key[key].time / whole, before, after, by_key[key].belongs_to
            )
            for key, before, after in chosen.helps
        )
        yield outcome.Proposal(
            name,
            candidate,
            _statements(candidate, name, table),
            helps,
            chosen.gain,
            judge.size(candidate),
            table.written,
            _in_place(table, candidate, workload.updates_of(by_key.values(), candidate)),
            existing.covered_by(candidate, there.catalog.indexes),
        )


def _name(settings: config.Config, candidate: candidates.Candidate, is_taken: Callable[[str], bool]) -> str:
    """Return a free name by the convention of the settings."""
    words = tuple(key.column or re.sub(r"\W+", "_", key.text).strip("_") for key in candidate.keys)
    wanted = index_rules.wanted_name(settings.lint.index_name or "idx_{table}_{columns}", candidate.table[1], words)
    name, number = wanted[:_NAME], 1
    while is_taken(name):
        number += 1
        name = f"{wanted[: _NAME - 3]}_{number}"
    return name


def _statements(candidate: candidates.Candidate, name: str, table: reading.Table) -> tuple[str, ...]:
    """Return what builds an index; on a partitioned table no server does it concurrently at once."""
    if not table.is_partitioned:
        return (candidate.definition(name, concurrently=True),)
    parent = remedy.name(*candidate.table)
    own = candidate.definition(name).replace(f"ON {parent}", f"ON ONLY {parent}", 1)
    found = [own.replace("CREATE INDEX", "CREATE INDEX IF NOT EXISTS", 1)]
    for number, partition in enumerate(table.partitions, 1):
        part = f"{name[: _NAME - 6]}_p{number}"
        definition = candidate.definition(part, concurrently=True)
        found.append(definition.replace(f"ON {parent}", f"ON {partition}", 1))
        whole, one = remedy.name(table.schema, name), remedy.name(table.schema, part)
        found.append(f"ALTER INDEX {whole} ATTACH PARTITION {one}")
    return tuple(found)


def _in_place(table: reading.Table, candidate: candidates.Candidate, updates: int) -> str:
    if not table.in_place or not updates:
        return ""
    share = 100 * table.in_place / table.updated
    return (
        f"{updates:,} rows were updated by statements that set one of its columns: {share:.0f} % of the table's "
        "updates are in place (HOT) now, and these would no longer be."
    )


def _unneeded(there: _There, declared: frozenset[str]) -> Iterator[existing.Unneeded]:
    found = list(existing.covered(there.catalog.indexes, declared))
    yield from found
    if there.catalog.window >= there.settings.advice.unused_days * _DAY:
        gone = {one.index for one in found}
        yield from (one for one in existing.unused(there.catalog.indexes, declared) if one.index not in gone)


def _notes(there: _There) -> Iterator[str]:
    yield from slow_queries.notes_of(there.counted)
    look = there.counted.look
    counted_for = _seconds_between(look.reset, look.at)
    if counted_for < _SHORT:
        yield (
            f"Too little workload: statements are counted for {counted_for / 60:.0f} min only. Look again when they "
            "are counted for a day of usual work."
        )
    wanted = there.settings.advice.unused_days
    if there.catalog.window < wanted * _DAY:
        yield (
            f"Reads of indexes are counted for {there.catalog.window / 3600:.0f} h: what is unused is told from "
            f"{wanted} days on (advice.unused_days)."
        )
    committed = there.scale().tables
    if lacking := [name for name in there.captured.unseen if name not in committed]:
        yield f"Left out, because no ANALYZE has seen them: {', '.join(lacking)}. Run ANALYZE there."
    if there.captured.unread:
        yield (
            f"This role may not read the statistics of {', '.join(there.captured.unread)}: GRANT SELECT, or "
            "pg_read_all_data."
        )


def _seconds_between(before: str, after: str) -> float:
    try:
        return (datetime.datetime.fromisoformat(after) - datetime.datetime.fromisoformat(before)).total_seconds()
    except ValueError:
        return 0.0


def _written(settings: config.Config, found: outcome.Advice, reporter: progress.Reporter) -> outcome.Advice:
    """Write a migration for each proposal that is one statement; return the advice with what was written."""
    sources = files.read(settings.migrations, settings.schemas)
    stamp = authoring.after(sources)
    advised = (
        f"inv advise, {found.target.database}, {stamp[:4]}-{stamp[4:6]}-{stamp[6:8]}, judged on {found.evaluator}."
    )
    written = []
    notes = list(found.notes)
    for proposal in found.proposals:
        if not proposal.is_one_statement:
            notes.append(
                f"No migration was written for {proposal.name}: {'.'.join(proposal.candidate.table)} is partitioned, "
                "and what is above is a few statements for a person to put in order."
            )
            continue
        made = writing.migration(proposal, stamp, advised)
        folder = settings.migrations / proposal.candidate.table[0]
        for name, text in ((f"{made.id}.sql", made.sql), (f"{made.id}.rollback.sql", made.rollback)):
            files.write_new(folder / name, text)
            path = folder / name
            written.append(str(path.relative_to(settings.root) if path.is_relative_to(settings.root) else path))
        reporter.info(f"Wrote {made.id}.")
        stamp = writing.following(stamp)
    return dataclasses.replace(found, written=tuple(written), notes=tuple(notes))
