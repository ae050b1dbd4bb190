"""A history that lacks tables, columns or rows: what can be said of it, and what a person has to type.

What can be derived from the rest a migrate repairs by itself; for everything else somebody who knows the database
decides, because a wrong guess would run a migration twice or never.
"""

from collections.abc import Collection, Sequence

from schemata import errors
from schemata.history import comparison, evidence, layout, recorded
from schemata.migrations import migration, revision

_SHOWN = 10


def known(
    faults: Sequence[layout.Fault], history: recorded.Recorded, missing: Collection[str]
) -> tuple[layout.Fault, ...]:
    """Return the faults of the tables, judged by the rows that are left, with those of the rows."""
    result = list(faults)
    if "attempts" in missing and history.records and history.head.structure is None:
        # While a non-transactional migration runs, and until it ended well, the head remembers no structure.
        result = [fault for fault in result if fault.table != "attempts"]
        text = (
            "the table attempts is missing, and nothing else tells whether a non-transactional migration was "
            "interrupted"
        )
        result.append(layout.Fault("attempts", text, derivable=False, acceptable=True))
    elif "attempts" in missing and history.records:
        result = [fault for fault in result if fault.table != "attempts"]
        text = "the table attempts is missing, so what ran is not known"
        result.append(layout.Fault("attempts", text))
    if history.versions == 0 and not any(fault.table == "_yoyo_version" for fault in result):
        result.append(layout.Fault("_yoyo_version", "the table _yoyo_version has no row"))
    return tuple(result)


def aside(schema: str, last: str = "ID", tables: Sequence[str] = ()) -> str:
    """Return what to type where a table cannot be read as what it has to be."""
    moves = " ".join(f'ALTER TABLE "{schema}".{table} SET SCHEMA {schema}_damaged;' for table in tables or ("TABLE",))
    return (
        f"Restore the schema {schema} from a backup (pg_restore --schema={schema}). Without one, move the table to "
        "another schema, which keeps its rows, and record what is applied:\n"
        f"  CREATE SCHEMA {schema}_damaged; {moves}\n"
        f"  inv migrate-baseline --through {last}"
    )


def refusals(history: recorded.Recorded, *, accepted: bool) -> list[str]:
    """Return what keeps a deploy from going on, one line each.

    :param accepted: a person says what is applied, so that what is lost does not matter.
    """
    lines = [fault.text for fault in history.faults if not (fault.derivable or (accepted and fault.acceptable))]
    if history.lost and not accepted:
        more = f" and {len(history.lost) - _SHOWN} more" if len(history.lost) > _SHOWN else ""
        lines.append(
            f"{len(history.lost)} recorded as applied in attempts or in yoyo's log, but without a row in "
            f"_yoyo_migration: {', '.join(history.lost[:_SHOWN])}{more}"
        )
    return lines


def remedy(history: recorded.Recorded, schema: str) -> str:
    """Return what to type for what `refusals` names."""
    named = history.head.last_id if of_head(history) and revision.time_of(history.head.last_id) else ""
    last = recorded.last_id([*history.ids(), *history.lost, named]) or "ID"
    tables = [fault.table for fault in history.faults if not (fault.derivable or fault.acceptable)]
    if tables:
        return aside(schema, last, list(dict.fromkeys(tables)))
    parts = [f"If all up to {last} are applied: inv migrate-baseline --through {last}"]
    unnamed = bool(history.unexplained())
    if history.lost or unnamed:
        one = history.lost[0] if len(history.lost) == 1 and not unnamed else "ID"
        if unnamed and not history.lost and named and named not in history.ids():
            one = named
        parts.append(_one(one))
    return "\n  ".join(parts)


def _one(id_: str) -> str:
    return (
        f"For one alone: inv migrate-resolve {id_} --applied, or, if nothing of it is there: "
        f"inv migrate-resolve {id_} --rolled-back"
    )


def of_head(history: recorded.Recorded) -> bool:
    """Tell whether the summing row cannot be right, because its table is not."""
    return any(fault.table == "head" for fault in history.faults)


