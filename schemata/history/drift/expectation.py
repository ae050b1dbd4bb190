"""The expected structure, as far as it is known without running a migration: from the lock file or a kept replay."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from schemata import config, errors
from schemata.history import recorded
from schemata.migrations import checksums, files, migration
from schemata.snapshot import fingerprints, model

#: Below the state directory: expected structures by the digest of the migrations. Any may be deleted at any time.
KEPT = "expected"


def known(settings: config.Config, digest: str, major: int, *, kept: bool = True) -> dict[str, str] | None:
    """Return the fingerprints that the migrations with this digest make on that version; None where nobody knows.

    With `kept` also from a replay that was made before. A lock file that cannot be read knows nothing: `inv lock`
    says what is wrong with it.
    """
    form = fingerprints.form(major)
    try:
        locked = files.locked(settings.migrations)
    except errors.ConfigError:
        locked = None
    if locked is not None and locked.is_of(digest) and form in locked.expected:
        return {fingerprints.FORM: form, **locked.expected[form]}
    if not kept:
        return None
    try:
        found: Mapping[str, object] = json.loads(kept_file(settings.state_dir, digest, major).read_text("utf-8"))
        schemas = found["fingerprints"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return {fingerprints.FORM: form, **schemas} if isinstance(schemas, dict) else None


def of_applied(
    settings: config.Config, sources: Sequence[migration.Migration], history: recorded.Recorded, major: int
) -> dict[str, str] | None:
    """Return the fingerprints of what the applied ones of these files make; None where nobody knows.

    By the files' own checksums: what another tool recorded has none. Of what has no file nobody knows.
    """
    applied = history.ids()
    members = [(item.id, item.checksum) for item in sources if item.id in applied]
    return known(settings, checksums.of(members), major) if len(members) == len(applied) else None


def kept_file(state_dir: Path, digest: str, major: int) -> Path:
    """Return where a replay of migrations with this digest is kept."""
    return state_dir / KEPT / f"{digest[:32]}-{major}-{model.FORM}.json"
