"""What can be known about a migration's SQL before it runs."""

import re
from collections.abc import Iterable, Mapping

from schemata.migrations import migration, psql, python_files
from schemata.sql import client_copy, lexer, pointless, statement, transactions

# Each statement that is refused in a transactional file has one of these key words, and a key word is always
# written plainly; so a file without any need not be parsed, which a thousand files notice.
_SUSPICIOUS = re.compile(
    r"\b(?:begin|start|commit|end|rollback|abort|prepare|concurrently|vacuum|reindex|cluster|tablespace|database"
    r"|system|subscription|discard|copy|client_encoding)\b",
    re.IGNORECASE,
)
# With which words those statements begin: of a large file only these are given to the parser.
_BEGINNINGS = frozenset(
    (
        *("begin", "start", "commit", "end", "rollback", "abort", "prepare", "create", "drop", "alter"),
        *("reindex", "vacuum", "cluster", "discard", "copy", "set", "select"),
    )
)
_STATEMENTS = "`-- mode: statements` (for yoyo: `-- transactional: false`)"
_PLACE = " on a line of the file's leading comment"


def check(items: Iterable[migration.Migration]) -> None:
    """Refuse files that could not be run as they say, before any of them runs.

    Syntax of a transactional file is left to the server, which parses it whole; its grammar may be newer.
    """
    for item in items:
        if item.not_run:
            continue
        if item.is_python:
            check_python(item)
            continue
        if migration.has_no_sql(item.sql):
            raise migration.InvalidMigration(
                item.path,
                0,
                "it has no SQL, so it would be recorded as applied without doing anything",
                "Write the SQL, or remove the file until then. What is done elsewhere is recorded with its reason: "
                "`-- outside: where and by whom`.",
            )
        psql.check(item.path, item.sql)
        mode = item.directives.mode
        if item.transactional and not lexer.is_plain(item.sql):
            suspects = tuple(statement.find(item.sql, _BEGINNINGS, _SUSPICIOUS))
            check_script(item.path, item.sql, mode=mode, statements=suspects)
        elif not item.transactional or _SUSPICIOUS.search(item.sql):
            check_script(item.path, item.sql, mode=mode)


def check_syntax(item: migration.Migration) -> None:
    """Refuse a file that PostgreSQL's grammar rejects. A large one is left to the server, which parses it anyway."""
    if item.is_python or item.not_run or len(item.sql) > lexer.LARGE:
        return
    try:
        statement.split(item.sql)
    except statement.SyntaxProblem as problem:
        raise migration.InvalidMigration(
            f"{item.path}:{problem.line}:{problem.column}",
            0,
            problem.message,
            psql.advice(item.sql, problem) or "Correct the file: every server would refuse it.",
        ) from problem


def check_python(item: migration.Migration, *, rollback: bool = False) -> tuple[statement.Statement, ...]:
    """Refuse a file in Python whose SQL could not be run as it says; return the statements of that SQL."""
    mode = item.rollback_mode if rollback else item.directives.mode
    found: list[statement.Statement] = []
    for step in python_files.steps(item.sql, item.path):
        part = step.part(rollback=rollback)
        if part is None or part.sql is None or not part.sql.strip():
            continue
        try:
            found += check_script(item.path, python_files.placed(part), mode=mode)
        except migration.InvalidMigration as problem:
            # The directive of SQL, as yoyo has it in Python.
            problem.hint = problem.hint.replace(_STATEMENTS, "`__transactional__ = False`").replace(_PLACE, "")
            raise
    return tuple(found)


def parsed(item: migration.Migration) -> migration.Parsed:
    """Return what the parser finds in a file that passed every check. Of Python that is its steps and its checksum."""
    if item.is_python:
        return migration.Parsed(len(python_files.steps(item.sql, item.path)), item.checksum)
    return migration.Parsed(statement.count(item.sql), statement.fingerprint(item.sql))


