"""Remedies for how a statement runs: in or outside of a transaction, its time, its memory, and who can read it."""

import re

from schemata.migrations import psql
from schemata.remedies import remedy

# Syntax of a release of PostgreSQL that an older server cannot read: (pattern of the statement, first major, name).
_NEWER = (
    (r"\bNOT\s+ENFORCED\b", 18, "NOT ENFORCED"),
    (r"\bWITHOUT\s+OVERLAPS\b|\bPERIOD\b", 18, "WITHOUT OVERLAPS and PERIOD"),
    (r"\bGENERATED\s+ALWAYS\s+AS\s*\((?:(?!\bSTORED\b).)*$|\bVIRTUAL\b", 18, "virtual generated columns"),
    (r"\bRETURNING\b.*\b(?:OLD|NEW)\s*\.", 18, "RETURNING OLD and NEW"),
    (r"\bNOT\s+NULL\b.*\bNOT\s+VALID\b", 18, "NOT NULL ... NOT VALID"),
    (r"\bMERGE\b.*\bRETURNING\b", 17, "MERGE ... RETURNING"),
    (r"\bNOT\s+MATCHED\s+BY\s+SOURCE\b", 17, "MERGE ... NOT MATCHED BY SOURCE"),
    (r"\bJSON_TABLE\b", 17, "JSON_TABLE"),
    (r"\bSET\s+EXPRESSION\b", 17, "SET EXPRESSION"),
    (r"\bON_ERROR\b", 17, "COPY ... ON_ERROR"),
    (r"\bIS\s+(?:NOT\s+)?JSON\b|\bJSON_(?:ARRAY|OBJECT)(?:AGG)?\b", 16, "IS JSON and the JSON constructors"),
    (r"\b(?:0x[0-9a-f]+|0o[0-7]+|0b[01]+|[0-9]+_[0-9_]+)\b", 16, "numbers such as 0xff and 1_000"),
    (r"\bNULLS\s+(?:NOT\s+)?DISTINCT\b", 15, "NULLS NOT DISTINCT"),
    (r"\bMERGE\s+INTO\b", 15, "MERGE"),
    (r"\bSET\s+ACCESS\s+METHOD\b", 15, "SET ACCESS METHOD"),
    (r"\bSECURITY_INVOKER\b", 15, "security_invoker"),
    (r"\bTABLES\s+IN\s+SCHEMA\b", 15, "FOR TABLES IN SCHEMA"),
    (r"\bFROM\s*\(\s*(?:SELECT|VALUES)\b", 16, "a subquery in FROM without an alias"),
)


def _psql(case: remedy.Case) -> str:
    return psql.command(case.sql, case.line)


def _psql_variable(case: remedy.Case) -> str:
    return psql.variable(case.sql, case.line)


def _newer_syntax(case: remedy.Case) -> str:
    """Say which release the syntax is of, where our parser reads what the server does not."""
    if case.parsed is None or not case.server:
        return ""
    major = case.server // 10000
    for pattern, since, what in _NEWER:
        if since > major and re.search(pattern, case.text, re.IGNORECASE | re.DOTALL):
            return (
                f"PostgreSQL reads {what} from version {since} on; this server is {major}. Write it in the older way, "
                "or upgrade the server."
            )
    return f"The syntax is that of a newer PostgreSQL than this server, which is {major}. Write it in the older way."


def _enum_value(case: remedy.Case) -> str:
    why = "A new value of an enum can be used only once the transaction that added it is committed."
    added = [f"{item.text};" for item in case.siblings() if item.kind == "alter type add value"]
    if not added:
        return f"{why} Let a migration of its own, before this one, add it."
    new = f"`inv migrate-new --schema {case.schema} --name use_the_new_value`"
    return remedy.paste(
        f"{why} Move the rest of the file into a new migration, which runs after this one ({new}), and leave here:",
        *added,
    )


def _commit_in_block(case: remedy.Case) -> str:
    if "subtransaction" in case.message:
        return (
            "A block with EXCEPTION is a subtransaction, and nothing can be committed in it: move COMMIT out of that "
            "block."
        )
    if case.node not in ("do_stmt", "call_stmt"):
        return (
            "Only a procedure or a DO block may commit, and only one that is called by itself, not by a query. Make "
            "the function a procedure, and CALL it in a file with `-- transactional: false`."
        )
    if case.transactional:
        return (
            "The file is one transaction, so nothing in it may commit. If the block is to commit in parts (such as a "
            "backfill), put it into a migration of its own, with this line in the leading comment; if it stops half "
            "way, what it committed stays:\n    -- transactional: false"
        )
    return (
        "Something around it is a transaction of its own, such as a procedure with SET or the BEGIN of this file: "
        "nothing can commit there."
    )


