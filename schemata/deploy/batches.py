"""Several small migrations in one message, each still in its own transaction with its own record.

The server runs a message of many statements one after the other, so the round trips between a thousand
migrations are saved, and the next message is made while this one runs. When any of them fails, the server
leaves out the rest of the message: those before it are committed, and the failed one is run
again by itself, by `executor`, which retries, locates and reports.
"""

import dataclasses
from collections.abc import Callable, Sequence

from schemata.deploy import transactional
from schemata.postgres import sessions
from schemata.sql import lexer

MOST = 24
MOST_CHARACTERS = 60_000


@dataclasses.dataclass(frozen=True)
class Item:
    """One migration of a batch: its script, how many statements that has, and the SQL of its record."""

    script: transactional.Script
    statements: int
    record: str


@dataclasses.dataclass(frozen=True)
class Message:
    """What is sent, and at which result each item begins its file, answers its record and ends with COMMIT."""

    text: str
    records: tuple[int, ...]
    commits: tuple[int, ...]


def fits(session: sessions.Session, sql: str) -> bool:
    """Tell whether a migration may share a message: small, without rows for COPY, and without a hold on the session."""
    return (
        not session.pooled
        and len(sql) <= MOST_CHARACTERS
        and lexer.is_plain(sql)
        and session.keeps_prepared(sql)
        and not sessions.may_lose_lock(sql)
        and not transactional.hinders_record(sql)
    )


def compose(
    session: sessions.Session, items: Sequence[Item], budget: transactional.Budget, *, last_is_durable: bool
) -> Message:
    """Return the message of a batch."""
    texts: list[str] = []
    records: list[int] = []
    commits: list[int] = []
    count = 0
    for number, item in enumerate(items):
        durable = last_is_durable and number == len(items) - 1
        before, extra = transactional.prologue(session, item.script, budget, durable=durable, pooled_lock=False)
        after = session.epilogue_statements(item.script.sql)
        # The new line ends a comment on the file's last line, the semicolon its last statement.
        # What the record calls the start: now() is that of the whole message. Not in the prologue of a file that
        # runs by itself, because SET TRANSACTION must come before any query: here it fails, and there it works.
        before += "SELECT set_config('schemata.began', clock_timestamp()::text, true);\n"
        extra += 1
        texts += [
            before,
            item.script.sql,
            "\n;",
            "RESET SESSION AUTHORIZATION; RESET ROLE; ",
            item.record,
            "; COMMIT; ",
        ]
        texts.append("; ".join(after) + ";\n")
        records.append(count + extra + item.statements + 2)
        commits.append(records[-1] + 1)
        count = commits[-1] + 1 + len(after)
    return Message("".join(texts), tuple(records), tuple(commits))


def send(session: sessions.Session, message: Message, meanwhile: Callable[[], None]) -> tuple[float, ...]:
    """Send a batch; return the seconds of each migration that was surely committed.

    Fewer than all: something went wrong, and the history says how far it came. What was not committed left
    nothing behind. Raises postgres.ConnectionLost, after which only the history knows.
    """
    results: Sequence[sessions.Result]
    try:
        results = session.script(message.text, meanwhile)
    except sessions.StatementFailed as failure:
        results = failure.before
        session.rollback()
        session.reset()
    done: list[float] = []
    for record, commit in zip(message.records, message.commits, strict=True):
        if commit >= len(results) or results[commit].command_status != b"COMMIT" or results[record].nfields != 2:
            break
        done.append(float(results[record].get_value(0, 1) or 0) / 1000)
    return tuple(done)
