"""Findings from a trace: what would hurt where the tables are large and in use, and how bad it is."""

import dataclasses
from collections.abc import Callable, Iterator

from schemata.rehearsal.trace import advice, codes, effect, sizes, states, traces

_ORDER = ("error", "warning", "note")
#: What running applications address by its name.
_ADDRESSED = ("table", "view", "materialized view", "column", "sequence", "foreign table", "schema", "function",
              "procedure", "aggregate", "enum", "domain", "range", "type", "value of an enum")  # fmt: skip
#: What can be dropped without a loss of data or a failure of what addresses it.
_MINOR = ("index", "constraint", "trigger", "rule", "policy")
#: What is not the same again when it is made again.
_WITH_DATA = ("table", "column", "materialized view", "sequence", "schema")
_ROUTINES = ("function", "procedure", "aggregate")
#: Weaker than this, what a scan holds keeps nobody out.
_STRONG = tuple(states.BLOCKS)


@dataclasses.dataclass(frozen=True)
class _Case:
    """One statement and what it is judged by."""

    trace: traces.Trace
    item: traces.Traced
    held: tuple[traces.Held, ...]
    sizes: sizes.Sizes

    def finding(self, code: str, severity: codes.Severity, text: str, instead: str = "") -> codes.Finding:
        place = f"{self.trace.path}:{self.item.line}"
        return codes.Finding(
            code, severity, self.trace.migration_id, place, self.item.number, self.item.text, text, instead
        )

    def before(self) -> tuple[traces.Held, ...]:
        """Return the locks of earlier statements that are still held, on tables that the target has."""
        return tuple(one for one in traces.strong(self.held, self.item.number) if not self.sizes.is_new(one.on))

    def lock_on(self, table: str) -> str:
        """Return the strongest lock that keeps others from a table while the statement runs; empty for none."""
        modes = [one.mode for one in self.held if one.on == table and one.first <= self.item.number <= one.last]
        return max(modes, key=states.strength, default="")

    def until(self, table: str) -> str:
        """Return through which later statement a lock on a table is held, in words; empty where it is released."""
        ends = [one.last for one in self.held if one.on == table and one.first <= self.item.number]
        last = max(ends, default=self.item.number)
        return f", and holds it through statement {last}" if last > self.item.number else ""

    def by_size(self, table: str) -> codes.Severity:
        return "error" if self.sizes.is_large(table) else "warning"


_Rule = Callable[[_Case], Iterator[codes.Finding]]


def judge(trace: traces.Trace, known: sizes.Sizes) -> tuple[codes.Finding, ...]:
    """Return the findings of a trace, in the order of the statements and the worst first of each."""
    held = trace.held()
    found: list[codes.Finding] = []
    for item in trace.statements:
        case = _Case(trace, item, held, known)
        for rule in _RULES:
            found += rule(case)
    found += _two_tables(trace, held, known)
    found += _on_made_up_rows(trace, known)
    found += _left(trace, known)
    return tuple(sorted(_unique(found), key=lambda one: (one.statement, _ORDER.index(one.severity))))


def _unique(found: list[codes.Finding]) -> Iterator[codes.Finding]:
    seen = set()
    for one in found:
        key = (one.code, one.statement, one.text)
        if key not in seen:
            seen.add(key)
            yield one


def _fails(case: _Case) -> Iterator[codes.Finding]:
    failure = case.item.failure
    if failure:
        code = f"PostgreSQL {failure.sqlstate}: " if failure.sqlstate else ""
        hint = f" {failure.hint}" if failure.hint else ""
        text = f"Fails on a database that has rows: {code}{failure.message}.{hint}"
        yield case.finding("fails", "error", text, advice.of_failure(failure.sqlstate, case.item.text))


def _rewrites(case: _Case) -> Iterator[codes.Finding]:
    for done in case.item.of("rewrite", "move"):
        table = done.on
        if case.sizes.is_new(table):
            continue
        lock = case.lock_on(table) or "AccessExclusiveLock"
        time = case.sizes.estimate(table, "rewrite")
        verb = "copies the table to another tablespace" if done.kind == "move" else f"rewrites the {done.what}"
        what = f"{lock} on {case.sizes.describe(table)}, {verb}: "
        blocked = states.BLOCKS.get(lock, "reads and writes")
        what += f"{time} of blocked {blocked}" if time else f"blocks {blocked} until all of it is written again"
        text = f"{what}{case.until(table)}."
        yield case.finding("rewrite", case.by_size(table), text, advice.of_rewrite(case.item.node, case.item.text))


