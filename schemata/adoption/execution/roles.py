"""The roles that files expect and do not make, on a server that is for development."""

from collections.abc import Sequence

from schemata import config, errors, targets
from schemata.postgres import libpq, queries


def of_dev_server(settings: config.Config) -> targets.Choice:
    """Return the project's own development server. Raises ConfigError where the commands mean another one."""
    choice = targets.choose(settings)
    if not choice.is_dev:
        raise errors.ConfigError(
            f"--create-roles makes roles on the project's own dev server only, and {choice.chosen_by} names another",
            "Start it, inv dev-up, or have the roles made by somebody who may: without the flag they are listed.",
        )
    return choice


def create(choice: targets.Choice, roles: Sequence[str]) -> tuple[str, ...]:
    """Make those roles that are not there, without login, in one transaction; return them."""
    if not roles:
        return ()
    listed = ", ".join(map(queries.literal, roles))
    with targets.named(choice), targets.connect(choice) as connection:
        there = {str(name) for (name,) in connection.query(f"SELECT rolname FROM pg_roles WHERE rolname IN ({listed})")}
        missing = tuple(name for name in roles if name not in there)
        if missing:
            try:
                connection.query("; ".join(f"CREATE ROLE {queries.identifier(name)} NOLOGIN" for name in missing))
            except libpq.QueryFailed as failure:
                raise errors.NotAvailable(
                    f"the roles {', '.join(missing)} cannot be made: {failure.message}", "Log in as one who may."
                ) from failure
    return missing
