"""The settings of releases without downtime: who is the old version of the application."""

import dataclasses

from schemata.config import values


@dataclasses.dataclass(frozen=True)
class Changes:
    """Which sessions are of an old version, where their application_name tells no build.

    :param old_applications: patterns of application_name, such as `billing*`. :param old_roles: roles that log in.
    """

    old_applications: tuple[str, ...] = ()
    old_roles: tuple[str, ...] = ()


KEYS: dict[str, values.Converter] = {
    "old_applications": values.list_of(values.text_of),
    "old_roles": values.list_of(values.text_of),
}
