"""A change before it is written: its files in their order, and what a reader of the report is to know."""

import dataclasses
from collections.abc import Mapping

from schemata.changes.authoring import names, table

# A field of the same name hides the module.
Table = table.Table
Grant = table.Grant

#: The strategies of a rename, and what they are called in a report.
STRATEGIES = {
    "dual": "two columns that a trigger keeps the same",
    "samename": "a view of the table's name that has both names",
    "view": "a view of each version, in a schema of its own",
}


@dataclasses.dataclass(frozen=True)
class Options:
    """What the flags say; empty for what was not given."""

    strategy: str = ""
    using: str = ""
    back: str = ""
    default: str = ""
    into: str = ""
    to: str = ""
    name: str = ""


@dataclasses.dataclass(frozen=True)
class Version:
    """A view of the table for one version of the application, in a schema of that version."""

    schema: str
    definition: str
    owner: str = ""
    options: tuple[str, ...] = ()
    grants: tuple[Grant, ...] = ()
    usage: tuple[Grant, ...] = ()


@dataclasses.dataclass(frozen=True)
class Request:
    """A change that is asked for, and everything that the generators know.

    :param words: what follows the kind and the table, as it was typed.
    :param referred: the table that a foreign key is to refer to.
    :param volatile: whether a given default may be another value for each row.
    :param unfit: constraints and indexes that cannot be made over the new column, because of its type.
    :param statements: what the server counted or stores, and in which the table's name comes.
    :param versions: views of the table for versions of the application, the newest last.
    :param search_path: where the expressions are understood, as SET has it.
    """

    id: str
    kind: str
    table: Table
    words: tuple[str, ...]
    options: Options = dataclasses.field(default_factory=Options)
    major: int = 18
    user: str = ""
    index_name: str = "idx_{table}_{columns}"
    search_path: str = "pg_catalog, pg_temp"
    referred: Table | None = None
    volatile: bool = False
    statements: tuple[str, ...] = ()
    unfit: frozenset[str] = frozenset()
    versions: tuple[Version, ...] = ()
    schemas: frozenset[str] = frozenset()

    @property
    def trigger(self) -> str:
        """Return the name of the change's trigger: triggers fire by their names, and this one is to see the rest."""
        return names.made(f"zz_{self.id}", "", {name for name, _ in self.table.triggers})

    @property
    def function(self) -> str:
        """Return the name of the trigger's function, with its schema."""
        return names.quoted(self.table.schema, names.made(f"sync_{self.id}", "", self.table.functions))


@dataclasses.dataclass(frozen=True)
class File:
    """One migration of a change and its rollback.

    :param part: what tells it from other files of its phase; empty for the main one.
    :param allow: rules of lint that are wrong here, each with the reason.
    :param undo: the rollback; none for a file that is `irreversible` for that reason.
    """

    phase: str
    title: str
    why: tuple[str, ...]
    statements: tuple[str, ...]
    undo: tuple[str, ...] = ()
    undo_why: tuple[str, ...] = ()
    part: str = ""
    breaking: str = ""
    verify: str = ""
    irreversible: str = ""
    mode: str = ""
    undo_mode: str = ""
    allow: Mapping[str, str] = dataclasses.field(default_factory=dict)
    undo_allow: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Draft:
    """The files of a change, without those that have nothing to do. `tables` are more than the one it is about."""

    files: tuple[File, ...]
    strategy: str = ""
    why: str = ""
    notes: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()


class Refused(Exception):
    """A change that cannot be made this way: what is so, and what to do instead."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
