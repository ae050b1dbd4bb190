"""An application in two versions, both at work on one table: every write is read back, through both versions' names."""

import dataclasses
import random
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import psycopg
import psycopg.rows

Values = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Version:
    """What one version of the application calls the table and its columns.

    :param written: the values that it writes for the number `k`, by column. :param expected: what it reads in a row
        that a version, by its name, has written for a number.
    """

    name: str
    table: str
    written: Callable[[int], Values]
    expected: Callable[[int, str], Values]


@dataclasses.dataclass
class Timing:
    """One statement: when it began (time.monotonic), what it took in seconds, and what it was."""

    began: float
    seconds: float
    what: str


@dataclasses.dataclass
class Counted:
    """What the threads of one version saw."""

    statements: int = 0
    failures: list[str] = dataclasses.field(default_factory=list)
    wrong: list[str] = dataclasses.field(default_factory=list)
    timings: list[Timing] = dataclasses.field(default_factory=list)
    inserted: int = 0


class Client(threading.Thread):
    """A thread of one version: it owns the rows whose number leaves `mine` as remainder of `of`, and knows each.

    Two rows of a transaction are taken in the order opposite to that of the key, as no backfill takes them.
    """

    def __init__(
        self, url: str, version: Version, other: Version, mine: int, of: int, rows: int, pause: float, pooled: bool
    ) -> None:
        super().__init__(daemon=True)
        self.counted = Counted()
        self.known: dict[int, tuple[int, str]] = {}
        self.both = threading.Event()
        self._url, self._version, self._other = url, version, other
        self._mine, self._of, self._rows, self._pause, self._pooled = mine, of, rows, pause, pooled
        self._random = random.Random(mine)
        self._ended = threading.Event()
        self._next = mine

    def stop(self) -> None:
        """End after what is under way."""
        self._ended.set()
        self.join()

    def run(self) -> None:
        """Work until it is told to stop."""
        # Prepared statements as psycopg makes them, but not through a pooler, where each may be on another connection.
        threshold = None if self._pooled else 5
        with psycopg.connect(self._url, autocommit=True, prepare_threshold=threshold) as connection:
            while not self._ended.is_set():
                self._one(connection)
                if self._pause:
                    time.sleep(self._pause)

    def _one(self, connection: psycopg.Connection) -> None:
        act = self._random.choice((self._read, self._read, self._update, self._insert, self._upsert, self._two_rows))
        began = time.monotonic()
        try:
            act(connection)
        except psycopg.Error as error:
            self.counted.failures.append(f"{self._version.name} {act.__name__}: {error.sqlstate} {error}")
        self.counted.timings.append(Timing(began, time.monotonic() - began, act.__name__))

    def _execute(self, connection: psycopg.Connection, text: str, values: list[Any]) -> list[tuple[Any, ...]]:
        self.counted.statements += 1
        cursor = connection.execute(text, values)
        return cursor.fetchall() if cursor.description else []

    def _row(self) -> int:
        """Return one of its rows: one that was there before, or one that it has inserted."""
        if self.known and self._random.random() < 0.3:
            return self._random.choice([*self.known][-50:])
        last = (self._rows - self._mine) // self._of
        return self._random.randrange(last + 1) * self._of + self._mine or self._of

    def _check(self, connection: psycopg.Connection, row: int) -> None:
        number, writer = self.known.get(row, (row, "seed"))
        for version in (self._version, self._other) if self.both.is_set() else (self._version,):
            expected = version.expected(number, writer)
            columns = ", ".join(expected)
            found = self._execute(connection, f"SELECT {columns} FROM {version.table} WHERE id = %s", [row])
            if found != [tuple(expected.values())]:
                self.counted.wrong.append(
                    f"{self._version.name} reads row {row} as {version.name}: {found}, not {tuple(expected.values())}"
                )

    def _read(self, connection: psycopg.Connection) -> None:
        self._check(connection, self._row())

    def _fresh(self) -> int:
        return self._random.randrange(1, 1_000_000)

    def _set(self, connection: psycopg.Connection, row: int) -> tuple[int, str]:
        number = self._fresh()
        values = self._version.written(number)
        assigned = ", ".join(f"{column} = %s" for column in values)
        self._execute(connection, f"UPDATE {self._version.table} SET {assigned} WHERE id = %s", [*values.values(), row])
        return number, self._version.name

    def _update(self, connection: psycopg.Connection) -> None:
        row = self._row()
        self.known[row] = self._set(connection, row)
        self._check(connection, row)

    def _two_rows(self, connection: psycopg.Connection) -> None:
        rows = sorted({self._row(), self._row()}, reverse=True)
        with connection.transaction():
            done = {row: self._set(connection, row) for row in rows}
        self.known.update(done)
        for row in rows:
            self._check(connection, row)

    def _new_row(self) -> int:
        self._next += self._of
        return self._rows + self._next

    def _insert(self, connection: psycopg.Connection, *, twice: bool = False) -> None:
        row, number = self._new_row(), self._fresh()
        values = {"id": row, **self._version.written(number)}
        columns, places = ", ".join(values), ", ".join(["%s"] * len(values))
        text = f"INSERT INTO {self._version.table} ({columns}) VALUES ({places})"
        if twice:
            assigned = ", ".join(f"{column} = excluded.{column}" for column in values if column != "id")
            text += f" ON CONFLICT (id) DO UPDATE SET {assigned}"
        returned = self._version.expected(number, self._version.name)
        found = self._execute(connection, f"{text} RETURNING {', '.join(returned)}", [*values.values()])
        self.counted.inserted += 1
        self.known[row] = (number, self._version.name)
        if found != [tuple(returned.values())]:
            self.counted.wrong.append(f"{self._version.name} is told {found}, not {tuple(returned.values())}")
        if twice:
            number = self._fresh()
            again = {"id": row, **self._version.written(number)}
            self._execute(connection, text, [*again.values()])
            self.known[row] = (number, self._version.name)
        self._check(connection, row)

    def _upsert(self, connection: psycopg.Connection) -> None:
        self._insert(connection, twice=True)


