"""Targets, ignore rules and what is asked of a rehearsal, as values."""

import dataclasses
import datetime

#: The development server, as long as no other target is called so.
DEV = "dev"


@dataclasses.dataclass(frozen=True)
class Target:
    """A database by name. Its URL stands in an environment variable, never in the file: it holds a password."""

    name: str
    url_env: str
    title: str = ""


@dataclasses.dataclass(frozen=True)
class Ignore:
    """A rule for differences that are known and accepted; what is empty fits everything.

    :param name: as reports write it behind the schema (a column is `table.column`); `*` and `?` stand for anything.
    :param until: the last day on which it ignores.
    """

    target: str = ""
    schema: str = ""
    kind: str = ""
    name: str = ""
    fact: str = ""
    reason: str = ""
    until: datetime.date | None = None


@dataclasses.dataclass(frozen=True)
class Rehearsal:
    """How migrations are rehearsed, and where a proof is demanded before they are applied.

    :param rows: how many a table is filled with. :param large_rows: from how many a table of a target is large.
    :param scan_rate: megabytes a second, of which an estimate is made; so are the others.
    :param require_proof: never, always, production (what looks like it), or names of targets.
    """

    rows: int = 3
    large_rows: int = 10_000
    scan_rate: int = 200
    rewrite_rate: int = 50
    index_rate: int = 40
    require_proof: tuple[str, ...] = ("never",)
