"""Checksums of content, and the digest of a set of migrations.

The digest of a set does not depend on order and can be moved by one member in constant time, so the
row that a boot asks about stays true after each migration without reading the others.
"""

import hashlib

EMPTY = "0" * 64
_SPACE = 1 << 256
_PART = 1024 * 1024


def normalise(data: bytes) -> str:
    """Return file content as the text that is hashed and sent: UTF-8, no BOM, `\\n` line ends.

    Raises UnicodeDecodeError when the content is not UTF-8.

    >>> normalise(b"\\xef\\xbb\\xbfSELECT 1;\\r\\n")
    'SELECT 1;\\n'
    """
    return data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")


def checksum(text: str) -> str:
    """Return the SHA-256 of normalised content, in hexadecimal."""
    found = hashlib.sha256()
    # In parts, so that a large text is not held twice.
    for at in range(0, len(text), _PART):
        found.update(text[at : at + _PART].encode())
    return found.hexdigest()


def _member(migration_id: str, checksum_: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{migration_id}\0{checksum_}".encode()).digest(), "big")


def add(digest: str, migration_id: str, checksum_: str) -> str:
    """Return the digest of the set with one more member."""
    return f"{(int(digest, 16) + _member(migration_id, checksum_)) % _SPACE:064x}"


def remove(digest: str, migration_id: str, checksum_: str) -> str:
    """Return the digest of the set with one member less.

    >>> one = add(EMPTY, "app.20250101000000.a", "c0ffee")
    >>> remove(add(one, "app.20250101000001.b", "f00d"), "app.20250101000001.b", "f00d") == one
    True
    """
    return f"{(int(digest, 16) - _member(migration_id, checksum_)) % _SPACE:064x}"


def of(members: "list[tuple[str, str]]") -> str:
    """Return the digest of (id, checksum) pairs."""
    total = sum(_member(migration_id, checksum_) for migration_id, checksum_ in members)
    return f"{total % _SPACE:064x}"
