"""The checksums that tools keep of their files, each as its tool computes it."""

import hashlib
import re
import zlib

_BREAKS = re.compile(r"\r\n|\r|\n")


def sha256(data: bytes) -> str:
    """Return the SHA-256 of a file: Prisma's, dbmate's, and ours where a tool has none."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def sha384(data: bytes) -> str:
    """Return the SHA-384 of a file, which SQLx keeps as bytes (sqlx-core/src/migrate/migration.rs, `checksum`)."""
    return f"sha384:{hashlib.sha384(data).hexdigest()}"


def sha1(data: bytes) -> str:
    """Return the SHA-1 of a file, which Sqitch keeps as `script_hash` of a change."""
    return f"sha1:{hashlib.sha1(data, usedforsecurity=False).hexdigest()}"


def prisma(data: bytes) -> tuple[str, ...]:
    """Return Prisma's checksum of a migration and the others that it accepts.

    SHA-256 of the text; a stored one is also taken if it is that of the text with every line end as `\\n` or as
    `\\r\\n`, and if it is written as early releases did, which left out the zero in front of a byte below 16
    (schema-connector/src/checksum.rs).

    >>> current, *accepted = prisma(b"SELECT 1;\\n")
    >>> current[:15], "sha256:b4e049784e46eabb8c31975b62152d551bac49c3c2e80932567b485dcd" in accepted
    ('sha256:b4e04978', True)
    """
    text = data.decode("utf-8", "replace")
    unix = text.replace("\r\n", "\n")
    forms = [text, unix, unix.replace("\n", "\r\n")]
    found = [hashlib.sha256(form.encode()).digest() for form in forms]
    padded = [f"sha256:{digest.hex()}" for digest in found]
    unpadded = [f"sha256:{''.join(f'{byte:x}' for byte in digest)}" for digest in found]
    return tuple(dict.fromkeys([*padded, *unpadded]))


def flyway(data: bytes) -> str:
    """Return Flyway's checksum: CRC-32 of the lines without their ends and without byte order mark, as a signed number.

    (flyway-core, LoadableResource.calculateChecksum reads line by line.)

    >>> flyway(b"SELECT 1;\\r\\nSELECT 2;\\r\\n") == flyway(b"SELECT 1;\\nSELECT 2;")
    True
    """
    text = data.decode("utf-8", "replace").removeprefix("\ufeff")
    value = zlib.crc32("".join(_BREAKS.split(text)).encode())
    return f"crc32:{value - (1 << 32) if value >= 1 << 31 else value}"


def drizzle(data: bytes) -> tuple[str, ...]:
    """Return Drizzle's hash of a file and the others that a release of it has kept.

    SHA-256 of the text with `\\r\\n` as `\\n`; releases before that rule kept the text as it was
    (drizzle-orm/src/migrator.ts, `readMigrationFiles`).
    """
    text = data.decode("utf-8", "replace")
    forms = [text.replace("\r\n", "\n"), text, text.replace("\r\n", "\n").replace("\n", "\r\n")]
    return tuple(dict.fromkeys(f"sha256:{hashlib.sha256(form.encode()).hexdigest()}" for form in forms))


def sqitch_change(info: str) -> str:
    """Return the id of a Sqitch change: SHA-1 of its description in the way of git's objects.

    (App::Sqitch::Plan::Change, `id`.)
    """
    content = info.encode()
    # Perl counts the bytes of the encoded text.
    return hashlib.sha1(f"change {len(content)}\0".encode() + content, usedforsecurity=False).hexdigest()
