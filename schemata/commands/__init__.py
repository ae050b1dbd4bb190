"""What the tasks call: noun modules, verb functions, values with `.ok` and `.exit_code`.

The modules load on first use (PEP 562): `inv --list` must not pay for psycopg and the SQL parser.
"""

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from schemata.commands import boots as boots
    from schemata.commands import checks as checks
    from schemata.commands import clients as clients
    from schemata.commands import composed as composed
    from schemata.commands import doctor as doctor
    from schemata.commands import histories as histories
    from schemata.commands import migrations as migrations
    from schemata.commands import rollbacks as rollbacks
    from schemata.commands import server as server
    from schemata.commands import services as services
    from schemata.commands import sources as sources
    from schemata.commands import statuses as statuses
    from schemata.commands import targets as targets

_MODULES = (
    "boots",
    "checks",
    "clients",
    "composed",
    "doctor",
    "histories",
    "migrations",
    "rollbacks",
    "server",
    "services",
    "sources",
    "statuses",
    "targets",
)


def __getattr__(name: str) -> ModuleType:
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
