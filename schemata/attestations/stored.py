"""The file of attestations beside the lock file: read, and written with what was proved now."""

from collections.abc import Iterable
from pathlib import Path

from schemata import errors
from schemata.attestations import attestation
from schemata.migrations import files

NAME = "attestations"

Known = dict[tuple[str, int], attestation.Attestation]


def path_in(folder: Path) -> Path:
    """Return where the file of a folder of migrations is."""
    return folder / NAME


def read(folder: Path) -> Known:
    """Return what is attested, by id and major version; nothing where there is no file.

    Raises ConfigError for a damaged one.
    """
    path = path_in(folder)
    try:
        return attestation.parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, attestation.Damaged) as error:
        raise errors.ConfigError(
            f"{path} cannot be read: {error}", "Write it again: inv rehearse --all --attest"
        ) from error


def keep(folder: Path, ids: Iterable[str]) -> None:
    """Leave out the attestations of migrations that are gone. Where there is no file, none is made."""
    if path_in(folder).is_file():
        add(folder, (), ids)


def add(folder: Path, new: Iterable[attestation.Attestation], ids: Iterable[str]) -> bool:
    """Write new attestations into the file, and leave out those of migrations that are gone.

    Returns whether anything changed: what was proved before, and is now again, stays as it is.

    :param ids: the migrations that there are.
    """
    known = read(folder)
    left = set(ids)
    kept = {key: one for key, one in known.items() if key[0] in left}
    for one in new:
        before = kept.get((one.id, one.major))
        made = attestation.merged(before, one)
        same = (
            before is not None
            and (before.slots, before.reason) == (made.slots, made.reason)
            and ((before.checksum, before.rollback) == (made.checksum, made.rollback))
        )
        if not same:
            kept[one.id, one.major] = made
    if kept == known and path_in(folder).is_file():
        return False
    files.replace(path_in(folder), attestation.text(kept.values()))
    return True
