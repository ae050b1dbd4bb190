"""What lint looks at and what it says: a file with its statements, a place in it, a rule, a finding."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal, NamedTuple

from schemata.lint import sizes
from schemata.lint.structure import objects, tree
from schemata.migrations import migration
from schemata.sql import lexer, statement

Severity = Literal["error", "warning", "note", "off"]
LEVELS: tuple[Severity, ...] = ("off", "note", "warning", "error")


@dataclasses.dataclass(frozen=True)
class Options:
    """What the settings say to the rules."""

    levels: Mapping[str, Severity] = dataclasses.field(default_factory=dict)
    index_name: str = "idx_{table}_{columns}"
    if_not_exists: str = "where-needed"
    max_statements: int = 40
    schemas: tuple[str, ...] = ()
    search_path: tuple[str, ...] = ("{schema}", "pg_catalog")
    history_schema: str = "schemata"
    pages: tuple[tuple[str, tree.Name, tuple[str, ...], str], ...] = ()
    since: str = ""
    sizes: sizes.Sizes = dataclasses.field(default_factory=sizes.Sizes)


@dataclasses.dataclass(frozen=True)
class Script:
    """A file, or the SQL that is written out in a migration in Python, as lint reads it.

    :param path: as it is shown.  `schema` is that of its folder, where unqualified names go; empty outside.
    :param judged: whether findings in it are told, or it is read for what it makes only.
    :param is_new: whether the base does not have it: then what it makes is empty for those that follow.
    :param accepted: it is history that the setting `since` takes as it is.
    """

    path: str
    sql: str
    schema: str = ""
    id: str = ""
    mode: str = "transaction"
    directives: migration.Directives = dataclasses.field(default_factory=migration.Directives)
    statements: tuple[statement.Statement, ...] = ()
    judged: bool = True
    is_new: bool = False
    is_rollback: bool = False
    is_python: bool = False
    in_project: bool = False
    rollback_path: str = ""
    accepted: bool = False

    @property
    def imported(self) -> bool:
        """Return whether another tool's file was taken over as it was: its findings are notes."""
        return bool(self.directives.imported_from)

    @functools.cached_property
    def is_plain(self) -> bool:
        """Return whether offsets of the parser are those of the whole text."""
        return lexer.is_plain(self.sql)


class Held(NamedTuple):
    """A lock that an earlier statement of the same transaction took on a table that existed before."""

    table: tree.Name
    mode: str
    line: int


class Fix(NamedTuple):
    """A change of a file that is certain to be right: the text between two offsets becomes another."""

    start: int
    end: int
    text: str


@dataclasses.dataclass(frozen=True)
class Hit:
    """What a rule finds at a place: the effect with the names in it, and the SQL to write instead.

    :param lasts: the tables whose rows say how long it takes, where that is the whole danger of it.
    """

    text: str
    sql: str = ""
    remedy: str = ""
    at: int | None = None
    level: Severity | None = None
    fixes: tuple[Fix, ...] = ()
    lasts: tuple[tree.Name, ...] = ()


