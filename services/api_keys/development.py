"""What `inv dev-up` runs at its end: a key for development, and a request that works with it.

The key lies in a file that only its owner reads, in the folder that `inv dev-up` names and `inv dev-down-clean`
deletes. As long as the file is there it is the same key, embedded or in Docker; one that was revoked is replaced. An
external server is perhaps not for development: it gets none.
"""

import os
import shlex
import sys
from pathlib import Path
from typing import Final

from schemata import errors
from services.api_keys import commands, keys, register

NAME: Final = "development"
FILE: Final = "api-key"
#: A list of each service, in the order of the requests that are shown: the last one is the last line.
LISTS: Final = {"TRADING_SVC_URL": "/orders", "FINANCIAL_SVC_URL": "/clients"}


def main() -> int:
    """Make sure that there is a key, and print how to use it; return the exit code."""
    folder = os.environ.get("SCHEMATA_AFTER_UP_DIR")
    if not folder:
        print("SCHEMATA_AFTER_UP_DIR is not set: `inv dev-up` runs this program, and says where the key is kept.",
              file=sys.stderr)  # fmt: skip
        return errors.WRONG_SETTINGS
    path = Path(folder) / FILE
    if os.environ.get("SCHEMATA_SERVER_KIND") == "external":
        print("Services want a key. On an external server you make it: inv api-key-new NAME --scopes financial:read")
        return errors.DONE
    try:
        ensure(path, register.database())
    except errors.Error as error:
        print(error, file=sys.stderr)
        return error.exit_code
    requests = [os.environ[name] + path_ for name, path_ in LISTS.items() if os.environ.get(name)]
    if requests:
        print(f"Services want a key; one for development is in {path}. Try:\n")
        for request in requests:
            # The key stays out of what a terminal and a CI job keep.
            print(f'    curl -H "Authorization: Bearer $(cat {shlex.quote(str(path))})" {shlex.quote(request)}')
    return 0


def ensure(path: Path, url: str) -> None:
    """Make sure that the file holds a key which is good in the database; the file is written before the row is."""
    with commands.connected(url) as connection:
        try:
            register.ensure(connection, register.read(path), NAME, keys.SCOPES)
        except (errors.ConfigError, register.Refused):
            made = keys.make()
            making = path.with_name(f"{FILE}.new")
            with os.fdopen(os.open(making, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                file.write(f"{made.text}\n")
            making.replace(path)
            register.ensure(connection, made, NAME, keys.SCOPES)


if __name__ == "__main__":
    sys.exit(main())
