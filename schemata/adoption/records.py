"""What a judgement means for our history: the ids that are recorded as applied, and those that are pending."""

import dataclasses
from collections.abc import Sequence

from schemata.adoption import conversion, model
from schemata.adoption.ledgers import judgement


@dataclasses.dataclass(frozen=True)
class Record:
    """One migration that is to be recorded as applied, without running.

    :param at: when it ran, in UTC; empty where the ledger does not keep that.
    :param checksum: of what ran, as the tool computes it; empty where the ledger has none.
    :param ran: whether the ledger says that it ran: a person may have marked it.
    """

    id: str
    schema: str
    name: str
    at: str
    checksum: str
    ran: bool
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Plan:
    """What an adoption is to write into our history. Nothing of it is to be written unless the judgement is ok.

    :param out_of_order: those pending ones after which others have run.
    :param left_out: what the ledger has and the files have not, as a person accepted.
    """

    records: tuple[Record, ...]
    pending: tuple[str, ...]
    out_of_order: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    skipped: tuple[model.Skipped, ...] = ()


def plan(
    history: model.History,
    converted: conversion.Conversion,
    judged: judgement.Judgement,
    preludes: Sequence[str] = (),
) -> Plan:
    """Return what to write. Raises MigrationError with every question that a person has to answer.

    :param preludes: ids of migrations that make what was there before the first of the tool's: they count as applied
        where any of those is.
    """
    judged.raise_unless_ok()
    ids = {item.script.name: item for item in converted.migrations}
    records = [
        Record(
            id=ids[item.script.name].id,
            schema=ids[item.script.name].schema,
            name=item.script.name,
            at=item.at,
            checksum=item.checksum,
            ran=item.answer == "applied",
            note=item.note,
        )
        for item in judged.applied
    ]
    if records:
        note = "made beforehand by somebody else"
        records = [
            *(Record(id_, id_.partition(".")[0], "extensions", "", "", ran=False, note=note) for id_ in preludes),
            *records,
        ]
    return Plan(
        tuple(records),
        tuple(ids[item.script.name].id for item in judged.pending),
        tuple(ids[item.script.name].id for item in judged.pending if item.hole),
        tuple(item.row.called for item in judged.gone),
        history.skipped,
    )
