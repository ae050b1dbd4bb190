"""Put rows into tables: a few that are taken back, then all of them, each batch in a transaction of its own."""

import dataclasses
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from schemata import errors
from schemata.postgres import queries, sessions
from schemata.samples import attempts
from schemata.seed import ahead, keys, parent_keys, records, shapes, statement

#: Rows of a statement, and from how many on indexes are built afterwards.
BATCH = 20_000
BULK = 20_000
_BULK_BATCH = 250_000
_PROBED = 24
_TRIES = 40
_LOCK_TIMEOUT = "10s"
_BUSY = ("55P03", "40P01")
# Values are the same wherever the session comes from; the planner's choice of a compiler costs more than it brings.
_SETTINGS = (
    "SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres'; SET jit = off; "
    "SET work_mem = '128MB'"
)

Chosen = Mapping[int, tuple[shapes.Shape, ...]]


class Refused(Exception):
    """Rows of a table were refused: by the server, or because what they need is not there."""

    def __init__(self, reason: str, columns: Sequence[str] = ()) -> None:
        super().__init__(reason)
        self.columns = tuple(columns)


@dataclasses.dataclass(frozen=True)
class Work:
    """A table to fill up to `wanted` rows, of which `done` are there.

    :param first: the plan for the first rows of a table whose rows must reference rows of its own.
    """

    plan: statement.Plan
    wanted: int
    done: int
    base: records.Base
    first: statement.Plan | None = None

    @property
    def table(self) -> str:
        """Return the table's name without quotes."""
        return self.plan.frame.table.plain

    def levels(self) -> Iterator[tuple[statement.Plan, int, int]]:
        """Give the rows to make as (plan, first, last); each level may reference the rows of those before."""
        oid = self.plan.frame.table.oid
        bounds = [self.wanted]
        if any(key.oid == oid for key in self.plan.frame.table.keys):
            bounds = sorted({-(-self.wanted // 100), -(-self.wanted // 10), self.wanted})
        begin = self.done
        for number, end in enumerate(bounds):
            if end > begin:
                yield (self.first if self.first and not number else self.plan), begin + 1, end
                begin = end


class Filler:
    """Fills tables of one database in one session, and with a second one that makes rows ahead where there are many."""

    def __init__(
        self, session: sessions.Session, history: str, seed: int, open_second: ahead.Open | None = None
    ) -> None:
        self._session = session
        self._open_second = open_second
        self._history = history
        self._seed = seed
        self._is_superuser = session.rows(records.SQL["is_superuser"]) == [("t",)]
        self._settings = f"RESET search_path; {_SETTINGS}; SET lock_timeout = '{_LOCK_TIMEOUT}'"
        session.script(self._settings)

    def try_out(self, groups: Sequence[Sequence[Work]]) -> tuple[dict[str, Chosen], dict[str, Refused]]:
        """Make a few rows of each table and take them back: which shapes the server accepts, and what it refuses.

        Nothing stays. Triggers run. What groups are says fill_together.
        """
        accepted: dict[str, Chosen] = {}
        refused: dict[str, Refused] = {}
        self._session.script("BEGIN")
        try:
            for work, is_alone in ((work, len(group) == 1) for group in groups for work in group):
                self._session.script("SAVEPOINT seed_table")
                try:
                    if not is_alone:
                        self._session.script(self._late(work.plan))
                    accepted[work.table] = self._try(work)
                    if self._is_superuser:
                        self._session.script("SET LOCAL session_replication_role = DEFAULT")
                except Refused as error:
                    refused[work.table] = error
                except sessions.StatementFailed as error:
                    if error.sqlstate in _BUSY:
                        raise _busy(work.plan, error) from error
                    refused[work.table] = Refused(_reason(error))
                if work.table in refused:
                    self._session.script("ROLLBACK TO seed_table")
        finally:
            self._session.rollback()
        return accepted, refused

    def _try(self, work: Work) -> Chosen:
        probed = dataclasses.replace(work, wanted=min(work.wanted, work.done + _PROBED))
        chosen: Chosen = {}
        for plan, first, last in probed.levels():
            there = self._parents(plan, work)
            self._check_parents(plan, there.counts)
            room = plan.room(there.counts)
            end = min(last, room) if room else last
            if end >= first:
                found = self._attempt(plan, there, first, end)
                chosen = found if plan is work.plan else {**found, **chosen}
            self._drop_parents(plan)
        if not chosen:
            chosen = {number: sets[0] for number, sets in work.plan.sets.items()}
        return chosen

    def _attempt(self, plan: statement.Plan, there: parent_keys.Parents, first: int, last: int) -> Chosen:
        tries = attempts.Attempts(plan.frame.table, plan.sets)
        reason, columns = "", list[str]()
        for _ in range(_TRIES):
            chosen = tries.next()
            try:
                # By itself: SQL of the settings that is none would not let it come about.
                self._session.script("SAVEPOINT seed")
                self._session.script(f"{statement.insert(plan, chosen, there, first, last)}; RELEASE seed")
            except sessions.StatementFailed as error:
                self._session.script("ROLLBACK TO seed")
                reason = _reason(error)
                columns = [error.names[2]] if error.names[2] else []
                if error.sqlstate in _BUSY:
                    raise _busy(plan, error) from error
                tries.refuse(error.sqlstate, error.names[3], error.names[2], error.detail)
                if tries.exhausted:
                    break
            else:
                return chosen
        raise Refused(reason, columns)

    def fill(self, work: Work, chosen: Chosen, moved: Callable[[int], None]) -> int:
        """Make the rows of a table that it lacks, and return how many were made; there may be room for fewer.

        Each batch is a transaction that records what it made. `moved` is told how many rows there are.
        Raises Refused, after which the batches before are there and recorded.
        """
        begin = work.done
        try:
            for plan, first, last in work.levels():
                own = chosen if plan is work.plan else {number: sets[0] for number, sets in plan.sets.items()}
                begin = self._fill_level(work, plan, own, first, last, moved)
                if begin < last:
                    break
        except ahead.Lost as error:
            self._session.rollback()
            self.clear()
            raise Refused(str(error)) from error
        except sessions.StatementFailed as error:
            self._session.rollback()
            self.clear()
            if error.sqlstate in _BUSY:
                raise _busy(work.plan, error) from error
            raise Refused(_reason(error), [error.names[2]] if error.names[2] else []) from error
        if begin > work.done:
            self._session.script(f"ANALYZE {work.plan.frame.table.name}")
        return begin - work.done

    def fill_together(
        self, works: Sequence[Work], chosen: Mapping[str, Chosen], moved: Callable[[Work, int], None]
    ) -> None:
        """Make the rows of tables that must reference each other, all in one transaction.

        Raises Refused, after which none of them is there.
        """
        try:
            self._session.script("BEGIN")
            for work in works:
                self._session.script(self._late(work.plan))
                for plan, first, last in work.levels():
                    there = self._parents(plan, work)
                    self._check_parents(plan, there.counts)
                    room = plan.room(there.counts)
                    if 0 < room < last:
                        self._session.rollback()
                        raise Refused(f"{work.table} has room for {room} rows only: set `rows` to that")
                    self._session.script(statement.insert(plan, chosen[work.table], there, first, last))
                    self._drop_parents(plan)
                    moved(work, last)
            for work in works:
                self._verify(work.plan, every=True)
                record = records.Record(self._seed, work.wanted, work.base)
                self._session.script(records.note(self._history, work.table, record))
            self._session.script("COMMIT")
        except sessions.StatementFailed as error:
            self._session.rollback()
            if error.sqlstate in _BUSY:
                raise _busy(works[0].plan, error) from error
            raise Refused(_reason(error)) from error
        for work in works:
            self._advance(work.plan, work.wanted)
            self._session.script(f"ANALYZE {work.plan.frame.table.name}")

    def _late(self, plan: statement.Plan) -> str:
        """Return SQL by which foreign keys are looked at when all rows are there."""
        quiet = self._is_superuser and not (plan.details.triggers or plan.details.rules)
        role = (
            f"; SET LOCAL session_replication_role = {'replica' if quiet else 'DEFAULT'}" if self._is_superuser else ""
        )
        return f"SET CONSTRAINTS ALL DEFERRED{role}"

    def _fill_level(
        self, work: Work, plan: statement.Plan, chosen: Chosen, first: int, last: int, moved: Callable[[int], None]
    ) -> int:
        bulk = self._may_put_off(work, plan, last - first + 1)
        # Rows that may be referenced by rows of the same table must not change with where a run was interrupted.
        whole = bulk or any(key.oid == plan.frame.table.oid for key in plan.frame.table.keys)
        there = parent_keys.Parents()
        with ahead.helper(
            self._session, self._opened(plan, bulk, last - first + 1), self._settings, self._history
        ) as helper:
            for begin in range(first, last + 1, last - first + 1 if whole else BATCH):
                end = last if whole else min(last, begin + BATCH - 1)
                self._session.script("BEGIN ISOLATION LEVEL READ COMMITTED")
                if bulk:
                    self._lock(plan)
                if bulk or begin == first:
                    there = self._parents(plan, work, helper)
                    self._check_parents(plan, there.counts)
                    room = plan.room(there.counts)
                    last = min(last, room) if room else last
                    end = min(end, last)
                if end < begin:
                    self._session.rollback()
                    return begin - 1
                indexes = self._put_off(plan) if bulk else ()
                size = ahead.BLOCK if helper else _BULK_BATCH
                for part in range(begin, end + 1, size):
                    until = min(end, part + size - 1)
                    if helper and until > part:
                        helper.fill(plan, chosen, there, part, until)
                    else:
                        self._session.script(statement.insert(plan, chosen, there, part, until))
                    moved(until)
                if helper:
                    helper.take()
                for name in indexes:
                    self._session.script(f"REINDEX TABLE {name}")
                if bulk:
                    self._verify(plan)
                base = dataclasses.replace(work.base, counts={**work.base.counts, **self._digits(plan, there.counts)})
                record = records.Record(self._seed, end, base)
                self._session.script(f"{records.note(self._history, work.table, record)}; COMMIT")
                self._advance(plan, end)
                if room and end >= room:
                    break
        self._drop_parents(plan)
        return end

    def _opened(self, plan: statement.Plan, bulk: bool, rows: int) -> ahead.Open | None:
        """Return what opens a second session, where it is of use: what it makes may reference committed rows only."""
        itself = any(key.oid == plan.frame.table.oid for key in plan.frame.table.keys)
        return self._open_second if bulk and not itself and rows >= ahead.LEAST else None

    def clear(self) -> None:
        """Drop what a run that was interrupted left."""
        ahead.clear(self._session, self._history)

    def _digits(self, plan: statement.Plan, counts: Mapping[str, int]) -> dict[str, int]:
        """Return the counts that later rows must be made with too, or they would be like earlier ones."""
        return {name: counts[name] for name, listed in plan.assigned.digits if not listed and name in counts}

    def _may_put_off(self, work: Work, plan: statement.Plan, rows: int) -> bool:
        """Tell whether indexes are built and foreign keys looked at afterwards: a table that gets most of its rows."""
        quiet = not plan.details.triggers and not plan.details.rules
        if not (self._is_superuser and quiet and rows >= BULK):
            return False
        counted = f"SELECT {statement.MARK} count(*) FROM (SELECT FROM {plan.frame.table.name} LIMIT {rows}) t"
        there = self._session.rows(counted)
        return int(str(there[0][0])) < rows

    def _lock(self, plan: statement.Plan) -> None:
        """Keep writers out of the table, and rows that are referenced in place, until the end of the transaction."""
        table = plan.frame.table
        for other in sorted({key.other for key in table.keys if key.oid != table.oid}):
            self._session.script(f"LOCK TABLE {other} IN SHARE MODE")
        self._session.script(
            f"LOCK TABLE {table.name} IN SHARE ROW EXCLUSIVE MODE; SET LOCAL session_replication_role = replica; "
            "SET LOCAL maintenance_work_mem = '256MB'"
        )

    def _put_off(self, plan: statement.Plan) -> list[str]:
        """Let INSERT leave the table's indexes alone, and return the tables to build them again on."""
        rows = self._session.rows(records.SQL["indexes"].format(oid=plan.frame.table.oid))
        if rows:
            oids = ", ".join(str(oid) for oid, _ in rows)
            self._session.script(records.SQL["put_off"].format(oids=oids))
        return list(dict.fromkeys(str(table) for _, table in rows))

    def _parents(self, plan: statement.Plan, work: Work, helper: ahead.Helper | None = None) -> parent_keys.Parents:
        """Make the temporary tables of the keys that may be picked, and return what is in them."""
        counts: dict[str, int] = {}
        arrays: dict[str, Mapping[int, tuple[str, ...]]] = {}
        ask = helper.count if helper else self._count
        for position, pick in enumerate(plan.picks):
            source = plan.source(position)
            few = source.may_be_arrays and all(ask(source.listed(number)) <= parent_keys.FEW for number in source.few)
            found = ask(f"{source.drop()}; {source.in_arrays()}") if few else parent_keys.MOST + 1
            if found <= parent_keys.MOST:
                arrays[pick.key.name] = source.arrays()
            else:
                found = ask(f"{source.drop()}; {source.in_table()}")
            counts[pick.key.name] = found
        counts |= {name: count for name, count in work.base.counts.items() if name in counts}
        return parent_keys.Parents(counts, arrays)

    def _count(self, query: str) -> int:
        return ahead.count(self._session, query)

    def _drop_parents(self, plan: statement.Plan) -> None:
        for position, _ in enumerate(plan.picks):
            self._session.script(plan.source(position).drop(values=True))

    def _check_parents(self, plan: statement.Plan, counts: Mapping[str, int]) -> None:
        required = {column["number"]: column["name"] for column in plan.frame.table.columns if column["not_null"]}
        for pick in plan.picks:
            if not counts[pick.key.name] and set(pick.fills) & required.keys():
                names = [required[number] for number in pick.fills if number in required]
                raise Refused(f"{', '.join(names)} must reference a row of {pick.key.other}, which has none", names)

    def _verify(self, plan: statement.Plan, *, every: bool = False) -> None:
        """Look at foreign keys, because the server was told not to: those whose rows were not picked, or all."""
        picked = {pick.key.name for pick in plan.picks}
        for key in plan.frame.table.keys:
            query = "" if key.name in picked and not every else statement.count_lost(plan, key)
            if query and (lost := self._count(query)):
                self._session.rollback()
                raise Refused(f"{lost} rows would reference nothing in {key.other} by {key.name}")

    def _advance(self, plan: statement.Plan, rows: int) -> None:
        """Let the sequences go on behind the rows that were made."""
        for column in plan.frame.table.columns:
            if column["sequence"] and column["number"] in plan.assigned.carriers:
                last = plan.frame.bases.get(column["name"], 0) + rows
                name = queries.literal(column["sequence"])
                self._session.script(
                    f"SELECT setval({name}, GREATEST({last}, (SELECT last_value FROM {column['sequence']})))"
                )


def details(session: sessions.Session, oids: Sequence[int]) -> dict[int, keys.Details]:
    """Return what is known of tables beyond their columns, by their oid."""
    listed = ", ".join(map(str, oids)) or "0"
    told = json.loads(str(session.rows(records.SQL["keys"].format(oids=listed))[0][0]))
    return {int(oid): keys.details(one) for oid, one in told.items()}


def _reason(error: sessions.StatementFailed) -> str:
    detail = f" ({error.detail})" if error.detail else ""
    return f"{error.message}{detail}"


def _busy(plan: statement.Plan, error: sessions.StatementFailed) -> errors.Busy:
    return errors.Busy(
        f"another session holds {plan.frame.table.plain} or a table that it references: {error.message}",
        "What was seeded before stays. Run again when it is free.",
    )


def now() -> float:
    """Return a time to measure seconds with."""
    return time.monotonic()
