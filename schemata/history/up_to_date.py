"""The one question of a boot: is there anything to do?

Every container start comes through here, so nothing is imported that the answer does not need: no
dataclasses, no re, no json, no psycopg. What this build has is read from the manifest (a sealed build) or from
the stat cache (a working tree, where each file's size, times and inode must be what they were).
"""

import os
import time

from schemata.postgres import backoff, libpq

# The gate (postgres/lock_holder.GATE_KEY): of many boots with something to do, one at a time loads the whole engine.
QUEUE_KEY = int.from_bytes(b"scheGATE", "big")
_CHANNEL = "schemata_gate"
# Seconds between two looks of one that waits, and until it gives its connection back for a moment.
_QUEUE_PAUSE, _QUEUE_HOLD = 0.5, 3.0
_QUESTION = (
    'SELECT h.digest, (h.applied = (SELECT count(*) FROM "{0}"._yoyo_migration))::text, h.last_id,'
    ' (h.structure IS NOT NULL)::text, pg_is_in_recovery()::text, h.structure::text FROM "{0}".head h'
)
# What the environment may say of them.
_KEPT = (
    "MIGRATIONS",
    "SCHEMAS",
    "HISTORY_SCHEMA",
    "WAIT_ATTEMPTS",
    "WAIT_DELAY",
    "LOCKS_WAIT",
    "ACCEPTS",
    "CREATE_DATABASE",
    "CLIENT_PACKAGE",
    "CLIENT_FOLDER",
    "CLIENT_SCHEMAS",
)
NO_HISTORY = ("42P01", "3F000")


# The first line of the stat cache. Its number goes up with the settings that a boot keeps: a cache that an older
# engine wrote is none, and the files are read anew.
STAT_CACHE = "schemata stat cache 2"


class Build:
    """What this build has: the digest of its migrations, the last id, and the settings a boot needs."""

    __slots__ = ("digest", "last", "sealed", "settings")

    def __init__(self, digest: str, last: str, settings: "dict[str, str]", sealed: bool) -> None:
        self.digest = digest
        self.last = last
        self.settings = settings
        self.sealed = sealed


class Answer:
    """What the database has."""

    __slots__ = ("digest", "last", "settled", "standby", "structure")

    def __init__(self, digest: str, last: str, settled: bool, standby: bool, structure: str) -> None:
        self.digest = digest
        self.last = last
        self.settled = settled
        self.standby = standby
        self.structure = structure


def build(root: str) -> "Build | None":
    """Return what is known of the build at `root` without reading a migration; None when too little is."""
    folder = os.environ.get("SCHEMATA_MIGRATIONS") or "migrations"
    found = _read(os.path.join(root, folder, "manifest"))
    if found:
        settings = _head(found, "schemata manifest 1")
        if not settings or os.environ.get("SCHEMATA_SCHEMAS", settings["schemas"]) != settings["schemas"]:
            return None
        settings["history"] = os.environ.get("SCHEMATA_HISTORY_SCHEMA") or settings["history"]
        return Build(settings["digest"], settings["last"], settings, True)
    return _working_tree(root)


def _working_tree(root: str) -> "Build | None":
    found = _read(os.path.join(root, ".schemata", "stat-cache"))
    settings = _head(found, STAT_CACHE) if found else None
    if not found or not settings or settings.get("settings_stamp") != settings_stamp(root):
        return None
    stamps = {}
    for line in found.partition("\n\n")[2].splitlines():
        parts = line.split(" ")
        if len(parts) != 4:  # a damaged cache knows nothing; it never stops a start
            return None
        stamps[f"{parts[2]}/{parts[3]}.sql"] = parts[0]
    count = 0
    for schema in settings["schemas"].split(","):
        try:
            entries = os.scandir(os.path.join(settings.get("folder", ""), schema))
        except OSError:
            continue
        for entry in entries:
            name = entry.name
            if not name.endswith(".sql") or name.endswith(".rollback.sql"):
                continue
            facts = entry.stat()
            if stamps.get(f"{schema}/{name}") != (
                f"{facts.st_mtime_ns}.{facts.st_ctime_ns}.{facts.st_size}.{facts.st_ino}"
            ):
                return None
            count += 1
    return Build(settings["digest"], settings["last"], settings, False) if count == len(stamps) else None


def settings_stamp(root: str) -> str:
    """Return what changes whenever the settings do that a boot keeps."""
    named = [os.environ.get(f"SCHEMATA_{name}", "") for name in _KEPT]
    file = stamp(os.path.join(root, "pyproject.toml"))
    return "|".join([file, *named]).replace("\n", " ") if any(named) else file


