"""The last look at each database, kept in the project's state directory."""

import contextlib
import hashlib
import json
from pathlib import Path

from schemata import targets
from schemata.migrations import files
from schemata.postgres import urls
from schemata.slow_queries import counts

_FOLDER = "slow-queries"


def last(state_directory: Path, choice: targets.Choice) -> counts.Mark | None:
    """Return the mark of the last look; None where there is none, or a damaged one."""
    with contextlib.suppress(OSError, ValueError):
        return counts.restored(json.loads(_path(state_directory, choice).read_text(encoding="utf-8")))
    return None


def keep(state_directory: Path, choice: targets.Choice, mark: counts.Mark) -> str:
    """Keep the mark of a look, whole or not at all; return why it cannot be kept, if it cannot."""
    path = _path(state_directory, choice)
    try:
        files.replace(path, json.dumps(counts.kept(mark)))
    except OSError as error:
        return f"This look is not remembered: {path} cannot be written ({error.strerror})."
    return ""


def _path(state_directory: Path, choice: targets.Choice) -> Path:
    # Without the password, which may change, and the port of a development server: the database is the same.
    database = f"dev {urls.database_of(choice.url)}" if choice.is_dev else urls.redact(choice.url)
    name = hashlib.sha256(database.encode()).hexdigest()[:16]
    return state_directory / _FOLDER / f"{name}.json"
