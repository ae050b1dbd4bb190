"""The expected structure, as far as it is known without running a migration: from the lock file or a kept replay."""

import json
from collections.abc import Mapping
from pathlib import Path

from schemata import config, errors
from schemata.migrations import files
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


def kept_file(state_dir: Path, digest: str, major: int) -> Path:
    """Return where a replay of migrations with this digest is kept."""
    return state_dir / KEPT / f"{digest[:32]}-{major}-{model.FORM}.json"
