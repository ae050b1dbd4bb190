r"""Commands and variables of psql in a file of SQL, such as `\set`, `\i` and `:name`: the server does not read them."""

import re

from schemata.migrations import migration
from schemata.sql import statement

_ADVICE = {
    "set": "Write the value itself in every place of :name, :'name' and :\"name\"",
    "i": "Put the other file's content here, or make it a migration of its own",
    "c": "--url or DATABASE_URL chooses the database, never the file: remove the line",
    "copy": "Write `COPY ... FROM stdin` with the rows below it, or INSERT",
    "gexec": "Write a DO block that runs each text with EXECUTE",
    "if": "Write a DO block with IF",
}
_SAME = {"ir": "i", "include": "i", "include_relative": "i", "connect": "c", "gset": "set"}
# Not \. and \N: they stand in the rows of COPY.
_NAMES = (
    "a bind c C cd conninfo connect copy copyright crosstabview d d\\w+ e echo ef elif else encoding endif errverbose "
    "ev f g gdesc gexec getenv gset gx h help html i if include include_relative ir l o p password pset print prompt q "
    "qecho quit r reset restrict s set setenv sf sv t T timing unrestrict unset w warn watch write x z"
).replace(" ", "|")
_COMMAND = re.compile(rf"[ \t]*\\({_NAMES})(?=\s|$)")
# Begins with the backslash itself: it is searched for in files of many megabytes.
_ANYWHERE = re.compile(rf"\\(?:{_NAMES})(?=\s|$)")
_AT_THE_END = re.compile(r"\\(gexec|gset|gdesc|gx|g|crosstabview|watch)\b")
_VARIABLE = re.compile(r"(?<![:\w])(:'\w+'|:\"\w+\"|:[A-Za-z_]\w*)")


def command(sql: str, line: int) -> str:
    """Return what to do about a command of psql at a line of a text (from 1); empty where none stands there.

    >>> command("\\\\timing on", 1)
    '\\\\timing is a command of psql: only psql reads it, the server does not. Remove the line.'
    """
    text = _line(sql, line)
    found = _COMMAND.match(text) or _AT_THE_END.search(text)
    if found is None:
        return ""
    what = _ADVICE.get(_SAME.get(found[1], found[1]), "Remove the line")
    return f"\\{found[1]} is a command of psql: only psql reads it, the server does not. {what}."


def variable(sql: str, line: int) -> str:
    """Return what to do about a variable of psql at a line of a text; empty where none stands there."""
    found = _VARIABLE.search(_line(sql, line))
    return f"{found[1]} is a variable of psql: only psql reads it. Write the value itself." if found else ""


def advice(sql: str, problem: statement.SyntaxProblem) -> str:
    """Return what to do about what the parser rejects, where it is a command or a variable of psql; else nothing."""
    if found := command(sql, problem.line):
        return found
    return variable(sql, problem.line) if 'at or near ":"' in problem.message else ""


def check(path: str, sql: str) -> None:
    """Refuse a file in which a command of psql stands where SQL should; in a literal or a comment it may stand."""
    if not any(_begins_line(sql, match.start()) for match in _ANYWHERE.finditer(sql)):
        return
    try:
        statement.split(sql)
    except statement.SyntaxProblem as problem:
        if found := command(sql, problem.line):
            raise migration.InvalidMigration(
                f"{path}:{problem.line}:{problem.column}", 0, problem.message, found
            ) from problem


def _begins_line(sql: str, place: int) -> bool:
    while place and sql[place - 1] in " \t":
        place -= 1
    return not place or sql[place - 1] == "\n"


def _line(sql: str, line: int) -> str:
    lines = sql.split("\n")
    return lines[line - 1] if 0 < line <= len(lines) else ""
