"""Run one migration as a deploy does, a statement at a time, and look at the catalog and the locks in between.

What may be in a transaction is observed from inside of it. What cannot, such as CREATE INDEX CONCURRENTLY, is watched
by a second connection while it runs.
"""

import contextlib
import dataclasses
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence

from schemata.deploy import deployment, nontransactional, transactional
from schemata.migrations import migration, precheck
from schemata.postgres import libpq, queries, sessions, waiting
from schemata.rehearsal.trace import effect, states, traces
from schemata.sql import destructive, statement, transactions

SQL = queries.load("trace", os.path.join(os.path.dirname(__file__), "queries"))
_SAMPLE = 0.001
# Of a few rows the planner reads all; of many it uses an index where there is one, and that is what counts.
PLANS = "SET enable_seqscan = off"


class Tracer:
    """One migration under observation, over the session of a deploy."""

    def __init__(self, deploy: deployment.Deploy, item: migration.Migration, url: str) -> None:
        self.deploy, self.item = deploy, item
        self._session, self._url = deploy.session, url
        self._state = SQL["state"].format(history=queries.literal(deploy.settings.history_schema))
        self._seen: list[traces.Traced] = []
        self._transaction = 0
        self._held: dict[int, str] = {}
        self.first = self.last = self.look()
        self.base = effect.everything(self.first)
        self._filled = {oid for oid, size in self._sizes(self._tables(self.first)).items() if size}

    def look(self) -> states.State:
        """Return what the session sees now."""
        return states.parse(str(self._session.rows(self._state)[0][0]))

    def _tables(self, state: states.State) -> list[int]:
        return [oid for oid, item in state.relations.items() if item.kind == "r"]

    def _sizes(self, oids: Sequence[int]) -> dict[int, int]:
        """Return how many bytes the rows of tables take. Locks each, so that nobody drops it meanwhile."""
        if not oids:
            return {}
        listed = ", ".join(f"pg_relation_size({oid})::text" for oid in oids)
        return {oid: int(str(size)) for oid, size in zip(oids, self._session.rows(f"SELECT {listed}")[0], strict=True)}

    def _emptied(self, before: states.State, after: states.State, node: str) -> set[int]:
        """Return the tables that have a new file without a row; whether one that was empty is, its statement tells."""
        relations = after.relations
        changed = [
            oid
            for oid in self._tables(before)
            if oid in self.base and oid in relations and relations[oid].node != before.relations[oid].node
        ]
        sizes = self._sizes(changed)
        found = {oid for oid in changed if not sizes[oid] and (oid in self._filled or node == "truncate_stmt")}
        self._filled -= found
        return found

    @property
    def statements(self) -> tuple[traces.Traced, ...]:
        """Return what was seen so far."""
        return tuple(self._seen)

    @property
    def failed(self) -> bool:
        """Tell whether a statement failed."""
        return bool(self._seen and self._seen[-1].failure)

    def begin(self) -> None:
        """Begin a transaction's locks from nothing."""
        self._transaction += 1
        self._held = {}
        self.last = self.look()

    @contextlib.contextmanager
    def observed(
        self, line: int, text: str, node: str = "", *, outside: bool = False, filtered: bool = False
    ) -> Iterator[None]:
        """Note what the block does as one statement; one that fails ends the migration."""
        before, failure = self.last, None
        sampled: dict[int, str] = {}
        began = time.perf_counter()
        with self._sampled(sampled) if outside else contextlib.nullcontext():
            try:
                yield
            except sessions.StatementFailed as error:
                failure = traces.Failure(error.sqlstate, error.message, error.server_hint, _is_new(before, error))
        seconds = time.perf_counter() - began
        after = before
        found: tuple[effect.Effect, ...] = ()
        if failure is None or outside:
            after = self.look()
            if outside:
                after = dataclasses.replace(after, locks=sampled)
            emptied = self._emptied(before, after, node)
            found = effect.between(before, after, self.base, self._held, node, emptied)
            self._held |= {oid: mode for oid, mode in after.locks.items() if oid in self.base}
            self.last = after
        number = len(self._seen) + 1
        wal = max(after.wal - before.wal, 0)
        self._seen.append(
            traces.Traced(number, line, text, self._transaction, node, seconds, wal, found, failure, outside, filtered)
        )

    def fail(self, error: sessions.StatementFailed, line: int, text: str) -> None:
        """Note that something failed which is no statement of its own, such as what was deferred to the COMMIT."""
        failure = traces.Failure(error.sqlstate, error.message, error.server_hint)
        self._seen.append(traces.Traced(len(self._seen) + 1, line, text, self._transaction, failure=failure))

    @contextlib.contextmanager
    def _sampled(self, found: dict[int, str]) -> Iterator[None]:
        """Collect the strongest lock that the session has on each table while the block runs."""
        stop, ready = threading.Event(), threading.Event()
        query = SQL["locks_of"].format(pid=self._session.pid)

        def sample() -> None:
            with (
                contextlib.suppress(libpq.ConnectionLost, libpq.QueryFailed, waiting.ServerNotReady),
                waiting.connect(self._url, application_name="schemata rehearsal") as other,
            ):
                while not stop.is_set():
                    for oid, mode in states.strongest(traces.loaded(other.query(query))).items():
                        if oid not in found or states.strength(mode) > states.strength(found[oid]):
                            found[oid] = mode
                    ready.set()
                    stop.wait(_SAMPLE)
            ready.set()

        thread = threading.Thread(target=sample, daemon=True)
        thread.start()
        ready.wait()
        try:
            yield
        finally:
            stop.set()
            thread.join()


