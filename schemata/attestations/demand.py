"""Where a proof is demanded, a migration without one is not applied."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from schemata import config, errors, targets
from schemata.attestations import attestation, stored
from schemata.migrations import files, migration
from schemata.postgres import libpq, urls

_NEVER, _ALWAYS, _PRODUCTION = "never", "always", "production"


class ProofMissing(errors.MigrationError):
    """A pending migration lacks the proof that is demanded for this database. Nothing was applied."""

    def __init__(self, because: str, lacking: Mapping[str, Sequence[str]]) -> None:
        lines = [f"  {id_}: {'; '.join(reasons)}" for id_, reasons in lacking.items()]
        super().__init__(
            "\n".join([f"a proof of each migration is demanded here ({because}), and these have none:", *lines]),
            "Nothing was applied. Prove them and commit the file: inv rehearse --attest",
        )
        self.lacking = lacking


def reason(
    settings: config.Config,
    choice: targets.Choice,
    connection: libpq.Connection,
    database: str,
    environ: Mapping[str, str] = os.environ,
) -> str:
    """Return why a database demands proofs by the settings, in words; empty where it does not."""
    for word in settings.rehearsal.require_proof:
        if word == _NEVER:
            continue
        if word == _ALWAYS and not choice.is_dev:
            return "require_proof is always"
        if word == _PRODUCTION and not choice.is_dev and targets.looks_like_production(connection, database):
            return "it looks like production"
        if word not in (_ALWAYS, _PRODUCTION):
            targets.check_name(settings, word)
            variables = [target.url_env for target in settings.targets if target.name == word]
            if any(environ.get(name) and urls.normalise(environ[name])[0] == choice.url for name in variables):
                return f"it is the target {word}"
    return ""


def lacking(folder: Path, pending: Sequence[migration.Migration], major: int) -> dict[str, list[str]]:
    """Return what is missing of the proofs of migrations, by id."""
    if not pending:
        return {}
    known = stored.read(folder)
    found = {}
    for item in files.with_rollbacks(pending):
        reasons = attestation.lacking(item, known.get((item.id, major)), major)
        if reasons:
            found[item.id] = list(reasons)
    return found


def accepted(folder: Path, items: Sequence[migration.Migration], major: int) -> frozenset[str]:
    """Return the migrations whose findings are accepted, for a reason on record, as their files are now."""
    known = stored.read(folder)
    return frozenset(
        item.id
        for item in files.with_rollbacks(items)
        if (one := known.get((item.id, major))) and one.slots.get("rehearsal") == "accepted" and one.fits(item)
    )


def compatible(folder: Path) -> dict[int, frozenset[tuple[str, str]]]:
    """Return ids and checksums of the migrations that the release before was seen to run with, by major version."""
    found: dict[int, set[tuple[str, str]]] = {}
    for one in stored.read(folder).values():
        if one.slots.get(attestation.PREVIOUS, attestation.NOT_PROVED) != attestation.NOT_PROVED:
            found.setdefault(one.major, set()).add((one.id, one.checksum))
    return {major: frozenset(proved) for major, proved in found.items()}


def missing(
    settings: config.Config,
    choice: targets.Choice,
    connection: libpq.Connection,
    target: tuple[str, str],
    pending: Sequence[migration.Migration],
    *,
    asked: bool,
) -> ProofMissing | None:
    """Return the refusal of migrations that lack a proof, where a flag or the settings demand one for this database.

    :param target: the database's name, and the server's version.
    """
    database, version = target
    because = "--require-proof" if asked else reason(settings, choice, connection, database)
    lacks = lacking(settings.migrations, pending, int(version.partition(".")[0])) if because else {}
    return ProofMissing(because, lacks) if lacks else None


def note(refusal: ProofMissing | None) -> tuple[str, ...]:
    """Return what a dry run tells of a refusal; nothing where there is none."""
    return (f"{refusal.message}\nIt would be refused. Prove them: inv rehearse --attest",) if refusal else ()