def _builds(case: _Case) -> Iterator[codes.Finding]:
    for done in case.item.of("index"):
        table, index = done.on, done.name
        lock = case.lock_on(table)
        if case.sizes.is_new(table) or lock not in _STRONG or _is_rewritten(case.item, table):
            continue
        time = case.sizes.estimate(table, "index")
        what = f"{lock} on {case.sizes.describe(table)} while {index} is built: "
        what += f"{time} of blocked {states.BLOCKS[lock]}" if time else f"blocks {states.BLOCKS[lock]} until it is done"
        yield case.finding(
            "index-build-blocks", case.by_size(table), f"{what}{case.until(table)}.",
            advice.of_index(case.item.node, case.item.text, of_partition=bool(done.what)),
        )  # fmt: skip


def _is_rewritten(item: traces.Traced, table: str) -> bool:
    return any(one.on == table for one in item.of("rewrite", "empty"))


def _scans(case: _Case) -> Iterator[codes.Finding]:
    built = {one.on for one in case.item.of("index")}
    for table in _scanned(case.item):
        if case.sizes.is_new(table) or _is_rewritten(case.item, table) or table in built:
            continue
        lock = case.lock_on(table)
        if lock not in _STRONG or case.before():
            continue
        time = case.sizes.estimate(table, "scan")
        what = f"{lock} on {case.sizes.describe(table)} while all of its rows are read: "
        what += f"{time} of blocked {states.BLOCKS[lock]}" if time else f"blocks {states.BLOCKS[lock]} until it is done"
        yield case.finding(
            "scan-under-lock", case.by_size(table), f"{what}{case.until(table)}.",
            advice.of_scan(case.item.text, [one for one in case.item.effects if one.on == table]),
        )  # fmt: skip


def _scanned(item: traces.Traced) -> dict[str, None]:
    """Return the tables that a statement read whole, also where only a valid foreign key tells of it."""
    found = dict.fromkeys(one.on for one in item.of("scan") if one.name != "query")
    if item.node == "alter_table_stmt":
        return found
    keys = [one.on for one in item.of("constraint") if one.what == "foreign key"]
    return found | dict.fromkeys(keys)


def _held_meanwhile(case: _Case) -> Iterator[codes.Finding]:
    """A statement that takes long while locks of earlier ones are held."""
    locks = case.before()
    work = _work(case)
    if not locks or not work:
        return
    table, kind = work
    names = ", ".join(f"{one.mode} on {case.sizes.describe(one.on)}, from statement {one.first}" for one in locks)
    time = case.sizes.estimate(table, "rewrite" if kind.startswith("rewrites") else "scan")
    severity: codes.Severity = (
        "error" if any(map(case.sizes.is_large, [table, *(one.on for one in locks)])) else "warning"
    )
    blocked = "reads and writes" if any(one.blocks != "writes" for one in locks) else "writes"
    text = f"{kind} {case.sizes.describe(table)} while the transaction still holds {names}: "
    text += f"{time} of blocked {blocked}." if time else f"blocks {blocked} of that until the COMMIT."
    yield case.finding("lock-held", severity, text[0].upper() + text[1:], advice.SPLIT)


def _work(case: _Case) -> tuple[str, str] | None:
    """Return the table that a statement works on for long, and what it does to it; None where it is done at once."""
    for kind, verb in (("rewrite", "rewrites"), ("index", "builds an index on"), ("scan", "reads all rows of")):
        for done in case.item.of(kind):
            if not case.sizes.is_new(done.on):
                return done.on, verb
    for done in case.item.of("update", "delete"):
        if not case.sizes.is_new(done.on):
            return done.on, f"{done.kind}s rows of"
    return None