def patience(settings: "dict[str, str]") -> float:
    """Return how long to wait for somebody else's deploy, in seconds; the environment wins."""
    return _seconds("SCHEMATA_LOCKS_WAIT", settings.get("lock_wait", "300"))


def retry_delays(settings: "dict[str, str]") -> "list[float]":
    """Return the seconds to sleep between tries at a server that is not there yet; the environment wins."""
    attempts = os.environ.get("SCHEMATA_WAIT_ATTEMPTS", "").strip()
    count = int(attempts) if attempts.isdecimal() and int(attempts) else int(settings.get("attempts", "60"))
    return backoff.between(count, _seconds("SCHEMATA_WAIT_DELAY", settings.get("delay", "2")))


def _seconds(variable: str, otherwise: str) -> float:
    text = os.environ.get(variable, "").strip()
    for unit, factor in (("ms", 0.001), ("min", 60.0), ("h", 3600.0), ("s", 1.0), ("", 1.0)):
        if text.endswith(unit):
            number = text[: len(text) - len(unit)].strip()
            if number.replace(".", "", 1).isdecimal():
                return float(number) * factor
    # The whole engine refuses what is no duration.
    return float(otherwise)


def stamp(path: str) -> str:
    """Return what changes whenever a file does."""
    try:
        facts = os.stat(path)
    except OSError:
        return "-"
    return f"{facts.st_mtime_ns}.{facts.st_ctime_ns}.{facts.st_size}.{facts.st_ino}"


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (OSError, ValueError):
        return ""


def _head(text: str, first: str) -> "dict[str, str] | None":
    lines = text.partition("\n\n")[0].split("\n")
    if lines[0] != first:
        return None
    settings = dict(line.partition(" ")[::2] for line in lines[1:])
    return settings if {"digest", "last", "history", "schemas"} <= settings.keys() else None


def question(history: str) -> str:
    """Return the one question as SQL: one row, or none, or an error where there is no history yet."""
    return _QUESTION.format(history)


def answered(row: "tuple[str | None, ...]") -> Answer:
    """Return the row that the question gave, as what it means."""
    digest, agrees, last, settled, standby, structure = row
    return Answer(
        digest if digest and agrees == "true" else "",
        last or "",
        settled == "true",
        standby == "true",
        structure or "",
    )


def ask(connection: libpq.Connection, history: str) -> "Answer | None":
    """Return what the database has; None where there is no history yet.

    Reads two tables of the history's schema and writes nothing; works on a standby.
    """
    try:
        rows = connection.query(question(history), timeout=30)
    except libpq.QueryFailed as error:
        if error.sqlstate in NO_HISTORY:
            return None
        raise
    return answered(rows[0]) if rows else None


def up_to_date(answer: "Answer | None", build_: "Build") -> bool:
    """Tell whether the database has exactly what the build has."""
    return answer is not None and answer.digest == build_.digest and answer.settled


def await_turn(connection: libpq.Connection, build_: "Build", deadline: float) -> "bool | None":
    """Wait for the gate; False when meanwhile somebody else did everything there was to do.

    The gate is a second advisory lock, held by this light connection until it is closed. It guards
    nothing but our own patience: the deploy lock is taken behind it all the same. At the deadline
    (time.monotonic) we go on without it, so that the lock's own wait can name its holder. None when it is
    still held after a while: a crowd that waits long must give its connections back, or whoever is behind
    the gate finds none left.
    """
    if connection.query("SELECT pg_backend_pid()", timeout=30) != [(str(connection.backend_pid),)]:
        return True  # through a pooler a session's lock would stay with whoever comes next
    history = build_.settings["history"]
    attempt = f"SELECT pg_try_advisory_lock({QUEUE_KEY})"
    ours = connection.query(attempt, timeout=30)
    if ours != [("t",)]:
        # To be told costs nothing while it works, and all that wait learn of its end in the same moment.
        ours = connection.query(f"LISTEN {_CHANNEL}; {attempt}", timeout=30)
    until = time.monotonic() + _QUEUE_HOLD
    while ours != [("t",)]:
        if time.monotonic() > deadline:
            return True
        if time.monotonic() > until:
            return None
        if connection.hears(_QUEUE_PAUSE) and up_to_date(ask(connection, history), build_):
            return False
        ours = connection.query(attempt, timeout=30)
    return not up_to_date(ask(connection, history), build_)


def end_turn(connection: libpq.Connection) -> None:
    """Let go of the gate and tell those that wait. A connection that was lost did both in its way."""
    try:
        connection.query(f"SELECT pg_advisory_unlock({QUEUE_KEY}); NOTIFY {_CHANNEL}", timeout=5)
    except (libpq.ConnectionLost, libpq.QueryFailed):
        return
