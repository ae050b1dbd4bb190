"""A revision: the id of a migration, <schema>.<time>.<slug>, as the state of a database that had it last.

Light: a container's start imports this file.
"""


def time_of(id_: str) -> str:
    """Return the time in an id; the empty text when the id is of a foreign form.

    >>> time_of("app.20250814221815.create_orders"), time_of("0001_initial")
    ('20250814221815', '')
    """
    parts = id_.split(".")
    return parts[1] if len(parts) == 3 else ""