def _destroys(case: _Case) -> Iterator[codes.Finding]:
    severity: codes.Severity = "warning" if case.trace.breaking else "error"
    said = f" The file says why: {case.trace.breaking}." if case.trace.breaking else ""
    for done in case.item.of("drop", "empty"):
        if done.kind == "empty":
            text = f"Empties {case.sizes.describe(done.on)}: its rows are gone.{said}"
            yield case.finding("empties", severity, text, advice.BREAKING)
            continue
        full = done.on + (f".{done.name}" if done.name else "")
        named = f"{done.what} {full}"
        if done.what not in _WITH_DATA and (done.what, full) in case.trace.present:
            if done.what in _ROUTINES:
                yield _made_again(case, done)
                continue
            lost = [name for name in done.columns if ("column", f"{full}.{name}") not in case.trace.present]
            if lost:
                text = f"Makes the view {full} again without {', '.join(lost)}: what still asks for it fails.{said}"
                yield case.finding("drops", severity, text, advice.BREAKING)
                continue
            text = f"Drops the {named} and makes it again: between the two nothing of it is there, and grants are gone."
            yield case.finding("drops", "note", text)
            continue
        if done.what in _MINOR:
            yield case.finding("drops", _of_minor(done, severity), f"Drops the {named}.{_loss(done)}{said}",
                               advice.of_dropped_index(case.item.text) if done.what == "index" else "")  # fmt: skip
        else:
            size = (
                f" ({case.sizes.tables[done.on].describe()})"
                if case.sizes.is_known(done.on) and case.sizes.tables
                else ""
            )
            text = f"Drops the {named}{size}: what still uses it fails, and its data are gone.{said}"
            yield case.finding("drops", severity, text, advice.BREAKING)


def _made_again(case: _Case, done: effect.Effect) -> codes.Finding:
    if all(("result", one) in case.trace.present for one in done.columns):
        text = f"Drops the {done.what} {done.on} and makes it again: between the two nothing of it is there"
        return case.finding("drops", "note", f"{text}, and grants are gone.")
    text = f"Makes the {done.what} {done.on} again with another result: what calls it gets something else at once."
    return case.finding("drops", "note" if case.trace.breaking else "warning", text)


def _of_minor(done: effect.Effect, severity: codes.Severity) -> codes.Severity:
    return "warning" if done.what in ("index", "rule") else severity


def _loss(done: effect.Effect) -> str:
    return {
        "constraint": " What it kept out may be written from now on.",
        "trigger": " What it did on each write is not done any more.",
        "policy": " Who may see or change which rows is another question from now on.",
        "index": " Queries that it served read the whole table.",
    }.get(done.what, "")


def _renames(case: _Case) -> Iterator[codes.Finding]:
    severity: codes.Severity = "warning" if case.trace.breaking else "error"
    for done in case.item.of("rename"):
        if ("view", done.on) in case.trace.present and done.what == "table":
            text = f"Renames the table {done.on} to {done.name}: a view of the old name stands in its place."
            yield case.finding("renames", "note", text)
        elif done.what in _ADDRESSED:
            joint = " to " if " to " not in done.name else ": "
            text = f"Renames the {done.what} {done.on}{joint}{done.name}: what still uses the old name fails at once."
            yield case.finding("renames", severity, text, advice.RENAME)


def _detaches(case: _Case) -> Iterator[codes.Finding]:
    for done in case.item.of("detach"):
        text = f"Detaches {case.sizes.describe(done.on)}: who asks for its rows through the whole table finds none."
        yield case.finding("detaches", "note" if case.trace.breaking else "warning", text)


def _changes_rows(case: _Case) -> Iterator[codes.Finding]:
    for done in case.item.of("update", "delete"):
        table = done.on
        if case.sizes.is_new(table):
            continue
        there = case.trace.rows.get(table, 0)
        # Made-up rows are alike: that a WHERE fits all of them says little, unless the table is known to be large.
        telling = not case.item.filtered or (done.kind == "update" and case.sizes.is_known(table))
        every = there > 0 and done.count >= there and telling
        verb = "Updates" if done.kind == "update" else "Deletes"
        if not every:
            text = f"{verb} rows of {case.sizes.describe(table)} ({done.count} of the {there} of the rehearsal)."
            yield case.finding(f"{done.kind}s-rows", "warning", text)
        elif done.kind == "delete":
            severity: codes.Severity = "warning" if case.trace.breaking else "error"
            text = f"Deletes every row of {case.sizes.describe(table)} that the rehearsal had."
            yield case.finding("deletes-rows", severity, text, advice.BREAKING)
        else:
            text = (
                f"Updates every row of {case.sizes.describe(table)} in one transaction, and locks them until it ends."
            )
            yield case.finding("updates-rows", case.by_size(table), text, advice.BACKFILL)


