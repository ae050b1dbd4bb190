"""Where an imported migration comes from, as the directive `-- imported-from: TOOL NAME CHECKSUM` says it."""

import re
from typing import NamedTuple

WORD = "imported-from"
_SPACE = re.compile(r"[%\s]")


class Origin(NamedTuple):
    """The tool, the whole name of the migration there, and the checksum as the tool computes it."""

    tool: str
    name: str
    checksum: str


def line(origin: Origin) -> str:
    """Return the directive. A space in a name is written %20.

    >>> line(Origin("folder", "01 init", "sha256:c0ffee"))
    '-- imported-from: folder 01%20init sha256:c0ffee'
    """
    name = _SPACE.sub(lambda match: "".join(f"%{byte:02X}" for byte in match[0].encode()), origin.name)
    return f"-- {WORD}: {origin.tool} {name} {origin.checksum}"


def parse(value: str) -> Origin | None:
    """Return what the value of the directive says, or None when it is not as `line` writes it.

    >>> parse("folder 01%20init sha256:c0ffee").name
    '01 init'
    """
    parts = value.split()
    if len(parts) != 3 or ":" not in parts[2]:
        return None
    name = bytes(parts[1], "utf-8")
    decoded = re.sub(rb"%([0-9A-F]{2})", lambda match: bytes([int(match[1], 16)]), name)
    return Origin(parts[0], decoded.decode("utf-8", "replace"), parts[2])


def of(sql: str) -> Origin | None:
    """Return where a migration's text says that it comes from; None for a native one.

    >>> of("-- Title.\\n-- imported-from: dbmate 1_a sha256:c0ffee\\nSELECT 1;").tool
    'dbmate'
    """
    for text in sql.split("\n"):
        stripped = text.strip()
        if stripped and not stripped.startswith("--"):
            return None
        word, _, value = stripped.lstrip("-").strip().partition(":")
        if word == WORD:
            return parse(value)
    return None