def repaired(before: recorded.Recorded, *, accepted: bool = False) -> list[str]:
    """Return what a repair did to a history, one line each; where a person decides, a lost summary was kept."""
    lines = [f"the history was repaired: {fault.text}" for fault in before.faults if fault.derivable]
    lines += [
        f"the history was repaired: {id_} had no row in _yoyo_migration; attempts and head prove that it is applied"
        for id_ in before.restored
    ]
    if any(fault.table == "attempts" for fault in before.faults) and before.records:
        last = recorded.last_id(before.ids())
        lines.append(f"inv migrate-baseline --through {last} accepts the files as what ran")
    kept = accepted and before.summary_lost()
    if before.present and not (kept or before.restored or before.lost or of_head(before) or before.head_agrees()):
        said, now = f"had {before.heads} rows", f"counts {before.rows} now, as the rows do"
        if before.heads == 1 and before.head.applied == before.rows:
            said, now = "had a digest of other migrations or checksums than the rows have", "has theirs now"
        elif before.heads == 1:
            said = f"counted {before.head.applied} applied migrations"
        lines.append(f"the history was repaired: the summary (head) {said}; it {now}")
    if before.present and before.records and before.head.structure is None and before.heads != 1:
        lines.append(
            "the structure that the last migrate left was lost: the present structure is recorded as the expected one"
        )
    return lines


def findings(
    history: recorded.Recorded, schema: str, files: Sequence[migration.Migration] = ()
) -> tuple[comparison.Finding, ...]:
    """Return what a status says of it, with the files too of which nobody knows whether they are applied."""
    result = []
    unknown = doubts(files, history)
    typed = remedy(history, schema)
    # What can be repaired is repaired by a migrate, and nothing is by one that is refused.
    once = (
        ""
        if not (unknown or refusals(history, accepted=False))
        else " once the findings that need a person are settled"
    )
    for fault in history.faults:
        result.append(
            comparison.Finding(
                "history-damaged",
                "",
                fault.table,
                fault.text,
                f"`inv migrate` repairs it{once}." if fault.derivable else typed,
                errors.DONE if fault.derivable else errors.NEEDS_PERSON,
            )
        )
    said = "has no row in _yoyo_migration"
    result += [
        comparison.Finding(
            "record-lost",
            id_.partition(".")[0],
            id_,
            f"{said}, but the tables attempts and head prove that it is applied",
            f"`inv migrate` writes it again{once}.",
            errors.DONE,
        )
        for id_ in history.restored
    ]
    result += [
        comparison.Finding(
            "record-lost",
            id_.partition(".")[0],
            id_,
            f"{said}, but the table attempts or yoyo's log has it as applied",
            typed,
        )
        for id_ in history.lost
    ]
    return (*result, *unknown)


def doubts(files: Sequence[migration.Migration], history: recorded.Recorded) -> tuple[comparison.Finding, ...]:
    """Return a finding for each file of which nobody knows whether it is applied, because the summary is lost."""
    found = evidence.doubtful(files, history)
    if not found:
        return ()
    applied = history.ids()
    last = next(item.id for item in reversed(files) if item.id in applied)
    one = found[0].id if len(found) == 1 else "ID"
    text = (
        f"is recorded nowhere, but {last}, which comes after it, is applied; the summary (head) is lost, so nothing "
        "tells whether it was never applied or its records were removed"
    )
    typed = f"If all up to {last} are applied: inv migrate-baseline --through {last}\n  {_one(one)}"
    return tuple(comparison.Finding("record-lost", item.schema, item.id, text, typed) for item in found)


def unsettled(history: recorded.Recorded, items: Sequence[migration.Migration], schema: str) -> "HistoryDamaged | None":
    """Return the refusal of a person's word that does not account for what the summary counts; None where it does.

    :param items: what the person is about to call applied.
    """
    if not history.unexplained():
        return None
    if text := history.unexplained({item.id for item in items}):
        return _kept(history, text, schema)
    if history.contradicts({item.id: item.checksum for item in items}):
        return not_missing(history, items, schema)
    return None


def not_missing(history: recorded.Recorded, items: Sequence[migration.Migration], schema: str) -> "HistoryDamaged":
    """Return the refusal of a person's word that the digest of the summary contradicts."""
    named = ", ".join(item.id for item in items if item.id not in history.ids())
    text = f"its digest says that {named or 'what is named'} is not what is missing, or that its file was edited since"
    return _kept(history, f"{history.unexplained()}; {text}", schema)


def _kept(history: recorded.Recorded, text: str, schema: str) -> "HistoryDamaged":
    return HistoryDamaged(
        schema,
        [text],
        f"To record that would remove the last that tells of it.\n{remedy(history, schema)}\n"
        f'  If the rows are right and the summary is wrong: DELETE FROM "{schema}".head; and then again',
    )


class HistoryDamaged(errors.MigrationError):
    """The history lacks something that nothing else tells; nothing was changed."""

    def __init__(self, schema: str, what: Sequence[str], remedy: str = "") -> None:
        lines = "\n".join(f"  {line}" for line in what)
        super().__init__(
            f"the history in schema {schema} is damaged, and what it lacks cannot be derived from the rest:\n{lines}",
            f"{remedy or aside(schema)}\nNothing was changed.",
        )
        self.what = tuple(what)
