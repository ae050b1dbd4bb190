"""The text of a migration as the history keeps it: as it is, or packed where it is large.

A file of 50 MB is kept as about 6 MB; the diff of what ran against what the file says stays whole. Of what is too large
even when packed, only the size is kept.
"""

import base64
import zlib

_PLAIN = 1024 * 1024  # characters that are kept as they are
_MOST = 8 * 1024 * 1024  # characters of the packed form: what packs so badly is data, which the tables have
_PART = 1024 * 1024
_PACKED = "schemata:zlib:"
_LEFT_OUT = "schemata:left-out:"


def pack(sql: str, *, whole: bool = False) -> str:
    """Return what is written to the history for a text; `whole` where it must not be left out.

    >>> pack("SELECT 1"), unpack(pack("SELECT 1;" * 200_000)) == "SELECT 1;" * 200_000
    ('SELECT 1', True)
    """
    if len(sql) <= _PLAIN:
        return sql
    packer = zlib.compressobj(1)
    parts, size = [], 0
    for at in range(0, len(sql), _PART):
        parts.append(packer.compress(sql[at : at + _PART].encode()))
        size += len(parts[-1])
        if size > _MOST * 3 // 4 and not whole:
            return left_out(sql)
    parts.append(packer.flush())
    return _PACKED + base64.b64encode(b"".join(parts)).decode()


def left_out(sql: str) -> str:
    """Return what is written for a text that nobody will ask for: itself while it is small, else its size."""
    return sql if len(sql) <= _PLAIN else f"{_LEFT_OUT}{len(sql)}"


def unpack(text: str) -> str | None:
    """Return the text that was packed; None where only its size was kept."""
    if text.startswith(_LEFT_OUT):
        return None
    if not text.startswith(_PACKED):
        return text
    return zlib.decompress(base64.b64decode(text.removeprefix(_PACKED))).decode()
