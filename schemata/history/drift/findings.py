"""Drift: what a status says where the structure is not what the migrations make."""

import dataclasses
from collections.abc import Mapping, Sequence

from schemata import errors
from schemata.history import comparison, recorded
from schemata.history.drift import noted
from schemata.snapshot import fingerprints

#: Said where there are rules: what they hide in one place is told in another, and nobody has to wonder.
NO_RULES = "The rules of [[tool.schemata.ignore]] are for inv parity alone: here it stays drift until it is accepted."


def compare(
    history: recorded.Recorded,
    actual: Mapping[str, str] | None,
    expected: Mapping[str, str] | None,
    *,
    by_lock_file: bool = False,
) -> list[comparison.Finding]:
    """Return a finding for each schema that is not what it should be, until a migration or a person accounts for it.

    :param actual: the fingerprints of the database; None where they were not looked at.
    :param expected: those of what the migrations make, where that is known; else the measure is what the last migrate
        left, and what was noticed before it stays open.
    :param by_lock_file: whether the lock file says so, which may be what is wrong: no migration was run to find out.
    """
    if actual is None:
        return []
    base = expected if expected and fingerprints.FORM in expected else history.head.structure
    differing = fingerprints.differing(base, actual)
    found = []
    for schema, classes in differing.items():
        accepted = _accepted(history, schema, actual.get(schema, ""))
        if accepted is not None:
            found.append(_acceptance(accepted, fingerprints.describe(schema, classes)))
            continue
        measure = "what the migrations make" if base is expected else "what the last migrate left"
        what = fingerprints.describe(schema, classes)
        text = f"{what} is not {measure}: the database was changed outside the migrations"
        if by_lock_file and base is expected:
            text += ", or what the lock file says of them is wrong (inv lock --check tells)"
        found.append(_drift(schema, text))
    if base is not expected:
        found += _remembered(history, differing)
    return found


def with_audit(
    drifted: Sequence[comparison.Finding], others: Mapping[str, Sequence[noted.Entry]]
) -> list[comparison.Finding]:
    """Return the findings with who changed what, where the audit of DDL has noted it."""
    return [
        dataclasses.replace(one, detail=_noted(others[one.schema])) if others.get(one.schema) else one
        for one in drifted
    ]


def _noted(entries: Sequence[noted.Entry]) -> str:
    lines = [f"  {entry.describe()}" for entry in entries]
    return "\n".join(["The last changes that no deploy made, as the audit noted them:", *lines])


def _remembered(history: recorded.Recorded, differing: Mapping[str, object]) -> list[comparison.Finding]:
    """Return what was noticed before later migrations ran; nothing has proved since that it is gone."""
    found = []
    for row in history.drift:
        if row.schema in differing:
            continue
        if row.accepted_by:
            found.append(_acceptance(row, _name(row.schema)))
            continue
        form = {fingerprints.FORM: ""}
        classes = fingerprints.differing({**form, row.schema: row.expected}, {**form, row.schema: row.actual})
        what = fingerprints.describe(row.schema, classes[row.schema]) if classes else _name(row.schema)
        before = f" before {row.noticed_before} was applied" if row.noticed_before else ""
        found.append(
            _drift(
                row.schema,
                f"{what} was changed outside the migrations{before} (noticed {row.noticed_at}), and nothing has "
                "accounted for it since",
            )
        )
    return found


def _accepted(history: recorded.Recorded, schema: str, actual: str) -> recorded.Drift | None:
    """Return who accepted the schema as it is now."""
    rows = [row for row in history.drift if row.schema == schema and row.accepted_by and row.actual == actual]
    return rows[-1] if rows else None


def _name(schema: str) -> str:
    return f"schema {schema}" if schema else "the database's own objects"


def _drift(schema: str, text: str) -> comparison.Finding:
    named = f" --schema {schema}" if schema else ""
    return comparison.Finding(
        "drift",
        schema,
        schema or "database",
        text,
        "`inv parity` shows what differs, and with --fix writes it as a migration. To take it as it is: "
        f'inv drift-accept{named} --reason "..."',
        errors.NEEDS_PERSON,
    )


def _acceptance(row: recorded.Drift, what: str) -> comparison.Finding:
    return comparison.Finding(
        "drift-accepted",
        row.schema,
        row.schema or "database",
        f"{what} is not what the migrations make; {row.accepted_by} accepted it at {row.accepted_at}: {row.reason}",
        "",
        errors.DONE,
    )
