"""How a file of SQL that was written for another tool has to be run, told from its text: the mode and why.

Pure. What only a server can tell, such as whether a procedure commits, is for the trial.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Iterator, Sequence

from schemata.adoption.execution import expectations, templates
from schemata.migrations import migration, precheck, psql
from schemata.sql import lexer, parser, statement, transactions

#: Besides the three that a file may declare: it has no statement, or what it does is done elsewhere.
NOTHING, OUTSIDE = "nothing", "outside"

_COPY = re.compile(r"^[ \t]*\\copy\b[^\n]*$", re.MULTILINE | re.IGNORECASE)
_WHERE = re.compile(r"x(?::\d+)*: ")
_COMMANDS = 200  # of psql in one file, of which each is named


@dataclasses.dataclass(frozen=True)
class Reason:
    """One line of a file, and what follows from it; `remedy` where something has to be done."""

    line: int
    text: str
    remedy: str = ""


@dataclasses.dataclass(frozen=True)
class LeftOut:
    """A statement that is not to be run, because it is about the tool's own ledger: where it stands in the text."""

    start: int
    stop: int
    line: int
    table: str


@dataclasses.dataclass(frozen=True)
class Classification:
    """How a file has to be run.

    :param mode: one of the three modes, `nothing`, or `outside`; the empty text where it cannot be run, for the
        `refusals`.
    :param reasons: why it is that mode and no other; none for `transaction`.
    :param variables: names that want values, before the rest can be known for sure.
    :param left_out: statements on the tool's own ledger.
    :param roles: roles that it names and does not make; :param extensions: what it makes.
    """

    mode: str
    reasons: tuple[Reason, ...] = ()
    refusals: tuple[Reason, ...] = ()
    notes: tuple[Reason, ...] = ()
    variables: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    roles: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()


def classify(sql: str, ledgers: Collection[str] = ()) -> Classification:
    """Return how a file has to be run.

    :param ledgers: names of the tool's own tables, besides those that are known by their name alone.
    """
    if migration.has_no_sql(sql):
        return Classification(NOTHING)
    copies = [_line(sql, found.start()) for found in _COPY.finditer(sql)]
    if copies and migration.has_no_sql(_COPY.sub("", sql)):
        return Classification(
            OUTSIDE, tuple(Reason(line, "\\copy is run by psql, with a file of its own") for line in copies)
        )
    text, named = templates.filled(sql)
    text, commands = _without_commands(text)
    variables = tuple(dict.fromkeys(name for _, name in named))
    try:
        statements = statement.split(text)
    except statement.SyntaxProblem as problem:
        refusal = Reason(problem.line, problem.message, psql.advice(text, problem) or "Correct the file.")
        return Classification("", refusals=(*commands, refusal), variables=variables)
    left_out = tuple(_left_out(text, statements, ledgers))
    kept = [item for item in statements if item.offset not in {one.start for one in left_out}]
    if not kept and not commands:
        return Classification(NOTHING, notes=_notes(kept, named, left_out), left_out=left_out)
    mode, reasons = _mode(kept)
    refusals = (*commands, *_refusals(text, kept, mode))
    return Classification(
        "" if refusals else mode,
        reasons,
        refusals,
        _notes(kept, named, left_out),
        variables,
        left_out,
        expectations.roles(kept),
        expectations.extensions(kept),
    )


def with_ledger(classified: Classification) -> Classification:
    """Return the same of a file of which the statements on the tool's own ledger are run as well."""
    lines = {one.line for one in classified.left_out}
    notes = tuple(one for one in classified.notes if one.line not in lines)
    mode = "transaction" if classified.mode == NOTHING else classified.mode
    return dataclasses.replace(classified, mode=mode, notes=notes, left_out=())


def without_ledger(sql: str, classified: Classification) -> str:
    """Return a text in which the statements on the tool's own ledger are comments; nothing else of it changes.

    Only for a text without templates, of which a value may be longer than its name.
    """
    for one in reversed(classified.left_out):
        lines = sql[one.start : one.stop].split("\n")
        before = "" if sql[: one.start].endswith("\n") or not one.start else "\n"
        after = "" if sql[one.stop : one.stop + 1] in ("", "\n") else "\n"
        sql = sql[: one.start] + before + "\n".join(f"-- left out: {line}" for line in lines) + after + sql[one.stop :]
    return sql


def _without_commands(sql: str) -> tuple[str, list[Reason]]:
    """Return a text without the commands of psql that stand where SQL should, and a refusal of each."""
    found: list[Reason] = []
    while len(found) < _COMMANDS and "\\" in sql:
        try:
            statement.split(sql)
            break
        except statement.SyntaxProblem as problem:
            what = psql.command(sql, problem.line)
            if not what:
                break
            why, _, remedy = what.partition("does not. ")
            found.append(Reason(problem.line, f"{why}does not", remedy))
            lines = sql.split("\n")
            lines[problem.line - 1] = ""
            sql = "\n".join(lines)
    return sql, found


