"""What this build has, known without reading a migration: from its seal, or from the stat cache of a working tree.

Every container start comes through here, so nothing is imported that the answer does not need: no dataclasses, no
re, no json. A sealed build has a file that says so; in a working tree
each file's size, times and inode must be what they were.
"""

import os

from schemata.postgres import backoff

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


#: The file that `inv seal` writes beside the migrations when an image is built, and its first line.
SEAL = "seal"
SEAL_FORMAT = "schemata seal 1"
# The first line of the stat cache. Its number goes up with the settings that a boot keeps: a cache that an older
# engine wrote is none, and the files are read again.
STAT_CACHE = "schemata stat cache 3"


class Build:
    """What this build has: the digest of its migrations, the last id, and the settings a boot needs.

    `expected` are the lines of a seal that say what structure the migrations make.
    """

    __slots__ = ("digest", "expected", "last", "sealed", "settings")

    def __init__(self, digest: str, last: str, settings: "dict[str, str]", sealed: bool, expected: str = "") -> None:
        self.expected = expected
        self.digest = digest
        self.last = last
        self.settings = settings
        self.sealed = sealed

    def fits(self, digest: str) -> bool:
        """Tell whether a database with this digest has what the build has, but for phases of changes that are held."""
        return self.is_whole(digest) or self._is(digest, "held")

    def is_whole(self, digest: str) -> bool:
        """Tell whether a database with this digest has all of the build, in this form or in that before a squash."""
        return digest == self.digest or self._is(digest, "also")

    def _is(self, digest: str, key: str) -> bool:
        return digest != "" and digest in self.settings.get(key, "").split(" ")


def project_root() -> str:
    """Return the folder of the project: SCHEMATA_ROOT, or the nearest one upward that looks like one."""
    named = os.environ.get("SCHEMATA_ROOT")
    if named:
        return named
    folder = os.getcwd()
    while not (
        os.path.exists(os.path.join(folder, "pyproject.toml"))
        or os.path.exists(os.path.join(folder, "migrations", "manifest"))
    ):
        parent = os.path.dirname(folder)
        if parent == folder:
            return os.getcwd()
        folder = parent
    return folder


def known(root: str) -> "Build | None":
    """Return what is known of the build at `root` without reading a migration; None when too little is."""
    folder = os.environ.get("SCHEMATA_MIGRATIONS") or "migrations"
    found = _read(os.path.join(root, folder, SEAL))
    if found:
        settings = _head(found, SEAL_FORMAT)
        if not settings or os.environ.get("SCHEMATA_SCHEMAS", settings["schemas"]) != settings["schemas"]:
            return None
        settings["history"] = os.environ.get("SCHEMATA_HISTORY_SCHEMA") or settings["history"]
        return Build(settings["digest"], settings["last"], settings, True, found.partition("\n\n")[2])
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
        # An id has two dots: a name with more says that it is in Python.
        stamps[f"{parts[2]}/{parts[3]}{'' if parts[3].count('.') > 2 else '.sql'}"] = parts[0]
    count = 0
    for schema in settings["schemas"].split(","):
        try:
            entries = os.scandir(os.path.join(settings.get("folder", ""), schema))
        except OSError:
            continue
        for entry in entries:
            name = entry.name
            if not name.endswith((".sql", ".py")) or name.endswith(".rollback.sql") or name == "__init__.py":
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
