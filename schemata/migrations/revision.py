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


def within(revision: str, accepts: str) -> bool:
    """Tell whether a revision (an id) lies in a range of timestamps such as "20250101000000..".

    >>> within("app.20250814221815.x", "..20250901000000"), within("app.20250814221815.x", "")
    (True, False)
    """
    timestamp = time_of(revision)
    if not accepts or not timestamp:
        return False
    low, _, high = accepts.partition("..")
    return (not low or low <= timestamp) and (not high or timestamp <= high)


def of_application(name: str) -> tuple[str, str]:
    """Return what an application is called, and the time of its build that its sessions tell at the end, if they do.

    >>> of_application("financial-svc@20250903090000"), of_application("ada@example.com")
    (('financial-svc', '20250903090000'), ('ada@example.com', ''))
    """
    own, _, moment = name.rpartition("@")
    return (own, moment) if own and len(moment) == 14 and moment.isascii() and moment.isdigit() else (name, "")
