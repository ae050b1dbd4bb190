"""The transactions that a file of SQL opens and ends itself, and the settings that it leaves in its session."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from schemata import lazy
from schemata.sql import lexer, parser, statement

if TYPE_CHECKING:
    from postgast import pg_query_pb2 as pg
else:
    pg = lazy.Module("postgast.pg_query_pb2")

_UTF8 = ("utf8", "utf-8", "unicode", "utf_8")


class Refused(Exception):
    """A transaction of a file that could not be run and recorded as it is written."""

    def __init__(self, at: statement.Statement, why: str, remedy: str) -> None:
        super().__init__(why)
        self.at = at
        self.why = why
        self.remedy = remedy


class Unit(NamedTuple):
    """What is committed together: the statements from `first` to before `end`.

    `opening` is the text of the BEGIN of a transaction of the file's own; empty for a statement by itself. An idle unit
    does nothing: a COMMIT where nothing is open, a BEGIN after which nothing comes.
    """

    first: int
    end: int
    opening: str = ""
    idle: bool = False


class Setting(NamedTuple):
    """A change of a setting. `value` is empty where it is none of plain text; `local`: until its transaction ends."""

    name: str
    value: str
    local: bool


def units(statements: Sequence[statement.Statement]) -> tuple[Unit, ...]:
    """Return what a file commits together, in order. Raises Refused.

    A BEGIN where a transaction is open and a COMMIT where none is do nothing, as for the server, which warns.
    """
    found: list[Unit] = []
    first, opening, changes = -1, "", [""]
    for number, item in enumerate(statements):
        control = item.node.transaction_stmt if statement.opens_or_ends_transaction(item) else None
        if control is None:
            if first < 0:
                found.append(Unit(number, number + 1))
            elif is_of_transaction(item):
                changes.append(item.text)
        elif control.kind in (pg.TRANS_STMT_BEGIN, pg.TRANS_STMT_START):
            if is_read_only(control.options):
                raise Refused(
                    item,
                    "a read-only transaction changes nothing, and the record of the migration could not be in it",
                    "Remove READ ONLY, or the transaction.",
                )
            if first < 0:
                first, opening, changes = number, item.text, [item.text]
        elif control.kind == pg.TRANS_STMT_COMMIT:
            if first < 0 and control.chain:
                raise Refused(item, "no transaction is open here, so the server refuses to chain", "Write COMMIT.")
            found.append(Unit(first, number + 1, opening) if first >= 0 else Unit(number, number + 1, "", True))
            # The next one is like this one, also where it is opened by itself, by a run that goes on there.
            first, opening = (number + 1, "; ".join(changes)) if control.chain else (-1, "")
        else:
            _refuse(item, control.kind, statements[first] if first >= 0 else None)
            found.append(Unit(number, number + 1, "", True))
    if 0 <= first < len(statements):
        if any(not statement.opens_or_ends_transaction(item) for item in statements[first:]):
            raise Refused(
                statements[first],
                "the file ends before the transaction is committed, so psql would roll it back",
                "Write COMMIT at its end.",
            )
        found.append(Unit(first, len(statements), "", True))
    return tuple(found)


def alone(statements: Sequence[statement.Statement]) -> tuple[Unit, ...]:
    """Return each statement as a unit of its own."""
    return tuple(Unit(number, number + 1) for number in range(len(statements)))


def _refuse(item: statement.Statement, kind: int, opened: statement.Statement | None) -> None:
    """Refuse what is neither a commit nor harmless."""
    if kind != pg.TRANS_STMT_ROLLBACK:
        raise Refused(
            item,
            "a prepared transaction waits for a COMMIT PREPARED that nobody may ever send, and holds its locks until "
            "then; the migration would be recorded without it",
            "Write COMMIT.",
        )
    if opened is not None:
        raise Refused(
            item,
            f"the transaction that begins on line {opened.line} is rolled back, so nothing of it would be there, "
            "although the migration is recorded as applied",
            "Write COMMIT, or remove the transaction.",
        )


def members(statements: Sequence[statement.Statement], unit: Unit) -> tuple[int, int]:
    """Return the ends of the statements between the BEGIN and the COMMIT of a transaction.

    After COMMIT AND CHAIN the first one is no BEGIN.
    """
    first = unit.first + 1 if statement.opens_or_ends_transaction(statements[unit.first]) else unit.first
    return first, max(first, unit.end - 1)


def is_prepared(item: statement.Statement) -> bool:
    """Tell whether a statement prepares a transaction, or ends one that is prepared."""
    prepared = (pg.TRANS_STMT_PREPARE, pg.TRANS_STMT_COMMIT_PREPARED, pg.TRANS_STMT_ROLLBACK_PREPARED)
    return item.kind == "transaction control" and item.node.transaction_stmt.kind in prepared


def is_read_only(options: Iterable[pg.Node]) -> bool:
    """Tell whether options of a transaction make it read-only."""
    named = [option.def_elem for option in options if option.def_elem.defname == "transaction_read_only"]
    return any(option.arg.a_const.ival.ival for option in named)


def last(statements: Sequence[statement.Statement], all_units: Sequence[Unit]) -> int:
    """Return the number of the last unit that does more than to change the session, where it is a transaction of the
    file's own, in which the migration can be recorded; -1 where it is not.
    """
    for number in range(len(all_units) - 1, -1, -1):
        if not _is_of_session(statements, all_units[number]):
            return number if all_units[number].opening else -1
    return -1


def is_one(statements: Sequence[statement.Statement], all_units: Sequence[Unit]) -> bool:
    """Tell whether all that a file does is in one transaction of its own: it is done with its record, or not at all."""
    number = last(statements, all_units)
    others = (unit for place, unit in enumerate(all_units) if place != number)
    return number >= 0 and all(_is_of_session(statements, unit) for unit in others)


def _is_of_session(statements: Sequence[statement.Statement], unit: Unit) -> bool:
    return unit.idle or (not unit.opening and setting(statements[unit.first]) is not None)


def setting(item: statement.Statement) -> Setting | None:
    """Return which setting of the session a SET, a RESET or a plain SELECT of set_config() changes.

    SET TRANSACTION changes none: it is about the transaction alone.
    """
    if is_of_transaction(item):
        return None
    if item.kind == "set":
        change = item.node.variable_set_stmt
        return Setting(str(change.name).lower(), _text(change.args[0]) if change.args else "", bool(change.is_local))
    if lexer.first_word(item.sql, item.offset) != "select" or item.node.WhichOneof("node") != "select_stmt":
        return None  # of a large text each tree is made when asked for
    select = item.node.select_stmt
    if len(select.target_list) != 1 or select.from_clause:
        return None
    call = select.target_list[0].res_target.val.func_call
    named = [part.string.sval for part in call.funcname]
    if not named or parser.qualified(named)[1] != "set_config" or len(call.args) != 3:
        return None
    local = call.args[2].a_const
    return Setting(
        _text(call.args[0]).lower(), _text(call.args[1]), not local.HasField("boolval") or local.boolval.boolval
    )


def is_of_transaction(item: statement.Statement) -> bool:
    """Tell whether a statement is a SET TRANSACTION, which has to come before any query of its transaction."""
    if item.kind != "set":
        return False
    change = item.node.variable_set_stmt
    return bool(change.kind == pg.VAR_SET_MULTI and change.name.startswith("TRANSACTION"))


def _text(node: pg.Node) -> str:
    return str(node.a_const.sval.sval)


def makes_read_only(item: statement.Statement) -> bool:
    """Tell whether a SET makes a transaction, or those that follow, read-only."""
    return item.kind == "set" and is_read_only(item.node.variable_set_stmt.args)


def refused_encoding(item: statement.Statement) -> tuple[str, str] | None:
    """Return why a file cannot change the encoding that the server reads it in, and what to write; else None."""
    change = setting(item)
    if change is None or change.name != "client_encoding" or item.sql.isascii():
        return None
    if not change.value or change.value.lower() in _UTF8:
        return None
    return (
        "the file is UTF-8, and has characters that the server would read wrongly after this line",
        "Remove the line.",
    )


def parts(statements: Sequence[statement.Statement], first: int, end: int) -> Iterator[tuple[int, int]]:
    """Give the statements from `first` to before `end` in messages of some size; a COPY with rows ends its message."""
    begin = first
    for number in range(first, end):
        sql, start = statements[number].sql, statements[begin].offset
        following = statements[number + 1].offset if number + 1 < end else 0
        # A command of psql that is passed over stands between two statements.
        apart = "\\" in sql[statements[number].end : following] if following else False
        if apart or statements[number].data or number + 1 == end or following - start > lexer.PIECE:
            yield begin, number + 1
            begin = number + 1
