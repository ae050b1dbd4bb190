"""The ids of imported migrations: the original time where they have one, else numbers in the tool's order.

Names without a time that come before all others, such as Prisma's `0_init`, are numbered, and the others keep theirs.

Our order is that of the times, so they have to rise along the tool's order; and an id holds the whole original name,
which is the identity of a migration for most tools: times repeat in real histories.
"""

import dataclasses
import datetime
import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence

from schemata.adoption import model

#: Where numbered files begin: before every file that a person writes from now on.
_FIRST = datetime.datetime(2000, 1, 1)
_FORMAT = "%Y%m%d%H%M%S"
_OTHER = re.compile(r"[^A-Za-z0-9_-]+")
_LONGEST = 200
_NONE: Mapping[str, str] = {}


@dataclasses.dataclass(frozen=True)
class Named:
    """The time of each script by its place in the history, whether the original times are kept, and what to note."""

    times: tuple[str, ...]
    kept: bool
    notes: tuple[str, ...] = ()


def times(scripts: Sequence[model.Script], now: str = "", known: Mapping[str, str] = _NONE) -> Named:
    """Return the time of each script: rising, and the same each time it is asked.

    The original times are kept only if every script has a valid one, but for the first ones, and they rise along the
    tool's order; those that are equal are moved by a second. One after `now` is a reason to number them all: a
    migration that is written tomorrow would come before it.

    :param known: times by name of scripts that have theirs from before; the others are fitted in between.
    """
    if any(script.name in known for script in scripts):
        return _fitted(scripts, known)
    first = next((at for at, script in enumerate(scripts) if script.time), 0)
    numbers = tuple((_FIRST + datetime.timedelta(seconds=at)).strftime(_FORMAT) for at in range(len(scripts)))
    rest = scripts[first:]
    given = [script.time for script in rest]
    why = ""
    if not all(given):
        without = next(script.name for script in rest if not script.time)
        why = f"{without} has no time YYYYMMDDHHMMSS in its name"
    elif given != sorted(given):
        at = next(at for at in range(1, len(given)) if given[at] < given[at - 1])
        why = f"{rest[at].name} comes after {rest[at - 1].name}, whose time is later"
    elif now and given and given[-1] > now:
        why = f"{rest[-1].name} is in the future"
    elif first and given[0] <= numbers[first - 1]:
        why = f"{rest[0].name} is of a time in which files without one are numbered"
    if why:
        return Named(numbers, False, (f"the files are numbered in the tool's order, because {why}",))
    kept, moved = _rising(rest)
    notes = [f"{name} has the time of another file: it is moved by a second" for name in moved]
    if first:
        names = ", ".join(script.name for script in scripts[:first])
        notes.insert(0, f"{names}: numbered, without a time YYYYMMDDHHMMSS in the name")
    return Named((*numbers[:first], *kept), True, tuple(notes))


def _rising(scripts: Sequence[model.Script]) -> tuple[tuple[str, ...], list[str]]:
    found: list[str] = []
    moved = []
    for script in scripts:
        time = script.time
        if found and time <= found[-1]:
            time = _next(found[-1])
            moved.append(script.name)
        found.append(time)
    return tuple(found), moved


def _fitted(scripts: Sequence[model.Script], known: Mapping[str, str]) -> Named:
    """Return times of which some are known: another one has its own where that is between, else the next second."""
    timed = [script for script in scripts if script.name in known and script.time]
    kept = bool(timed) and all(known[script.name] == script.time for script in timed)
    taken = set(known.values())
    found: list[str] = []
    notes = []
    for at, script in enumerate(scripts):
        if script.name in known:
            found.append(known[script.name])
            continue
        before = found[-1] if found else ""
        after = next((known[other.name] for other in scripts[at:] if other.name in known), "")
        time = script.time if kept and script.time > before else ""
        time = time or (_next(before) if before else _FIRST.strftime(_FORMAT))
        if after and not time < after:
            time = max(*taken, before)
            while time in taken:
                time = _next(time)
            notes.append(f"there is no time left for {script.name} in its place: it comes after the others")
        taken.add(time)
        found.append(time)
    return Named(tuple(found), kept, tuple(notes))


def _next(time: str) -> str:
    return (datetime.datetime.strptime(time, _FORMAT) + datetime.timedelta(seconds=1)).strftime(_FORMAT)


def migration_id(schema: str, time: str, script: model.Script) -> str:
    """Return the id of a script: its time says all of the original's, or its slug has the whole name.

    >>> script = model.Script("prisma", "20240101120000_init", "", "", "", "", "", time="20240101120000", rest="init")
    >>> migration_id("app", "20240101120000", script), migration_id("app", "20000101000000", script)
    ('app.20240101120000.init', 'app.20000101000000.20240101120000_init')
    """
    whole = script.rest if script.time == time and script.rest else script.name
    made = slug(whole)
    room = _LONGEST - len(schema) - len(time) - 2
    if len(made) > room:
        made = f"{made[: room - 9].rstrip('_-')}-{hashlib.sha256(whole.encode()).hexdigest()[:8]}"
    return f"{schema}.{time}.{made}"


def slug(name: str) -> str:
    """Return a name with letters, digits, `_` and `-` only.

    >>> slug("sub/01 Ünï.v2"), slug("…")
    ('sub_01_Uni_v2', 'migration')
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return _OTHER.sub("_", plain).strip("_-") or "migration"


def is_folder(schema: str) -> bool:
    """Tell whether a schema's name can be the name of a folder and the beginning of an id.

    >>> is_folder("app"), is_folder("a.b")
    (True, False)
    """
    return bool(schema) and not re.search(r"[./\\\x00\s]", schema) and len(schema) <= 63