class Application:
    """Threads of the old and of the new version. Rows belong to one thread each, whichever version that is of."""

    def __init__(
        self,
        url: str,
        old: Version,
        new: Version,
        rows: int,
        *,
        threads: int = 6,
        pause: float = 0.002,
        pooled: bool = False,
    ) -> None:
        of = 2 * threads
        self.old = [Client(url, old, new, number, of, rows, pause, pooled) for number in range(threads)]
        self.new = [Client(url, new, old, number, of, rows, pause, pooled) for number in range(threads, of)]
        self._rows, self._version = rows, new
        self.marks: list[tuple[float, str]] = []

    def mark(self, what: str) -> None:
        """Note that something begins."""
        self.marks.append((time.monotonic(), what))

    def start_old(self) -> None:
        """Start the old version."""
        for client in self.old:
            client.start()

    def start_new(self) -> None:
        """Start the new version; from now on each checks what it wrote through both versions' names."""
        for client in self.new:
            client.both.set()
            client.start()
        for client in self.old:
            client.both.set()

    def stop_old(self) -> None:
        """Stop the old version, whose names are about to go."""
        for client in (*self.old, *self.new):
            client.both.clear()
        for client in self.old:
            client.stop()

    def stop(self) -> None:
        """Stop what runs."""
        for client in (*self.old, *self.new):
            if client.is_alive():
                client.stop()

    @property
    def clients(self) -> list[Client]:
        """Return all threads."""
        return [*self.old, *self.new]

    @property
    def failures(self) -> list[str]:
        """Return the statements that failed."""
        return [text for client in self.clients for text in client.counted.failures]

    @property
    def wrong(self) -> list[str]:
        """Return the values that were not what was written."""
        return [text for client in self.clients for text in client.counted.wrong]

    def left(self, connection: psycopg.Connection, version: Version) -> list[str]:
        """Compare every row with what its thread knows of it, and their number; return what is wrong."""
        known = {row: value for client in self.clients for row, value in client.known.items()}
        count = self._rows + sum(client.counted.inserted for client in self.clients)
        with connection.cursor(row_factory=psycopg.rows.dict_row) as cursor:
            found = {row["id"]: row for row in cursor.execute("SELECT * FROM " + version.table)}
        wrong = [] if len(found) == count else [f"{len(found)} rows, not {count}"]
        for row, values in found.items():
            number, writer = known.get(row, (row, "seed"))
            expected = version.expected(number, writer)
            if {column: values[column] for column in expected} != expected:
                wrong.append(f"row {row}: {values}, not {expected}")
        return wrong

    def waits(self) -> dict[str, list[float]]:
        """Return the seconds of each statement, by the mark that came before it."""
        found: dict[str, list[float]] = {what: [] for _, what in self.marks}
        for client in self.clients:
            for timing in client.counted.timings:
                before = [what for at, what in self.marks if at <= timing.began]
                if before:
                    found[before[-1]].append(timing.seconds)
        return found


def quantile(values: list[float], part: float) -> float:
    """Return a quantile of values, the largest for 1; 0 where there is none."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * part), len(ordered) - 1)] if ordered else 0.0