@dataclasses.dataclass(frozen=True)
class Finding:
    """A finding as it is told. `line` and `column` count from 1; 0 where it is about the whole file."""

    rule: str
    severity: Severity
    path: str
    line: int
    column: int
    statement: str
    text: str
    remedy: str = ""
    sql: str = ""
    reason: str = ""
    fixes: tuple[Fix, ...] = ()

    @property
    def place(self) -> str:
        """Return where it is, as editors and compilers write it."""
        return ":".join([self.path, *(str(part) for part in (self.line, self.column) if part)])

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints of it."""
        facts = dataclasses.asdict(self)
        del facts["fixes"]
        return {**facts, "fixable": bool(self.fixes)}


@dataclasses.dataclass
class Place:
    """A statement where it stands: in its file, its transaction, and behind everything before it."""

    script: Script
    options: Options
    catalog: objects.Catalog
    item: statement.Statement
    number: int
    held: tuple[Held, ...] = ()
    in_transaction: bool = True
    new_files: frozenset[str] = frozenset()
    starts: int | None = None

    @property
    def is_body(self) -> bool:
        """Return whether the statement stands in the body of a block or a routine, at `starts` in the file."""
        return self.starts is not None

    @property
    def start(self) -> int:
        """Return where the statement begins in the file."""
        return self.item.offset if self.starts is None else self.starts

    @functools.cached_property
    def node(self) -> Any:
        """Return the tree of the statement."""
        return self.item.node

    @functools.cached_property
    def kind(self) -> str:
        """Return the parser's name for the statement."""
        return str(self.node.WhichOneof("node"))

    @property
    def stmt(self) -> Any:
        """Return the tree below its wrapper."""
        return getattr(self.node, self.kind)

    @property
    def schema(self) -> str:
        """Return where an unqualified name goes."""
        return self.script.schema

    @property
    def others(self) -> tuple[statement.Statement, ...]:
        """Return all statements of the file."""
        return self.script.statements

    def name(self, relation: Any) -> tree.Name:
        """Return the name of a relation, with its schema."""
        return tree.name_of(relation, self.schema)

    def table(self, name: tree.Name) -> objects.Table | None:
        """Return what is known of a table."""
        return self.catalog.tables.get(name)

    def is_empty(self, name: tree.Name) -> bool:
        """Tell whether nobody uses a table yet: made in this file, in a new one before it, or temporary."""
        table = self.table(name)
        if table is None:
            return name[0] == "pg_temp"
        return table.temporary or self.is_own(table.made_in)

    def is_temporary(self, name: tree.Name) -> bool:
        """Tell whether a table is temporary."""
        table = self.table(name)
        return table is not None and table.temporary

    def is_own(self, made_in: str | None) -> bool:
        """Tell whether a file that made something is this one, or a new one before it."""
        return bool(made_in) and (made_in == self.script.path or made_in in self.new_files)

    def is_new_object(self, kind: str, name: tree.Name) -> bool:
        """Tell whether an object was made in this file or in a new one before it."""
        return self.is_own(self.catalog.made_in(kind, name))

    def offset(self, location: int) -> int | None:
        """Return the offset in the file of a location of the parser, which counts bytes; None where it is not known."""
        if self.is_body or not self.script.is_plain or location <= 0:
            return None
        if self.script.sql.isascii():
            return location
        return len(self.script.sql.encode()[:location].decode(errors="ignore"))


@dataclasses.dataclass
class Whole:
    """A file as a whole, behind its last statement."""

    script: Script
    options: Options
    catalog: objects.Catalog
    rollback: Script | None
    new_files: frozenset[str] = frozenset()

    def name(self, relation: Any) -> tree.Name:
        """Return the name of a relation, with its schema."""
        return tree.name_of(relation, self.script.schema)


class Located(NamedTuple):
    """A hit of a rule that looks at more than a statement: in which file, and at which offset (None: the file)."""

    path: str
    offset: int | None
    hit: Hit


@dataclasses.dataclass
class End:
    """Everything that was read, behind the last file."""

    scripts: tuple[Script, ...]
    options: Options
    catalog: objects.Catalog


Check = Callable[[Any], Iterable[Any]]


@dataclasses.dataclass(frozen=True)
class Rule:
    """A rule as data. `each` says what it looks at: a statement, a file, everything; or the engine itself finds it."""

    id: str
    severity: Severity
    condition: str
    effect: str
    workaround: str
    each: Literal["statement", "file", "end", "engine"]
    kinds: frozenset[str] = frozenset()
    check: Check | None = None
    group: str = ""
    decides: tuple[str, ...] = ()


RULES: dict[str, Rule] = {}


def rule(
    id_: str,
    severity: Severity,
    *kinds: str,
    condition: str,
    effect: str,
    workaround: str,
    each: Literal["statement", "file", "end", "engine"] = "statement",
    group: str = "",
    decides: tuple[str, ...] = (),
) -> Callable[[Check], Check]:
    """Register a function as a rule.

    :param kinds: the statements that it looks at, as the parser calls them; none: all of them.
    :param decides: squawk's rules about the same: where this one looked, what squawk says of it does not count.
    """

    def register(check: Check) -> Check:
        add(Rule(id_, severity, condition, effect, workaround, each, frozenset(kinds), check, group, decides))
        return check

    return register


def add(made: Rule) -> None:
    """Register a rule. Raises ValueError for an id that is taken."""
    if made.id in RULES:
        raise ValueError(f"two rules are called {made.id}")
    RULES[made.id] = made


def of(each: str) -> Iterator[Rule]:
    """Give the rules that look at one of statement, file, end."""
    return (known for known in RULES.values() if known.each == each)
