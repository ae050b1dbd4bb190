"""What a rehearsal has proved, written down for who deploys."""

import dataclasses
import datetime
from collections.abc import Mapping, Sequence

from schemata import config, errors
from schemata.attestations import attestation, stored
from schemata.lint import lint
from schemata.migrations import migration
from schemata.rehearsal import outcome
from schemata.report import document


def attest(
    settings: config.Config, sources: Sequence[migration.Migration], rehearsed: outcome.Rehearsed, accept: str
) -> outcome.Rehearsed:
    """Write what was proved of each migration into the file of attestations; return the outcome with a note of it.

    A rollback that does not lead back, and a migration that fails, are not attested at all. What lint finds is written
    as well, where squawk is installed, and the backup on whose rows all of it was tried: it was restored, and its rows
    compared.

    :param accept: why findings that are errors are accepted; empty where they are not.
    """
    if accept:
        rehearsed = dataclasses.replace(rehearsed, accepted=accept)
    by_id = {item.id: item for item in sources}
    # To the second, and in UTC: two people who prove the same write lines that can be ordered.
    at = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    new = []
    left_out = []
    linted, without = _lint(settings)
    for trace in rehearsed.traces:
        proved = next((one for one in rehearsed.proofs if one.migration_id == trace.migration_id), None)
        if trace.failure or any(one.code == "fails-on-fresh" for one in rehearsed.of(trace.migration_id)):
            left_out.append(f"{trace.migration_id}: it does not run")
        elif proved is not None and not proved.ok:
            left_out.append(f"{trace.migration_id}: its rollback does not lead back")
        else:
            new.append(
                _of(
                    by_id[trace.migration_id],
                    rehearsed,
                    proved,
                    sum(one.seconds for one in trace.statements),
                    at,
                    linted.get(trace.path, "" if without else "ok"),
                )
            )
    changed = stored.add(settings.migrations, new, by_id)
    path = stored.path_in(settings.migrations)
    told = f"Attested {document.number(len(new), 'migration')} in {path}{'. Commit it.' if changed else ', as before.'}"
    return dataclasses.replace(
        rehearsed, notes=(*rehearsed.notes, told, *without, *(f"Not attested: {text}." for text in left_out))
    )


def _lint(settings: config.Config) -> tuple[Mapping[str, str], tuple[str, ...]]:
    """Return what lint found, by file, where it found anything to do; or why it was not asked."""
    try:
        found = lint.lint(settings)
    except errors.NotAvailable as error:
        return {}, (f"Lint is not attested: {error.message}. {error.hint}",)
    verdicts: dict[str, str] = {}
    for finding in found.findings:
        if finding.severity == "error":
            verdicts[finding.path] = "errors"
        elif finding.severity == "warning":
            verdicts.setdefault(finding.path, "warnings")
    return verdicts, ()


def _of(
    item: migration.Migration,
    rehearsed: outcome.Rehearsed,
    proved: outcome.Proved | None,
    seconds: float,
    at: str,
    linted: str,
) -> attestation.Attestation:
    verdict = rehearsed.verdict(item.id)
    if linted == "errors" and rehearsed.accepted:
        linted = "accepted"
    slots = {"rehearsal": verdict} | ({"lint": linted} if linted else {})
    if rehearsed.backup:
        slots["backup"] = rehearsed.backup
    if proved is not None:
        slots["rollback"] = "proved" if not proved.unproved else "irreversible"
    return attestation.Attestation(
        item.id,
        item.checksum,
        attestation.rollback_checksum(item),
        rehearsed.major,
        slots,
        seconds,
        at,
        rehearsed.accepted if "accepted" in slots.values() else "",
    )
