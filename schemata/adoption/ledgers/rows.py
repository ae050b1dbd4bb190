"""The rows of each tool's table as values: which of its columns says what, and what they mean together."""

from collections.abc import Callable, Mapping, Sequence

from schemata.adoption.ledgers import entries

#: One row as the query gives it, in the order of its columns.
Raw = Sequence[str | int | bool | None]


def of(tool: str, raw: Sequence[Raw]) -> tuple[entries.Row, ...]:
    """Return the rows of a tool's ledger; those that are about no migration are left out."""
    made = (_MAKERS[tool](item) for item in raw)
    return tuple(row for row in made if row is not None)


def _text(value: str | int | bool | None) -> str:
    return "" if value is None else str(value)


def _prisma(raw: Raw) -> entries.Row:
    """name, started_at, finished_at, rolled_back_at, checksum, logs, applied_steps_count.

    (migration-engine, persistence of the SQL flavour.) `resolve --applied` writes a finished row with 0 steps, a run
    counts 1; only `resolve` sets rolled_back_at.
    """
    name, started, finished, rolled_back, checksum, logs, steps = raw
    state: entries.State
    if rolled_back is not None:
        state = "rolled back"
    elif finished is None:
        state = "failed" if logs else "unfinished"
    else:
        state = "applied" if steps else "marked"
    at = finished if state in ("applied", "marked") else started
    return entries.Row(_text(name), state, at=_text(at), checksum=_text(checksum), log=_text(logs))


def _flyway(raw: Raw) -> entries.Row | None:
    """version, description, type, script, checksum, installed_on, success.

    The type SCHEMA says that Flyway made the schemas; BASELINE that everything up to the version was there; UNDO_SQL
    that a version was undone; DELETE that `repair` took note of a file that is gone (flyway-core, CoreMigrationType).
    """
    version, description, kind, script, checksum, at, success = raw
    kind = _text(kind)
    if kind == "SCHEMA":
        return None
    state: entries.State = "applied" if success else "failed"
    if success and kind.startswith("UNDO_"):
        state = "rolled back"
    elif kind == "DELETE":
        state = "deleted"
    elif kind == "BASELINE":
        state = "marked"
    return entries.Row(
        _text(version) or _text(description), state, _text(script), _text(at), _text(checksum), kind=kind
    )


def _sqitch(raw: Raw) -> entries.Row:
    """change_id, change, script_hash, committed_at, event: of the table of changes, and of events of others."""
    change_id, change, checksum, at, event = raw
    states: Mapping[str, entries.State] = {"deploy": "applied", "fail": "failed", "revert": "rolled back"}
    # Registries from before script hashes have the id in its place.
    hashed = "" if checksum == f"sha1:{change_id}" else _text(checksum)
    return entries.Row(_text(change_id), states[_text(event)], _text(change), _text(at), hashed, kind=_text(event))


def _plain(raw: Raw) -> entries.Row:
    """version, name, at, checksum: a row is there as long as the migration is applied."""
    version, name, at, checksum = raw
    return entries.Row(_text(version), "applied", _text(name), _text(at), _text(checksum))


def _succeeded(raw: Raw) -> entries.Row:
    """version, name, at, checksum, success: SQLx writes the row before and `success` after."""
    *rest, success = raw
    version, name, at, checksum = rest
    state: entries.State = "applied" if success else "unfinished"
    return entries.Row(_text(version), state, _text(name), _text(at), _text(checksum))


def _goose(raw: Raw) -> entries.Row | None:
    """version_id, tstamp, is_applied: a way down is a row of its own in old releases; version 0 is the beginning."""
    version, at, applied = raw
    if _text(version) == "0":
        return None
    return entries.Row(_text(version), "applied" if applied else "rolled back", at=_text(at))


def _golang_migrate(raw: Raw) -> entries.Row | None:
    """version, dirty: the last version only; dirty while it runs, and after it failed."""
    version, dirty = raw
    if _text(version) == "-1":
        return None
    return entries.Row(_text(version), "unfinished" if dirty else "applied")


_MAKERS: Mapping[str, Callable[[Raw], entries.Row | None]] = {
    "prisma": _prisma,
    "flyway": _flyway,
    "sqitch": _sqitch,
    "dbmate": _plain,
    "alembic-sql": _plain,
    "goose": _goose,
    "golang-migrate": _golang_migrate,
    "diesel": _plain,
    "sqlx": _succeeded,
    "drizzle": _plain,
    "node-pg-migrate": _plain,
    "supabase": _plain,
}