def _is_new(before: states.State, error: sessions.StatementFailed) -> bool:
    """Tell whether the column that an error is about was not there."""
    schema, table, column, _ = error.names
    tables = {oid for oid, item in before.relations.items() if item.full == f"{schema}.{table}"}
    return bool(column and tables) and not any(
        oid in tables and item.name == column for (oid, _), item in before.columns.items()
    )


def run(tracer: Tracer) -> None:
    """Run a migration in SQL and commit it, or nothing after the statement that fails. Nothing is recorded."""
    item = tracer.item
    if item.transactional:
        _in_one_transaction(tracer)
    else:
        _by_statements(tracer)


def _in_one_transaction(tracer: Tracer) -> None:
    sql = tracer.item.sql
    with transaction(tracer):
        try:
            statements = statement.split(sql)
        except statement.SyntaxProblem as problem:
            # Perhaps the server's grammar is newer: it is the one to say.
            with tracer.observed(problem.line, _shown(sql)):
                tracer.deploy.session.script(sql)
            return
        send_in_transaction(tracer, statements)


@contextlib.contextmanager
def transaction(tracer: Tracer) -> Iterator[None]:
    """Open a transaction as a deploy does, and commit it after the block; roll back what failed."""
    session, deploy = tracer.deploy.session, tracer.deploy
    script = transactional.Script(tracer.item.id, tracer.item.path, "", _path(tracer))
    before, _ = transactional.prologue(session, script, deploy.budget, durable=False, pooled_lock=False)
    session.script(f"{before}{PLANS.replace('SET', 'SET LOCAL')}")
    tracer.begin()
    try:
        yield
        if not tracer.failed:
            end(tracer, "COMMIT")
    finally:
        session.rollback()
        session.reset()


def end(tracer: Tracer, commit: str) -> None:
    """Commit; what was deferred until then fails as a statement of its own."""
    session = tracer.deploy.session
    try:
        session.script(commit)
    except sessions.StatementFailed as error:
        tracer.fail(error, tracer.statements[-1].line if tracer.statements else 1, commit)


def _by_statements(tracer: Tracer) -> None:
    item, session = tracer.item, tracer.deploy.session
    statements = precheck.check_script(item.path, item.sql, mode=item.directives.mode)
    own = item.directives.mode == "own-transaction"
    units = transactions.units(statements) if own else transactions.alone(statements)
    chosen: set[str] = set()
    try:
        for unit in units:
            if unit.idle or tracer.failed:
                continue
            members = statements[unit.first : unit.end]
            outside = not unit.opening and nontransactional.runs_outside(members[0])
            settings(tracer, chosen, outside=outside)
            if unit.opening:
                _own_transaction(tracer, unit, statements)
            elif outside or transactions.setting(members[0]):
                tracer.begin()
                _send(tracer, members[0], outside=outside)
            else:
                _alone(tracer, members[0])
            chosen |= {change.name for one in members if (change := transactions.setting(one)) and not change.local}
    finally:
        session.rollback()
        session.reset()


def settings(tracer: Tracer, chosen: set[str], *, outside: bool) -> None:
    """Set what a deploy sets before a statement by itself, but for what the file has chosen."""
    budget = tracer.deploy.budget
    wanted: Mapping[str, str] = {
        "search_path": transactional.search_path(_path(tracer)),
        "lock_timeout": "0" if outside else transactional.milliseconds(budget.lock_timeout),
        "statement_timeout": "0" if outside else transactional.milliseconds(budget.statement_timeout),
    }
    given = [f"SET {name} = {value}" for name, value in wanted.items() if name not in chosen]
    tracer.deploy.session.script("; ".join([*given, PLANS]))


def _own_transaction(tracer: Tracer, unit: transactions.Unit, statements: Sequence[statement.Statement]) -> None:
    tracer.deploy.session.script(unit.opening)
    tracer.begin()
    first, last = transactions.members(statements, unit)
    for one in statements[first:last]:
        _send(tracer, one)
        if tracer.failed:
            return
    end(tracer, "COMMIT")


def _alone(tracer: Tracer, one: statement.Statement) -> None:
    tracer.deploy.session.script("BEGIN")
    tracer.begin()
    _send(tracer, one)
    if not tracer.failed:
        end(tracer, "COMMIT")


def send_each(tracer: Tracer, statements: Sequence[statement.Statement]) -> None:
    """Send statements of a step by themselves, as a deploy does."""
    chosen: set[str] = set()
    for one in statements:
        if tracer.failed:
            return
        outside = nontransactional.runs_outside(one)
        settings(tracer, chosen, outside=outside)
        if outside:
            tracer.begin()
            _send(tracer, one, outside=True)
        else:
            _alone(tracer, one)


def send_in_transaction(tracer: Tracer, statements: Sequence[statement.Statement]) -> None:
    """Send statements of a step into the transaction that is open."""
    for one in statements:
        if not tracer.failed:
            _send(tracer, one)


def _send(tracer: Tracer, one: statement.Statement, *, outside: bool = False) -> None:
    node = str(one.node.WhichOneof("node"))
    filtered = node in ("update_stmt", "delete_stmt") and destructive.limits(getattr(one.node, node))
    with tracer.observed(one.line, _shown(one.text), node, outside=outside, filtered=filtered):
        tracer.deploy.session.script(one.text, rows=transactional.rows(one.sql, one.data))


def _path(tracer: Tracer) -> list[str]:
    return [part.format(schema=tracer.item.schema) for part in tracer.deploy.settings.search_path]


def _shown(text: str, most: int = 2000) -> str:
    return text if len(text) <= most else f"{text[:most]}…"