def check_script(
    path: str, sql: str, *, mode: str, statements: tuple[statement.Statement, ...] | None = None
) -> tuple[statement.Statement, ...]:
    """Refuse one file that could not be run in its mode; return its statements (none if it cannot be parsed).

    With `statements` only these of it are looked at.
    """
    try:
        statements = statement.split(sql) if statements is None else statements
    except statement.SyntaxProblem as problem:
        if mode == "transaction":
            return ()
        raise migration.InvalidMigration(
            f"{path}:{problem.line}:{problem.column}",
            0,
            problem.message,
            psql.advice(sql, problem) or "A file in this mode is split into statements, so it must parse.",
        ) from problem
    openings = _openings(path, sql, statements) if mode == "own-transaction" else {}
    for number, item in enumerate(statements):
        opened = openings.get(number)
        refused = _of_transaction(item, mode, opened) or _of_statement(item, mode, alone=opened is None)
        if refused is not None:
            why, remedy, width = refused
            raise migration.InvalidMigration(
                path, item.line, f"`{statement.excerpt(sql, item, width)}`{why}" if width else why, remedy
            )
    return statements


def _openings(path: str, sql: str, statements: tuple[statement.Statement, ...]) -> Mapping[int, statement.Statement]:
    """Return what opens the transaction of a file's own that each statement is in; refuse a file that has none."""
    try:
        units = transactions.units(statements)
    except transactions.Refused as problem:
        what = f"`{statement.excerpt(sql, problem.at, 60)}`: {problem.why}"
        raise migration.InvalidMigration(path, problem.at.line, what, problem.remedy) from problem
    if not any(unit.opening or unit.idle for unit in units):
        raise migration.InvalidMigration(
            path,
            0,
            "`-- mode: own-transaction`, but the file has no BEGIN … COMMIT of its own",
            f"Remove the line, or write {_STATEMENTS}.",
        )
    return {number: statements[unit.first] for unit in units if unit.opening for number in range(unit.first, unit.end)}


def _of_transaction(
    item: statement.Statement, mode: str, opened: statement.Statement | None
) -> tuple[str, str, int] | None:
    """Return what speaks against a statement in the transaction where it stands: why, the remedy, how much to show."""
    if transactions.is_prepared(item):
        return ": a prepared transaction outlives the session, and the record cannot be in it", "Write COMMIT.", 40
    if mode != "own-transaction" and statement.opens_or_ends_transaction(item):
        return (
            ": the engine opens and commits the transaction itself, together with the record of the migration"
            if mode == "transaction"
            else ": in this mode each statement is committed by itself",
            "Remove BEGIN, COMMIT and ROLLBACK from the file; or, where it needs transactions of its own, put "
            "`-- mode: own-transaction` on a line of its leading comment.",
            40,
        )
    if not statement.needs_no_transaction(item):
        return None
    if opened is not None:
        return (
            f" cannot run inside a transaction, and line {opened.line} opens one",
            "Move it before the BEGIN or behind the COMMIT.",
            60,
        )
    if mode != "transaction":
        return None
    return (
        " cannot run inside a transaction",
        f"Put {_STATEMENTS}{_PLACE}; where other statements of it need a transaction, "
        "put this one into a migration of its own, or them between BEGIN and COMMIT in `-- mode: own-transaction`.",
        60,
    )


def _of_statement(item: statement.Statement, mode: str, *, alone: bool) -> tuple[str, str, int] | None:
    """Return what speaks against a statement by itself: why, the remedy, how much of it to show."""
    why, remedy = client_copy.problem(item)
    if why:
        return f": {why}", remedy, 60
    if encoding := transactions.refused_encoding(item):
        return f": {encoding[0]}", encoding[1], 60
    if mode == "transaction":
        return None
    if transactions.makes_read_only(item):
        return ": nothing could be changed after it, and the migration could not be recorded", "Remove READ ONLY.", 60
    if alone and (nothing := pointless.alone(item)):
        return f": each statement of this file is a transaction by itself, and {nothing[0]}", nothing[1], 60
    target = statement.index_target(item) if item.kind == "create index concurrently" else None
    if target is not None and target.index is None:
        return "a CREATE INDEX CONCURRENTLY without a name cannot be checked afterwards", "Name the index.", 0
    if item.kind == "discard":
        return "DISCARD would release the deploy lock", "Use RESET for the setting that you mean.", 0
    return None
