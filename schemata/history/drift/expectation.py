"""The expected structure, as far as it is known without running a migration: from the lock file or a kept replay."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from schemata import config
from schemata.history import recorded
from schemata.history.drift import deployers
from schemata.migrations import checksums, files, lock_file, migration
from schemata.snapshot import fingerprints, model

#: Below the state directory: expected structures by the digest of the migrations. Any may be deleted at any time.
KEPT = "expected"
#: In the file of a kept replay, before the snapshot: the schemas that it found, and the roles that it left.
MADE, ROLES = "made", "roles"
# Goes up with every change of what is kept.
_LAYOUT = 2
_PUBLIC = "public"


def locked(
    settings: config.Config, digest: str, major: int, deployer: str, lock: files.Lock | None = None
) -> dict[str, str] | None:
    """Return the fingerprints that the lock file has for the migrations with this digest, by schema; None for none.

    :param deployer: the role that deploys there. :param lock: the lock file, where it was read already. One that cannot
        be read knows nothing: `inv lock` says what is wrong with it.
    """
    found = (lock or files.lock(settings.migrations)).file
    form = fingerprints.form(major)
    of_form = lock_file.of_deployer(found.expected, form, deployer) if found and found.is_of(digest) else None
    return None if of_form is None else {fingerprints.FORM: form, **of_form}


def of_applied(
    settings: config.Config,
    sources: Sequence[migration.Migration],
    history: recorded.Recorded,
    major: int,
    deployer: str,
    *,
    whole: bool = False,
    lock: files.Lock | None = None,
) -> dict[str, str] | None:
    """Return the fingerprints of what the applied ones of these files make, by schema; None where nobody knows.

    By the files' own checksums: what another tool recorded has none. Of what has no file nobody knows. They are of the
    schemas of the settings and of what belongs to none; with `whole` of every schema in `scope`. `lock` is the lock
    file, where it was read already.
    """
    applied = history.ids()
    members = [item for item in sources if item.id in applied]
    if len(members) != len(applied):
        return None
    digest = checksums.of([(item.id, item.checksum) for item in members])
    found = locked(settings, digest, major, deployer, lock)
    if found is None:
        found = _kept(settings, digest, major, role_of(deployer, members))
    if found is None or whole:
        return found
    return {name: value for name, value in found.items() if name in ("", fingerprints.FORM, *settings.schemas)}


def role_of(deployer: str, sources: Iterable[migration.Migration]) -> str:
    """Return the deploying role where these migrations name it; nothing where any other would do as well."""
    return deployer if deployers.is_named(deployer, (item.sql for item in sources)) else ""


def scope(settings: config.Config, made: Iterable[str]) -> tuple[str, ...]:
    """Return the schemas of which a structure is expected: those of the settings, and what else migrations make.

    Every database has a schema public, and often what is not of the migrations in it: it has to be in the settings.
    """
    return tuple(dict.fromkeys([*settings.schemas, *(name for name in made if name != _PUBLIC)]))


def _kept(settings: config.Config, digest: str, major: int, role: str) -> dict[str, str] | None:
    try:
        found: Mapping[str, object] = json.loads(kept_file(settings.state_dir, digest, major, role).read_text("utf-8"))
        schemas, made = found["fingerprints"], found[MADE]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if not isinstance(schemas, dict) or not isinstance(made, list):
        return None
    chosen = {name: schemas[name] for name in ("", *scope(settings, made)) if name in schemas}
    return {fingerprints.FORM: fingerprints.form(major), **chosen}


def kept_file(state_dir: Path, digest: str, major: int, role: str = "") -> Path:
    """Return where a replay of migrations with this digest is kept, by a role that they name or by any other."""
    who = f"-{checksums.checksum(role)[:16]}" if role else ""
    return state_dir / KEPT / f"{digest[:32]}-{major}-{model.FORM}.{_LAYOUT}{who}.json"
