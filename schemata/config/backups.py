"""The settings of backups: when one is taken, where it goes, how it is verified, how long it is kept."""

import dataclasses
import re
from typing import Any

from schemata.config import values

_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(B|kB|MB|GB|TB|)")
_UNITS = {"": 1, "B": 1, "kB": 1024, "MB": 1024**2, "GB": 1024**3, "TB": 1024**4}


@dataclasses.dataclass(frozen=True)
class Backups:
    """When a backup is taken before a migration or a rollback, where it is kept and for how long.

    :param policy: "never", "destructive" or "always"; empty: "destructive", and "never" on the dev server.
    :param store: a command that keeps backups elsewhere; `directory` then only holds one while it is made.
    :param hook: a command that takes the backup in place of pg_dump, where something else backs the server up.
    :param verify: "read", "restore", "none", or "auto": restore where it is smaller than `restore_below`, else read.
    """

    policy: str = ""
    directory: str = ".schemata/backups"
    store: tuple[str, ...] = ()
    hook: tuple[str, ...] = ()
    keep_last: int = 10
    keep_days: int = 30
    verify: str = "auto"
    restore_below: str = "5GB"
    parallel_above: str = "20GB"


def size(value: Any, where: str) -> str:
    """Return a size as it was written, once it is known to be one."""
    text = values.text_of(value, where).strip()
    if not _SIZE.fullmatch(text):
        raise values.InvalidSetting(where, f"{text!r} is not a size", 'Write one such as "500MB" or "20GB".')
    return text


def in_bytes(text: str) -> int:
    """Return a size in bytes.

    >>> in_bytes("20GB"), in_bytes("0")
    (21474836480, 0)
    """
    match = _SIZE.fullmatch(text)
    return int(float(match[1]) * _UNITS[match[2]]) if match else 0


KEYS: dict[str, values.Converter] = {
    "policy": values.one_of("", "never", "destructive", "always"),
    "directory": values.text_of,
    "store": values.command,
    "hook": values.command,
    "keep_last": values.count(1, 10_000),
    "keep_days": values.count(0, 36_500),
    "verify": values.one_of("auto", "read", "restore", "none"),
    "restore_below": size,
    "parallel_above": size,
}
