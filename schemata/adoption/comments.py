"""Comments of a foreign file that our parser would take for directives: they are kept without being any."""

import re

from schemata.deploy.other_tool import origin
from schemata.migrations import leading_comment, migration

_DIRECTIVE = re.compile(r"(?P<before>\s*--\s*)(?P<word>[a-z_-]+)\s*:.*", re.DOTALL)
#: Of releases to come: a file written today must not change its meaning then.
_TO_COME = ("mode", "outside", origin.WORD)


def kept(sql: str) -> tuple[str, int]:
    """Return a text of which no comment is a directive, and how many lines were changed.

    `-- depends: x` becomes `-- > depends: x`. Only comments change: a line inside of a string or of a function stays.
    """
    lines = sql.split("\n")
    changed = 0
    for at, line in enumerate(lines):
        stripped = line.strip()
        if stripped and not stripped.startswith("--"):
            break
        if _is_directive(stripped):
            lines[at] = _marked(line)
            changed += 1
    # Those further down are refused one at a time, each with its line.
    for _ in lines:
        try:
            leading_comment.parse_directives("\n".join(lines), "")
        except migration.InvalidMigration as error:
            if error.line == 0 or not _DIRECTIVE.fullmatch(lines[error.line - 1]):
                raise
            lines[error.line - 1] = _marked(lines[error.line - 1])
            changed += 1
            continue
        break
    return "\n".join(lines), changed


def _is_directive(line: str) -> bool:
    match = _DIRECTIVE.fullmatch(line)
    if match is None:
        return False
    if match["word"] in (*leading_comment.DIRECTIVES, *_TO_COME):
        return True
    try:
        leading_comment.parse_directives(line, "")
    except migration.InvalidMigration:
        return True  # a word that is nearly one
    return False


def _marked(line: str) -> str:
    match = _DIRECTIVE.fullmatch(line)
    return f"{match['before'].rstrip()} > {line[len(match['before']) :]}" if match else line