def _left_out(sql: str, statements: Sequence[statement.Statement], ledgers: Collection[str]) -> Iterator[LeftOut]:
    for item in statements:
        if table := expectations.ledger(item, ledgers):
            end = item.data[1] if item.data else item.end
            stop = end + 1 if sql[end : end + 1] == ";" else end
            yield LeftOut(item.offset, stop, item.line, table)


def _mode(statements: Sequence[statement.Statement]) -> tuple[str, tuple[Reason, ...]]:
    """Return in which mode statements have to be run, and why it is not one transaction of ours."""
    own = [item for item in statements if statement.opens_or_ends_transaction(item)]
    if own:
        return "own-transaction", tuple(
            Reason(item.line, f"{_first_words(item)}: a transaction of its own") for item in own
        )
    alone = [
        *(
            Reason(item.line, f"{_first_words(item)} cannot run inside a transaction")
            for item in statements
            if statement.needs_no_transaction(item)
        ),
        *(Reason(item.line, "the block commits by itself") for item in statements if _commits(item)),
        *_new_values(statements),
    ]
    return ("statements", tuple(sorted(alone, key=lambda one: one.line))) if alone else ("transaction", ())


def _first_words(item: statement.Statement) -> str:
    return lexer.brief(item.sql, item.offset, item.end, 40)


def _commits(item: statement.Statement) -> bool:
    """Tell whether a DO block has a COMMIT or ROLLBACK of its own; dynamic SQL in it is for the trial."""
    if item.kind != "do":
        return False
    for argument in item.node.do_stmt.args:
        if argument.def_elem.defname == "as":
            try:
                words = [word.lower() for word in parser.words(argument.def_elem.arg.string.sval)]
            except parser.Refused:
                return False
            return "commit" in words or "rollback" in words
    return False


def _new_values(statements: Sequence[statement.Statement]) -> Iterator[Reason]:
    """Give each value that is added to an enum and written again after that.

    Where the type is as new as its value one transaction does from PostgreSQL 17 on; the trial finds that out.
    """
    for number, item in enumerate(statements):
        if item.kind != "alter type add value":
            continue
        value = item.node.alter_enum_stmt.new_val
        literal = "'" + value.replace("'", "''") + "'"
        others = (other for other in statements[number + 1 :] if other.kind != "alter type add value")
        used = next((other for other in others if literal in other.text or (value and value in other.rows)), None)
        if used is not None:
            yield Reason(used.line, f"it uses the value {value} that line {item.line} adds to an enum")


def _refusals(sql: str, statements: Sequence[statement.Statement], mode: str) -> Iterator[Reason]:
    """Give what the engine would refuse of a file in a mode."""
    queried = False
    for item in statements:
        what = f"`{_first_words(item)}`: "
        if mode == "transaction" and transactions.is_of_transaction(item):
            if queried:
                yield Reason(
                    item.line, f"{what}it has to be the first statement of its transaction", "Move it to the top."
                )
            if transactions.makes_read_only(item):
                yield Reason(item.line, f"{what}nothing could be changed after it", "Remove READ ONLY.")
        queried = queried or item.kind != "set"
    try:
        precheck.check_script("x", sql, mode=mode, statements=tuple(statements))
    except migration.InvalidMigration as problem:
        yield Reason(problem.line, _WHERE.sub("", problem.message, count=1), problem.hint)


def _notes(
    statements: Sequence[statement.Statement], named: Sequence[tuple[int, str]], left_out: Sequence[LeftOut]
) -> tuple[Reason, ...]:
    notes = [Reason(line, f"the value of {name} has to be given") for line, name in named]
    notes += [Reason(one.line, f"left out: it is about {one.table}, the tool's own ledger") for one in left_out]
    for number, item in enumerate(statements):
        if item.kind == "call" or (item.kind == "do" and not _commits(item) and statement.may_commit(item)):
            notes.append(Reason(item.line, "whether what it calls commits is known only to the server"))
        if number == 0 and transactions.is_of_transaction(item):
            notes.append(Reason(item.line, "it is about our transaction, of which it is the first statement"))
        setting = transactions.setting(item)
        if setting is not None and setting.name == "search_path" and not setting.local:
            notes.append(Reason(item.line, "the search_path is the engine's again after the file"))
    if _is_one(statements):
        notes.append(Reason(statements[0].line, "all of it is in one transaction of its own: ours would do as well"))
    return tuple(sorted(notes, key=lambda one: one.line))


def _is_one(statements: Sequence[statement.Statement]) -> bool:
    try:
        return transactions.is_one(statements, transactions.units(statements))
    except transactions.Refused:
        return False


def _line(sql: str, offset: int) -> int:
    return sql.count("\n", 0, offset) + 1
