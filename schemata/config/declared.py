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
