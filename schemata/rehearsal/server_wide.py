"""Statements that change the whole server, and so would not stay in a database that a rehearsal drops."""

import re
from collections.abc import Iterator, Sequence

from schemata import errors
from schemata.migrations import migration
from schemata.sql import statement

#: The parser's names. Roles, passwords, databases and tablespaces belong to all databases of a server.
_STATEMENTS = frozenset(
    (
        "create_role_stmt", "alter_role_stmt", "alter_role_set_stmt", "drop_role_stmt", "grant_role_stmt",
        "alter_system_stmt", "createdb_stmt", "dropdb_stmt", "alter_database_stmt", "alter_database_set_stmt",
        "alter_database_refresh_coll_stmt", "create_table_space_stmt", "drop_table_space_stmt",
        "alter_table_space_options_stmt", "drop_owned_stmt", "reassign_owned_stmt",
    )
)  # fmt: skip
_OBJECTS = ("OBJECT_ROLE", "OBJECT_DATABASE", "OBJECT_TABLESPACE")
#: In a block, where a statement may be put together from parts.
_WORDS = re.compile(
    r"\b(create|alter|drop)\s+(role|user(?!\s+mapping)|group|database|tablespace)\b|\balter\s+system\b", re.IGNORECASE
)


class ServerWide(errors.ConfigError):
    """A migration changes the whole server, which is one that others use."""

    def __init__(self, place: str, text: str) -> None:
        super().__init__(
            f"{place}: `{text}` changes the whole server: on the one of --url it would stay after the rehearsal",
            "Leave --url out: then a temporary server is used, of which nothing remains.",
        )


def refuse(items: Sequence[migration.Migration], *, rollbacks: bool) -> None:
    """Refuse migrations that change more than a database. Raises ServerWide before any of them runs."""
    for item in items:
        if item.not_run:
            continue
        texts = [(item.path, item.sql), (item.rollback_path, item.rollback_sql if rollbacks else "")]
        for path, text in texts:
            for line, excerpt in server_changes(text, path):
                raise ServerWide(f"{path}:{line}", excerpt)


def server_changes(text: str, path: str) -> Iterator[tuple[int, str]]:
    """Give the line and the first words of each statement that changes the server."""
    if not text:
        return
    if path.endswith(".py"):
        match = _WORDS.search(text)
        if match:
            yield text.count("\n", 0, match.start()) + 1, " ".join(match[0].split())
        return
    try:
        items = statement.split(text)
    except statement.SyntaxProblem:
        return  # it is refused where it would run
    for item in items:
        if _changes(item):
            # No more of it: a password may follow.
            yield item.line, " ".join(item.text.split()[:3])


def _changes(item: statement.Statement) -> bool:
    which = str(item.node.WhichOneof("node"))
    if which in ("rename_stmt", "alter_owner_stmt"):
        node = getattr(item.node, which)
        kind = node.rename_type if which == "rename_stmt" else node.object_type
        names = node.DESCRIPTOR.fields_by_name["rename_type" if which == "rename_stmt" else "object_type"].enum_type
        return names.values_by_number[kind].name in _OBJECTS
    return which in _STATEMENTS or (which == "do_stmt" and bool(_WORDS.search(item.text)))
