"""What can be known about a migration's SQL before it runs."""

import re
from collections.abc import Iterable

from schemata.migrations import migration, psql, python_files
from schemata.sql import client_copy, lexer, pointless, statement

# Each statement that is refused in a transactional file has one of these key words, and a key word is always
# written plainly; so a file without any need not be parsed, which a thousand files notice.
_SUSPICIOUS = re.compile(
    r"\b(?:begin|start|commit|end|rollback|abort|prepare|concurrently|vacuum|reindex|cluster|tablespace|database"
    r"|system|subscription|discard|copy)\b",
    re.IGNORECASE,
)
# With which words those statements begin: of a large file only these are given to the parser.
_BEGINNINGS = frozenset(
    (
        *("begin", "start", "commit", "end", "rollback", "abort", "prepare", "create", "drop", "alter"),
        *("reindex", "vacuum", "cluster", "discard", "copy"),
    )
)


_DIRECTIVE = re.compile(r"Put `-- transactional: false` on a line of the file's leading comment")
_NOTHING = re.compile(r"(?:\s|;|--[^\n]*(?:\n|\Z)|/\*.*?\*/)*\Z", re.DOTALL)


def check(items: Iterable[migration.Migration]) -> None:
    """Refuse files that could not be run as they say, before any of them runs.

    Syntax of a transactional file is left to the server, which parses it whole; its grammar may be newer.
    """
    for item in items:
        if item.is_python:
            check_python(item)
            continue
        if _NOTHING.match(item.sql):
            raise migration.InvalidMigration(
                item.path,
                0,
                "it has no SQL, so it would be recorded as applied without doing anything",
                "Write the SQL, or remove the file until then.",
            )
        psql.check(item.path, item.sql)
        if item.transactional and not lexer.is_plain(item.sql):
            suspects = tuple(statement.find(item.sql, _BEGINNINGS, _SUSPICIOUS))
            check_script(item.path, item.sql, transactional=True, statements=suspects)
        elif not item.transactional or _SUSPICIOUS.search(item.sql):
            check_script(item.path, item.sql, transactional=item.transactional)


def check_syntax(item: migration.Migration) -> None:
    """Refuse a file that PostgreSQL's grammar rejects. A large one is left to the server, which parses it anyway."""
    if item.is_python or len(item.sql) > lexer.LARGE:
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
    transactional = item.rollback_transactional if rollback else item.transactional
    found: list[statement.Statement] = []
    for step in python_files.steps(item.sql, item.path):
        part = step.part(rollback=rollback)
        if part is None or part.sql is None or not part.sql.strip():
            continue
        try:
            found += check_script(item.path, python_files.placed(part), transactional=transactional)
        except migration.InvalidMigration as problem:
            # The directive of SQL, as yoyo has it in Python.
            problem.hint = _DIRECTIVE.sub("Write `__transactional__ = False`", problem.hint)
            raise
    return tuple(found)


def parsed(item: migration.Migration) -> migration.Parsed:
    """Return what the parser finds in a file that passed every check. Of Python that is its steps and its checksum."""
    if item.is_python:
        return migration.Parsed(len(python_files.steps(item.sql, item.path)), item.checksum)
    return migration.Parsed(statement.count(item.sql), statement.fingerprint(item.sql))


def check_script(
    path: str, sql: str, *, transactional: bool, statements: tuple[statement.Statement, ...] | None = None
) -> tuple[statement.Statement, ...]:
    """Refuse one file that could not be run as it says; return its statements (none if it cannot be parsed).

    With `statements` only these of it are looked at.
    """
    try:
        statements = statement.split(sql) if statements is None else statements
    except statement.SyntaxProblem as problem:
        if transactional:
            return ()
        raise migration.InvalidMigration(
            f"{path}:{problem.line}:{problem.column}",
            0,
            problem.message,
            psql.advice(sql, problem) or "A non-transactional file is split into statements, so it must parse.",
        ) from problem
    for item in statements:
        if statement.opens_or_ends_transaction(item):
            raise migration.InvalidMigration(
                path,
                item.line,
                f"`{statement.excerpt(sql, item, 40)}`: the engine opens and commits the transaction itself, "
                "together with the record of the migration",
                "Remove BEGIN, COMMIT and ROLLBACK from the file.",
            )
        if transactional and statement.needs_no_transaction(item):
            raise migration.InvalidMigration(
                path,
                item.line,
                f"`{statement.excerpt(sql, item, 60)}` cannot run inside a transaction",
                "Put `-- transactional: false` on a line of the file's leading comment; where other statements of it "
                "need a transaction, put this one into a migration of its own.",
            )
        why, remedy = client_copy.problem(item)
        if why:
            raise migration.InvalidMigration(path, item.line, f"`{statement.excerpt(sql, item, 60)}`: {why}", remedy)
        if not transactional and (nothing := pointless.alone(item)):
            raise migration.InvalidMigration(
                path,
                item.line,
                f"`{statement.excerpt(sql, item, 60)}`: each statement of this file is a transaction by itself, and "
                f"{nothing[0]}",
                nothing[1],
            )
        target = statement.index_target(item) if item.kind == "create index concurrently" else None
        if target is not None and target.index is None:
            raise migration.InvalidMigration(
                path,
                item.line,
                "a CREATE INDEX CONCURRENTLY without a name cannot be checked afterwards",
                "Name the index.",
            )
        if item.kind == "discard" and not transactional:
            raise migration.InvalidMigration(
                path, item.line, "DISCARD would release the deploy lock", "Use RESET for the setting that you mean."
            )
    return statements