def _triggers(case: _Case) -> Iterator[codes.Finding]:
    for done in case.item.of("disable", "trigger"):
        if case.sizes.is_new(done.on):
            continue
        lock = case.lock_on(done.on) or "ShareRowExclusiveLock"
        if done.kind == "disable":
            again = any(
                one.on == done.on and one.name == done.name
                for later in case.trace.statements
                if later.number > case.item.number
                for one in later.of("enable")
            )
            text = f"Disables the trigger {done.name} of {done.on}: what it checks or does is left out"
            text += f"; {lock} blocks {states.BLOCKS[lock]} until the COMMIT." if again else ", and stays left out."
            yield case.finding("trigger-disabled", "warning" if again else "error", text)
        else:
            text = f"{lock} on {done.on} for a moment, which blocks {states.BLOCKS[lock]}; from then on the trigger "
            yield case.finding("new-trigger", "warning", f"{text}{done.name} runs with each write.")


def _explicit(case: _Case) -> Iterator[codes.Finding]:
    if case.item.node != "lock_stmt":
        return
    for done in case.item.of("lock"):
        if not case.sizes.is_new(done.on):
            text = f"{done.name} on {case.sizes.describe(done.on)}: blocks {states.BLOCKS[done.name]}"
            yield case.finding("explicit-lock", case.by_size(done.on), f"{text}{case.until(done.on)}.", advice.SPLIT)


def _two_tables(trace: traces.Trace, held: tuple[traces.Held, ...], known: sizes.Sizes) -> Iterator[codes.Finding]:
    by_transaction: dict[int, list[traces.Held]] = {}
    numbers = {item.number: item for item in trace.statements}
    for one in held:
        if one.mode == "AccessExclusiveLock" and one.what == "table" and not known.is_new(one.on):
            by_transaction.setdefault(numbers[one.first].transaction, []).append(one)
    for locks in by_transaction.values():
        names = list(dict.fromkeys(one.on for one in locks))
        if len(names) < 2:
            continue
        item = numbers[max(one.first for one in locks)]
        if len({one.first for one in locks}) == 1:
            continue  # one statement, such as of a partitioned table: the server takes them in an order of its own
        case = _Case(trace, item, held, known)
        text = (
            f"Takes AccessExclusiveLock on {', then '.join(names)} in one transaction: who uses them in another order "
            "is in a deadlock with it, and one of the two is cancelled."
        )
        yield case.finding("two-tables-locked", "warning", text, advice.SPLIT)


def _on_made_up_rows(trace: traces.Trace, known: sizes.Sizes) -> Iterator[codes.Finding]:
    item = trace.refused
    if item is None or item.failure is None:
        return
    text = (
        f"Fails on made-up rows (PostgreSQL {item.failure.sqlstate}: {item.failure.message}). What the real ones hold "
        "decides: look before it is deployed. The rest was seen on empty tables."
    )
    yield _Case(trace, item, (), known).finding(
        "depends-on-rows", "warning", text, advice.of_failure(item.failure.sqlstate, item.text)
    )


def _left(trace: traces.Trace, known: sizes.Sizes) -> Iterator[codes.Finding]:
    last = trace.statements[-1] if trace.statements else None
    if last is None or trace.failure:
        return
    for code, table, name in trace.left:
        maker = next(
            (one for one in trace.statements if any(name in (e.name, e.name.split(".")[-1]) for e in one.effects)), last
        )
        case = _Case(trace, maker, (), known)
        match code:
            case "invalid-index":
                text = f"Leaves the index {name} of {table} invalid: no query uses it; a unique one still refuses rows."
                yield case.finding(
                    code, "warning", text, f"DROP INDEX CONCURRENTLY IF EXISTS {name};  -- and build it again"
                )
            case "not-validated":
                text = f"Leaves the constraint {name} of {table} unchecked for the rows that are there."
                sql = f"ALTER TABLE {table} VALIDATE CONSTRAINT {name};  -- in a later migration"
                yield case.finding(code, "note", text, sql)
            case "foreign-key-without-index":
                columns = name.partition(" ")[2]
                key = name.partition(" ")[0]
                text = f"The foreign key {key} of {table} has no index: a DELETE of what it references reads all rows."
                yield case.finding(code, "warning", text, advice.index_for(table, columns))
    for name, message in trace.bodies:
        case = _Case(trace, last, (), known)
        yield case.finding("function-body", "error", f"The body of {name} would fail when it is called: {message}")


_RULES: tuple[_Rule, ...] = (
    _fails, _rewrites, _builds, _scans, _held_meanwhile, _destroys, _detaches, _renames,
    _changes_rows, _triggers, _explicit,
)  # fmt: skip
