"""Find out what to do about a statement that the server refused: the table of remedies, with answers from the catalog.

The catalog is asked after the failed transaction is rolled back, within bounds, and what it does not answer leads to a
plainer remedy: a diagnosis never hides the failure that it is about.
"""

import contextlib
import dataclasses
from collections.abc import Mapping
from pathlib import Path

from schemata.deploy import transactional
from schemata.postgres import queries, sessions
from schemata.remedies import remedy, table
from schemata.sql import statement

_SQL = queries.load("remedies", str(Path(__file__).with_name("queries")))
# The questions read the catalog only; a lock on it, or a huge one, must not hold up the report.
_BOUNDS = "SET LOCAL statement_timeout = '3s'; SET LOCAL lock_timeout = '300ms'; SET LOCAL search_path = "


@dataclasses.dataclass(frozen=True)
class Diagnosis:
    """What to do about a failure: the text with the SQL to paste, and what comes before running again."""

    id: str = ""
    text: str = ""
    first: str = "Fix the file"


def of_script(session: sessions.Session, failed: transactional.ScriptFailed, *, transactional: bool) -> Diagnosis:
    """Return what to do about a statement of a file; its transaction has been rolled back."""
    script, failure = failed.script, failed.failure
    text, role = _statement(script.sql, failed.line, failed.column)
    found = remedy.Case(
        sqlstate=failure.sqlstate,
        message=failure.message,
        detail=failure.detail,
        hint=failure.server_hint,
        text=text,
        role=role,
        sql=script.sql,
        schema=next(iter(script.search_path), ""),
        search_path=tuple(script.search_path),
        migration_id=script.migration_id,
        path=script.path,
        line=failed.line or 0,
        transactional=transactional,
        table_schema=failure.names[0],
        table=failure.names[1],
        column=failure.names[2],
        constraint=failure.names[3],
    )
    return _diagnosed(session, found)


def of_setup(session: sessions.Session, failure: sessions.StatementFailed) -> Diagnosis:
    """Return what to do about a statement of the engine's own."""
    return _diagnosed(session, remedy.Case(failure.sqlstate, failure.message, failure.detail, failure.server_hint))


def _statement(sql: str, line: int | None, column: int | None) -> tuple[str, str]:
    """Return the text of the statement that stands at a place, and the role that the file took before it.

    Both are empty where they cannot be told.
    """
    if line is None or column is None:
        return "", ""
    try:
        statements = statement.split(sql)
    except statement.SyntaxProblem:
        return "", ""
    lines = sql.split("\n")
    offset = sum(len(text) + 1 for text in lines[: line - 1]) + column - 1
    before = [item for item in statements if item.offset <= offset]
    roles = [role for item in before[:-1] if (role := statement.role_taken(item)) is not None]
    return (before[-1].text if before else ""), (roles[-1] if roles else "")


def _diagnosed(session: sessions.Session, case: remedy.Case) -> Diagnosis:
    rows = list(table.matching(case))
    if not rows:
        return Diagnosis()
    who = _ask(session, case, "who", {})
    role, database, version = who[0] if who else ("", "", "0")
    for row, seen in rows:
        known = dataclasses.replace(
            seen, role=case.role or role or "", database=database or "", server=int(version or 0)
        )
        if text := _advice(session, row, known):
            return Diagnosis(row.id, text, row.first)
    return Diagnosis()


def _advice(session: sessions.Session, row: remedy.Remedy, known: remedy.Case) -> str:
    try:
        if row.question:
            known = dataclasses.replace(known, answers=_ask(session, known, row.question, row.about(known)))
        return row.advise(known)
    except Exception:  # noqa: BLE001 - SQL of a form that a row does not expect must not hide the failure itself
        return ""


def _ask(
    session: sessions.Session, case: remedy.Case, question: str, about: Mapping[str, str]
) -> tuple[remedy.Row, ...]:
    # An empty name is NULL: to_regclass('') is an error before PostgreSQL 16.
    query = _SQL[question].format(**{key: queries.literal(value or None) for key, value in about.items()})
    path = transactional.search_path(case.search_path) or "pg_catalog"
    with contextlib.suppress(sessions.StatementFailed, sessions.ConnectionLost):
        with transactional.rolled_back(session):
            rows = session.rows(f"BEGIN READ ONLY; {_BOUNDS}{path}; {query}")
        session.rollback()
        return tuple(rows)
    return ()