def _outside_transaction(case: remedy.Case) -> str:
    if case.node in ("do_stmt", "call_stmt", "select_stmt") or "function" in case.message:
        return "It cannot be run by a function, a procedure or a DO block: write the statement itself into the file."
    if not case.transactional:
        return ""
    return (
        "Put the statement into a migration of its own, with this line in the leading comment:\n"
        "    -- transactional: false"
    )


def _pending_events(case: remedy.Case) -> str:
    return remedy.paste(
        "A deferred constraint or trigger still has rows of this transaction to check. Let it check them before the "
        "statement, or put the statement into a migration of its own:",
        "SET CONSTRAINTS ALL IMMEDIATE;",
    )


def _database_in_use(case: remedy.Case) -> str:
    database = case.names["of"].replace("'", "''")
    return remedy.paste(
        "Other sessions are connected to it. End them, or write DROP DATABASE ... WITH (FORCE):",
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}';",
    )


ROWS = (
    remedy.Remedy("psql-command", "42601", _psql, first="Fix the file"),
    remedy.Remedy("psql-variable", "42601", _psql_variable, message='at or near ":"', first="Fix the file"),
    remedy.Remedy("newer-syntax", "42601", _newer_syntax),
    remedy.Remedy("newer-option", "22023", _newer_syntax, message="unrecognized (?:parameter|option)"),
    remedy.Remedy("new-enum-value", "55P04", _enum_value),
    remedy.Remedy("commit-in-block", "2D000", _commit_in_block),
    remedy.Remedy(
        "set-transaction-too-late",
        "25001",
        "SET TRANSACTION has to be the first statement of the file.",
        message="must be called before any query|must not be called in a subtransaction|before any query",
    ),
    remedy.Remedy("outside-of-transaction", "25001", _outside_transaction),
    remedy.Remedy("pending-trigger-events", "55006", _pending_events, message="pending trigger events"),
    remedy.Remedy(
        "used-by-this-session",
        "55006",
        "A trigger, a function or a cursor of this session is still reading it: close the cursor, or put the statement "
        "into a migration of its own.",
        message="in this session",
    ),
    remedy.Remedy(
        "database-in-use",
        "55006",
        _database_in_use,
        message='database "(?P<of>.+)" is being (?:accessed|used)',
        first="When it is not in use",
    ),
    remedy.Remedy(
        "object-in-use",
        "55006",
        "Something else uses it: see the message above, and wait for that to end.",
        first="When it is not in use",
    ),
    remedy.Remedy(
        "statement-timeout",
        "57014",
        "It ran longer than the time that one statement may have. Give it more, in this one file, as its first line "
        "of SQL:\n    SET LOCAL statement_timeout = '30min';\n"
        "or for all: `statement_timeout` of [tool.schemata.locks], SCHEMATA_LOCKS_STATEMENT_TIMEOUT.",
        message="statement timeout",
        transactional=True,
        first="Give it more time",
    ),
    remedy.Remedy(
        "statement-timeout-alone",
        "57014",
        "It ran longer than the time that one statement may have. Give it more, in this one file, before it:\n"
        "    SET statement_timeout = '30min';\n"
        "or for all: `statement_timeout` of [tool.schemata.locks], SCHEMATA_LOCKS_STATEMENT_TIMEOUT.",
        message="statement timeout",
        transactional=False,
        first="Give it more time",
    ),
    remedy.Remedy(
        "canceled",
        "57014",
        "Somebody cancelled the statement (pg_cancel_backend); nothing is wrong with the file.",
        message="user request",
        first="Run again",
    ),
    remedy.Remedy(
        "serialization",
        "40001",
        "Another transaction changed the same rows, and this role's transactions are serializable or repeatable read: "
        "run again: the same statement may succeed.",
        first="Run again",
    ),
    remedy.Remedy(
        "disk-full",
        "53100",
        "The server's disk is full, and the statement needed more. Free space there (old WAL and logs first; an "
        "index build and a new type of a column need about the table's size once more), or give it more.",
        first="Free space",
    ),
    remedy.Remedy(
        "out-of-locks",
        "53200",
        "The transaction touches more tables and partitions than the server has locks for. Put part of the file into a "
        "second migration, or as a superuser, and start the server again:\n"
        "    ALTER SYSTEM SET max_locks_per_transaction = 256;",
        message="shared memory",
        first="Fix the file, or give the server more",
    ),
    remedy.Remedy(
        "out-of-memory",
        "53200",
        "The server ran out of memory: do the work in parts, or lower work_mem and maintenance_work_mem.",
        first="Fix the file, or give the server more",
    ),
    remedy.Remedy(
        "configured-limit",
        "53400",
        "A limit of the server's configuration was reached (such as temp_file_limit): "
        "do the work in parts, or have it raised.",
        first="Fix the file, or give the server more",
    ),
    remedy.Remedy(
        "copy-on-line",
        "22P04",
        "A row of COPY does not have the table's columns, or its format: rows end at a line with \\. alone.",
    ),
)
