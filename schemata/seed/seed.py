"""`inv seed`: rows for every table of a development database."""

import contextlib
import dataclasses
import functools
from collections.abc import Iterator, Mapping, Sequence

from schemata import config, errors, targets
from schemata.config import seeding
from schemata.postgres import libpq, queries, sessions
from schemata.report import progress, results
from schemata.samples import rows as sample_rows
from schemata.samples import structure
from schemata.scale import scale_file as scale_files
from schemata.seed import ahead, circles, filling, keys, outcome, planning, records, sizes, statement
from schemata.seed.values import columns, expressions

_LOCK = "SELECT pg_try_advisory_lock(hashtextextended({name}, 0))"
_SEED_AGAIN = "inv dev-down-clean and inv dev-up make an empty database for another seed."


def seed(
    settings: config.Config,
    *,
    url: str = "",
    wanted: int | None = None,
    number: int | None = None,
    scale_file: str = "",
    tables: Sequence[str] = (),
    yes: bool = False,
    confirm: str = "",
    reporter: progress.Reporter = progress.SILENT,
) -> outcome.Seeded:
    """Give every table the rows that it lacks, and return what was done.

    First a few rows of each table are tried and taken back; where some are refused nothing is written. Each batch of
    rows is a transaction that also records it, so an interrupted run is completed by the next one.

    :param wanted: rows of the largest table. :param number: the seed. :param tables: only these.
    Raises targets.ProtectedTarget for a database that is not for development, errors.Busy.
    """
    said = settings.seed
    if wanted is not None and wanted < 1:
        raise errors.ConfigError(f"--rows {wanted} is not above 0", "Write how many rows the largest table gets.")
    if wanted is not None:
        seeding.KEYS["rows"](wanted, "--rows")
    if number is not None:
        seeding.KEYS["seed"](number, "--seed")
    sized = _scale(settings, scale_file) if scale_file else sizes.Scale()
    wanted = said.rows if wanted is None else wanted
    choice = targets.choose(settings, url)
    with targets.named(choice), targets.login(choice) as connection:
        target = targets.describe(choice, connection)
        reporter.info(f"Target: {target.describe()}")
        _guard(choice, target, connection, yes=yes, confirm=confirm)
        order = _Order(said, said.seed if number is None else number, wanted, sized, tuple(tables), target)
        with _session(connection, f"inv seed --rows {wanted}") as session:
            return _Run(settings, order, session, reporter, functools.partial(_second, choice)).run()


def _scale(settings: config.Config, file: str) -> sizes.Scale:
    tables = scale_files.read(settings, str(settings.root / file)).tables
    return sizes.Scale(
        {name: table.rows for name, table in tables.items()},
        {name: table.n_distinct for name, table in tables.items() if table.n_distinct},
    )


@dataclasses.dataclass(frozen=True)
class _Order:
    declared: seeding.Seed
    seed: int
    wanted: int
    scale: sizes.Scale
    tables: tuple[str, ...]
    target: results.Target


def _guard(
    choice: targets.Choice, target: results.Target, connection: libpq.Connection, *, yes: bool, confirm: str
) -> None:
    does = "fills the tables with made-up rows"
    if targets.guard(choice, target, connection, yes=yes, confirm=confirm, does=does) and not choice.is_dev:
        targets.ask(
            f"{target.describe()} is not this project's dev server.",
            "Fill its tables with made-up rows?",
            f"--confirm {target.database}",
        )


@contextlib.contextmanager
def _session(connection: libpq.Connection, again: str) -> Iterator[sessions.Session]:
    try:
        with sessions.session(connection, sessions.this_client()) as opened:
            yield opened
    except sessions.ConnectionLost as error:
        raise errors.NotAvailable(
            f"the connection was lost: {error}", f"Batches that were complete stay. Run again: {again}"
        ) from error
    except sessions.StatementFailed as error:
        raise errors.Error(
            f"the server refuses: {error.message}",
            "The role needs SELECT and INSERT on the tables, and TEMPORARY and CREATE on the database.",
        ) from error
    except KeyboardInterrupt as error:
        raise errors.Interrupted(
            "Interrupted; the batch that was under way was rolled back.",
            f"Batches that were complete stay. The next run completes them: {again}",
        ) from error


