"""The advisory locks that other migration tools take, as numbers.

Each is what the tool computes. Prisma, goose (where a program asks for its locker), node-pg-migrate and Sqitch have one
number for every database; SQLx makes it of the database's name, golang-migrate of that and the table's, Flyway of the
table's.
"""

import zlib

from schemata.postgres import lock_holder

_FIXED = {
    "prisma": lock_holder.PRISMA_KEY,
    "goose": 4097083626,
    "node-pg-migrate": 7241865325823964,
    "sqitch": 75474063,
}
_FLYWAY = int.from_bytes(b"Flyway", "big")
_GOLANG_MIGRATE = 1486364155
_SQLX = 0x3D32AD9E


def key(tool: str, database: str, schema: str, table: str) -> int:
    """Return the key of the lock of a tool that has one.

    :param schema: and :param table: of the tool's ledger.

    >>> key("prisma", "shop", "public", "_prisma_migrations")
    72707369
    >>> key("sqlx", "zone", "public", "_sqlx_migrations")
    2771974297191923538
    """
    if tool == "flyway":
        return _FLYWAY + _java_hash(f'"{schema}"."{table}"')
    if tool == "golang-migrate":
        return (zlib.crc32("\0".join([schema, table, database]).encode()) * _GOLANG_MIGRATE) & 0xFFFFFFFF
    if tool == "sqlx":
        return _SQLX * zlib.crc32(database.encode())
    return _FIXED[tool]


def _java_hash(text: str) -> int:
    """Return what `String.hashCode` returns.

    >>> _java_hash("hello"), _java_hash("")
    (99162322, 0)
    """
    found = 0
    data = text.encode("utf-16-be")
    for at in range(0, len(data), 2):
        found = (31 * found + int.from_bytes(data[at : at + 2], "big")) & 0xFFFFFFFF
    return found - (1 << 32) if found >> 31 else found
