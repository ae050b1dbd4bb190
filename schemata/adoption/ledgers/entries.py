"""The rows of another tool's ledger, whichever the tool: what they are about, how it ended, and when."""

import dataclasses
from typing import Literal

#: applied: it ran, and is finished. marked: a person recorded it without running it. failed: it stopped with an error.
#: unfinished: it began, and nobody knows how it ended. rolled back: it was undone, or a failed one was set aside.
#: deleted: the tool was told that its file is gone.
State = Literal["applied", "marked", "failed", "unfinished", "rolled back", "deleted"]


@dataclasses.dataclass(frozen=True)
class Row:
    """One row.

    :param version: by what the tool knows the migration again; :param name: more of its name, where the ledger has it.
    :param at: when, in UTC as `2024-01-01T00:00:00.000000Z`; empty where the ledger does not keep it.
    :param checksum: with its kind in front, as in `model.Script`; empty where there is none.
    :param log: what the tool wrote about a failure.
    :param kind: what kind of row, where a tool has several (Flyway's type, Sqitch's event).
    """

    version: str
    state: State
    name: str = ""
    at: str = ""
    checksum: str = ""
    log: str = ""
    kind: str = ""

    @property
    def called(self) -> str:
        """Return what to call it in a message."""
        return f"{self.version} {self.name}" if self.name and self.name != self.version else self.version


@dataclasses.dataclass(frozen=True)
class Ledger:
    """A tool's ledger in a database. The rows are in the order in which they were written.

    :param single: the tool keeps only where it stands, not each migration.
    """

    tool: str
    schema: str
    table: str
    rows: tuple[Row, ...]
    single: bool = False

    def describe(self) -> str:
        """Return it in words.

        >>> Ledger("prisma", "public", "_prisma_migrations", ()).describe()
        'public._prisma_migrations (0 rows)'
        """
        return f"{self.schema}.{self.table} ({len(self.rows)} row{'' if len(self.rows) == 1 else 's'})"


@dataclasses.dataclass(frozen=True)
class Standing:
    """What the ledger says of one script. `row` is the one that decides, None where there is none.

    :param why: more about how it came to that, for a message.
    """

    state: State | Literal["absent", "unclear"]
    row: Row | None = None
    why: str = ""