@contextlib.contextmanager
def _second(choice: targets.Choice) -> Iterator[sessions.Session]:
    with targets.login(choice) as connection, sessions.session(connection, sessions.this_client()) as opened:
        yield opened


class _Run:
    def __init__(
        self,
        settings: config.Config,
        order: _Order,
        session: sessions.Session,
        reporter: progress.Reporter,
        open_second: ahead.Open,
    ) -> None:
        self._open_second = open_second
        self._settings, self._order, self._session, self._reporter = settings, order, session, reporter
        self._history = settings.history_schema
        self._problems: list[outcome.Problem] = []

    def run(self) -> outcome.Seeded:
        """Seed the tables of the order."""
        if self._session.rows(_LOCK.format(name=queries.literal(f"{self._history}.seed"))) != [("t",)]:
            raise errors.Busy("another inv seed works on this database", "Run again when it is done.")
        tables = self._tables()
        recorded = self._recorded()
        counts = sizes.counts(tables, self._order.wanted, self._order.scale, self._given_rows())
        tables = [table for table in tables if counts[table.plain]]
        works, complete = [], []
        known = filling.details(self._session, [table.oid for table in tables])
        for table in tables:
            record = recorded.get(table.plain)
            if record and record.rows >= counts[table.plain] and self._has_rows(table):
                complete.append(outcome.Filled(table.plain, record.rows, 0))
                continue
            work = self._work(table, counts[table.plain], record, known[table.oid])
            if work is not None:
                works.append(work)
        filler = filling.Filler(self._session, self._history, self._order.seed, self._open_second)
        groups = circles.together(works)
        chosen, refused = filler.try_out(groups) if not self._problems else ({}, {})
        self._problems += [_problem(table, error) for table, error in refused.items()]
        if self._problems:
            return self._result(complete, tried=True)
        if works:
            self._session.script(records.create(self._history))
            filler.clear()
        filled = self._fill(filler, groups, chosen)
        return self._result([*complete, *filled])

    def _result(self, filled: Sequence[outcome.Filled], *, tried: bool = False) -> outcome.Seeded:
        return outcome.Seeded(self._order.target, self._order.seed, tuple(filled), tuple(self._problems), tried)

    def _tables(self) -> list[structure.Table]:
        """Return the tables to fill, those that others reference first."""
        # Names are told with their schemas.
        self._session.script("SET search_path = pg_catalog")
        found = sample_rows.tables(self._session, self._history)
        schemas = set(self._settings.schemas)
        of_project = [table for table in found if table.plain.partition(".")[0] in schemas]
        names = {table.plain for table in of_project}
        asked = (*self._order.tables, *self._order.declared.tables)
        if asked and not names:
            raise errors.Error(
                f"{self._order.target.describe()} has no tables in the project's schemas",
                "Apply the migrations first: inv migrate",
            )
        for name in asked:
            if name not in names:
                raise config.values.InvalidSetting(
                    "--tables" if name in self._order.tables else f'[tool.schemata.seed."{name}"]',
                    f"{name} is no table of {self._order.target.describe()} in the project's schemas",
                    config.values.suggest(name, names),
                )
        skipped = {name for name, one in self._order.declared.tables.items() if one.skip}
        wanted = set(self._order.tables) or names - skipped
        return [table for table in structure.in_order(of_project) if table.plain in wanted]

    def _recorded(self) -> dict[str, records.Record]:
        recorded = records.read(self._session.rows, self._history)
        others = sorted({record.seed for record in recorded.values() if record.seed != self._order.seed})
        if others:
            raise errors.Error(
                f"the database was seeded with {others[0]}, and rows of two seeds do not go together",
                f"Go on with it: inv seed --seed {others[0]}. {_SEED_AGAIN}",
            )
        return recorded

    def _given_rows(self) -> dict[str, int | None]:
        return {name: one.rows for name, one in self._order.declared.tables.items()}

    def _work(
        self, table: structure.Table, wanted: int, record: records.Record | None, details: keys.Details
    ) -> filling.Work | None:
        there = self._has_rows(table)
        if record is not None and not there:
            # Somebody emptied it.
            record = None
        done = record.rows if record else 0
        base = self._base(table, wanted)
        if record:
            # Rows that others wrote since then are passed over.
            passed = {name: number - done for name, number in base.numbers.items() if number > done}
            numbers = {name: max(number, record.base.numbers.get(name, 0)) for name, number in passed.items()}
            base = dataclasses.replace(record.base, numbers={**record.base.numbers, **numbers})
        said = self._order.declared.tables.get(table.plain)
        frame = columns.Frame(
            table,
            self._order.seed,
            wanted,
            base.step,
            base.numbers,
            self._order.scale.to(self._order.wanted).distinct.get(table.plain, {}),
            said.columns if said else {},
            details.partitions or (),
        )
        unknown = [name for name in frame.given if name not in {column["name"] for column in table.columns}]
        if unknown:
            raise config.values.InvalidSetting(
                f'[tool.schemata.seed."{table.plain}"] columns', f"the table has no column {unknown[0]} to fill"
            )
        own = frame.given.get("n")
        if isinstance(own, str) and "n" in columns.named(table, own):
            raise config.values.InvalidSetting(
                f'[tool.schemata.seed."{table.plain}"] columns.n',
                "n is the column itself in this table, not the row's number",
                "Write __row for the row's number.",
            )
        try:
            plan = planning.plan(self._session.rows, frame, details)
            first = None if there else self._first(frame, details)
        except planning.NoValues as error:
            self._problems.append(_problem(table.plain, filling.Refused(str(error), error.columns)))
            return None
        return filling.Work(plan, wanted, done, base, first)

    def _has_rows(self, table: structure.Table) -> bool:
        return self._session.rows(f"SELECT {statement.MARK} EXISTS (SELECT FROM {table.name})") == [("t",)]

    def _first(self, frame: columns.Frame, details: keys.Details) -> statement.Plan | None:
        """Return the plan for the first rows where they cannot but reference themselves."""
        required = {column["number"] for column in frame.table.columns if column["not_null"]}
        own = [key.name for key in frame.table.keys if key.oid == frame.table.oid and set(key.own) <= required]
        if not own:
            return None
        return planning.plan(self._session.rows, dataclasses.replace(frame, itself=frozenset(own)), details)

    def _base(self, table: structure.Table, wanted: int) -> records.Base:
        """Return the numbers that the rows of a table follow, so that they meet none that is there."""
        names = [
            column["name"] for column in table.columns if columns.is_integer(column) or column["base"] == "numeric"
        ]
        asked = ", ".join(f"GREATEST(ceil(max({queries.identifier(name)})), 0)::int8" for name in names)
        found = self._session.rows(f"SELECT {statement.MARK} {asked} FROM {table.name}")[0] if names else ()
        numbers = {name: int(str(value)) for name, value in zip(names, found, strict=True) if value not in (None, "0")}
        return records.Base(numbers, max(expressions.SPAN // max(wanted, 100), 1))

    def _fill(
        self, filler: filling.Filler, groups: Sequence[Sequence[filling.Work]], chosen: Mapping[str, filling.Chosen]
    ) -> list[outcome.Filled]:
        total = sum(work.wanted - work.done for group in groups for work in group)
        made = 0
        filled = []
        for group in groups:
            began = filling.now()
            move = functools.partial(self._move, made, total)
            try:
                if len(group) > 1:
                    filler.fill_together(group, chosen, move)
                    added = [work.wanted - work.done for work in group]
                else:
                    added = [filler.fill(group[0], chosen[group[0].table], functools.partial(move, group[0]))]
            except filling.Refused as error:
                self._problems += [_problem(work.table, error) for work in group]
                continue
            made += sum(added)
            seconds = (filling.now() - began) / len(group)
            for work, rows in zip(group, added, strict=True):
                short = work.wanted - work.done - rows
                note = f"there is no room for {short} more" if short else ""
                filled.append(outcome.Filled(work.table, work.done, rows, seconds, note))
        return filled

    def _move(self, made: int, total: int, work: filling.Work, row: int) -> None:
        self._reporter.step(made + row - work.done, total, work.table)


def _problem(table: str, error: filling.Refused) -> outcome.Problem:
    example = f'columns = {{ {error.columns[0]} = "SQL, in which n is the row\'s number" }}' if error.columns else ""
    remedy = f'[tool.schemata.seed."{table}"] skip = true leaves it empty'
    if example:
        remedy += f"; {example} gives the values"
    else:
        remedy += '; columns = { name = "SQL" } gives values that it accepts'
    return outcome.Problem(table, str(error), f"{remedy}.")
