"""Privileges and comments, carried over from a table to what takes its place."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from schemata.changes.authoring import names, table
from schemata.postgres import quoting


def literal(text: str) -> str:
    """Return a text as a statement has it."""
    return quoting.literal(text).strip()


def role(name: str) -> str:
    """Return a role as GRANT has it."""
    return "PUBLIC" if name == "PUBLIC" else names.quoted(name)


def _receiver(grant: table.Grant) -> tuple[str, bool]:
    return grant[0], grant[2]


def on_relation(relation: str, grants: Sequence[table.Grant]) -> Iterator[str]:
    """Give the GRANTs of a relation, one for each role."""
    for (to, again), rows in groupby(sorted(grants, key=_receiver), key=_receiver):
        listed = ", ".join(row[1] for row in rows)
        yield f"GRANT {listed} ON {relation} TO {role(to)}{' WITH GRANT OPTION' if again else ''};"


def columns(relation: str, grants: Sequence[tuple[str, Sequence[table.Grant]]]) -> Iterator[str]:
    """Give the GRANTs of single columns, one for each column, role and privilege."""
    for column, rows in grants:
        for to, privilege, again in rows:
            option = " WITH GRANT OPTION" if again else ""
            yield f"GRANT {privilege} ({names.quoted(column)}) ON {relation} TO {role(to)}{option};"
