"""Flags that several commands have: what they say of themselves, and how their values are read."""

from schemata import config, errors

URL = "The database (default: the dev server, else DATABASE_URL)."
JSON = "Print JSON."
YES = "Do not ask."
LOCK_WAIT = "How long to wait for another deploy, such as 30s or 5min."
CONFIRM = "The database's name: that it is meant, where nobody can be asked or it looks like production."
VERBOSE = "Print every notice of the server, not the first of each migration only."
SCHEMAS = "Only these schemas, separated by commas (default: those of the settings)."
ALL_SCHEMAS = "Every schema of the database but the system's and the history's."
READ_WAIT = "How long to wait for a lock that DDL holds, such as 5s."
SERVER = "embedded, docker or external (default: SCHEMATA_SERVER_KIND, else the settings)."


def count(text: str, flag: str, least: int | None = None) -> int:
    """Return a whole number from `least` on, 0 for none; by ourselves, because Invoke ends with a traceback."""
    if text and not text.removeprefix("-").isdecimal():
        raise errors.ConfigError(f"{flag} {text} is not a whole number", "Write digits only.")
    if text and least is not None and int(text) < least:
        raise errors.ConfigError(f"{flag} {text} is less than {least}", f"Write a number from {least} on.")
    return int(text or 0)


def names(text: str, flag: str) -> list[str]:
    """Return names that are separated by commas; a flag that is given names one at least."""
    found = [name.strip() for name in text.split(",") if name.strip()]
    if text and not found:
        raise errors.ConfigError(f"{flag} {text} names nothing", "Write names, separated by commas, or leave it out.")
    return found


def seconds(text: str, flag: str) -> float | None:
    """Return a duration in seconds; None for none."""
    return config.values.seconds(text, flag) if text else None
