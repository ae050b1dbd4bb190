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
    evidence,
    existing,
    outcome,
    reading,
    restored_copy,
    workload,
    writing,
)
from schemata.backups import contents
from schemata.ghost import capture
from schemata.lint.rules import indexes as index_rules
from schemata.migrations import authoring, files
from schemata.pages import declarations
from schemata.postgres import libpq, queries
from schemata.remedies import remedy
from schemata.report import document, progress
from schemata.slow_queries import reading as counting
from schemata.slow_queries import slow_queries, statement_text

EVALUATORS = ("auto", "ghost", "hypopg", "copy")
#: Seconds of counting below which nobody knows what a database is used for.
_SHORT = 3600
_DAY = 86_400
_NAME = 63  # bytes of a name


def advise(
    settings: config.Config,
    *,
    url: str = "",
    evaluator: str = "auto",
    backup: str = "",
    top: int = 0,
    min_calls: int | None = None,
    max_new: int = 0,
    write: bool = False,
    reporter: progress.Reporter = progress.SILENT,
) -> outcome.Advice:
    """Return the indexes that are missing, with the evidence, and those that nothing needs. Builds none.

    Reads only on the target, and runs none of the statements there. `evaluator` says what plans with indexes that do
    not exist: hypopg on the target, a temporary database without rows, or a copy that is restored from a backup, the
    newest one of the target or that of the name `backup`; auto takes hypopg where it is installed. With `write` also
    writes a migration for each. Raises counting.NotCollected where the server counts nothing.
    """
    if evaluator not in EVALUATORS:
        raise errors.ConfigError(
            f"--evaluator {evaluator} is not one of {', '.join(EVALUATORS)}",
            config.values.suggest(evaluator, EVALUATORS),
        )
    if backup and evaluator != "copy":
        raise errors.ConfigError(
            f"--backup {backup} has no effect with --evaluator {evaluator}", "Add --evaluator copy, or leave it out."
        )
    wanted = settings.advice
    choice = targets.choose(settings, url)
    with targets.named(choice), reading.reader(choice) as connection:
        target = targets.describe(choice, connection)
        reporter.info(f"Reading what was counted for {target.database}.")
        counted = counting.read(choice, connection, target.database)
        there = evidence.Evidence(
            settings,
            target,
            reading.read(connection, settings.schemas),
            capture.captured(connection, settings.schemas),
            counted,
        )
        least = wanted.min_calls if min_calls is None else min_calls
        work = there.work(top or wanted.top, least)
        if there.catalog.hypopg is None and evaluator == "hypopg":
            raise errors.NotAvailable(
                f"the database {target.database} has no extension hypopg",
                "CREATE EXTENSION hypopg; there, or let a database without rows judge: inv advise --evaluator ghost",
            )
        order = _Order(evaluator, backup)
        with _evaluator(there, connection, order, work.statements, reporter) as judge:
            found = _judged(there, judge, work, max_new or wanted.max_new)
    return _written(settings, found, reporter) if write else found


@dataclasses.dataclass(frozen=True)
class _Order:
    """What is asked for: the evaluator, and for a copy the backup; empty for the newest."""

    evaluator: str
    backup: str


@contextlib.contextmanager
def _evaluator(
    there: evidence.Evidence,
    connection: libpq.Connection,
    asked: _Order,
    given: Sequence[workload.Statement],
    reporter: progress.Reporter,
) -> Iterator[evaluators.Evaluator | None]:
    """Give what judges; None where there is nothing to judge."""
    if not given:
        yield None
        return
    possible = there.possible(given)
    schema = there.catalog.hypopg
    if asked.evaluator == "copy":
        source = contents.source(connection, there.target.database)
        backup = restored_copy.backup_of(there.settings, asked.backup, source)
        with restored_copy.copy_of(there.settings, backup, there.catalog, possible, there.path, reporter) as copied:
            reporter.info(f"Trying {len(copied.possible)} indexes on the copy.")
            yield copied
        return
    if schema is not None and asked.evaluator != "ghost":
        connection.query(f"SET search_path = {', '.join(map(queries.identifier, there.path))}")
        yield evaluators.Hypothetical(connection, schema, possible)
        return
    with evaluators.ghost_of(there.settings, there.catalog, there.scale(), possible, there.path, reporter) as made:
        reporter.info(f"Trying {len(made.possible)} indexes on a temporary database without rows.")
        yield made


def _judged(
    there: evidence.Evidence,
    judge: evaluators.Evaluator | None,
    work: evidence.Workload,
    most: int,
) -> outcome.Advice:
    by_key = {one.key: one for one in work.statements}
    skipped = list(work.skipped)
    weighted: list[choosing.Weighted] = []
    for one in work.statements if judge else ():
        try:
            cost = judge.plan(one.prepared, frozenset()).cost if judge else 0.0
        except libpq.QueryFailed as failure:
            skipped.append((one.text, f"it cannot be planned: {statement_text.one_line(failure.message)}"))
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
            whole=work.time,
        )
        left = choice.left
        proposals = list(_proposals(there, judge, choice, by_key, work.time))
    return outcome.Advice(
        there.target,
        judge.name if judge else "",
        sum(1 for one in weighted if by_key[one.key].calls),
        tuple(proposals),
        tuple(_unneeded(there, declared)),
        left,
        tuple(skipped),
        tuple(_notes(there, work)),
        origin=judge.origin if judge else "",
    )


def _proposals(
    there: evidence.Evidence,
    judge: evaluators.Evaluator,
    choice: choosing.Choice,
    by_key: Mapping[str, workload.Statement],
    whole: float,
) -> Iterator[outcome.Proposal]:
    tables = {table.key: table for table in there.catalog.tables}
    taken = {(index.schema, index.name) for index in there.catalog.indexes}
    for chosen in choice.chosen:
        candidate = chosen.candidate
        table = tables[candidate.table]
        name = _name(there.settings, candidate, lambda name, schema=table.schema: (schema, name) in taken)  # type: ignore[misc]
        taken.add((table.schema, name))
        helps = tuple(
            outcome.Helped(
                by_key[key].text,
                by_key[key].calls,
                by_key[key].time / whole if whole else 0.0,
                before,
                after,
                by_key[key].belongs_to,
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


def _unneeded(there: evidence.Evidence, declared: frozenset[str]) -> Iterator[existing.Unneeded]:
    found = list(existing.covered(there.catalog.indexes, declared))
    yield from found
    if there.catalog.window >= there.settings.advice.unused_days * _DAY:
        gone = {one.index for one in found}
        yield from (one for one in existing.unused(there.catalog.indexes, declared) if one.index not in gone)


def _notes(there: evidence.Evidence, work: evidence.Workload) -> Iterator[str]:
    yield from slow_queries.notes_of(there.counted)
    if work.rare:
        told = document.number(work.rare, "statement")
        yield f"{told} ran less than {work.least} times, and {'is' if work.rare == 1 else 'are'} left out: --min-calls."
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
