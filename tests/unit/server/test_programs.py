"""What servers say of an extension whose files are not there is understood, whatever their version."""

import pytest

from schemata.server import programs


@pytest.mark.parametrize(
    ("message", "name"),
    [
        ('extension "postgis" is not available', "postgis"),
        (
            'could not open extension control file "/usr/share/postgresql/14/extension/uuid-ossp.control": '
            "No such file or directory",
            "uuid-ossp",
        ),
        (
            'could not load library "/x/lib/uuid-ossp.so": libossp-uuid.so.16: cannot open shared object file: '
            "No such file or directory",
            "uuid-ossp",
        ),
        ('could not access file "$libdir/pgcrypto": No such file or directory', "pgcrypto"),
        ('relation "extension" does not exist', ""),
        ('permission denied to create extension "postgis"', ""),
    ],
)
def test_the_extension_is_found_in_the_servers_message(message: str, name: str) -> None:
    """The name comes from between the quotes, without folder and ending."""
    assert programs.missing_extension(message) == name
