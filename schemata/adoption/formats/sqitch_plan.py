"""Sqitch's plan file: changes in order, with what they require, and tags.

A line is a pragma (`%name=value`), a tag (`@name …`), a change (`name [requires !conflicts] time planner # note`) or a
comment. A change may come again after a tag: that is a rework, and the earlier one's scripts then carry the tag in
their names. (App::Sqitch::Plan, `_parse`; App::Sqitch::Plan::Change, `info` and `id`.)
"""

import dataclasses
import re

from schemata.adoption.formats import digests

_PRAGMA = re.compile(r"%\s*(?P<name>[\w-]+)\s*=\s*(?P<value>.*?)\s*")
_LINE = re.compile(
    r"(?P<sign>[@+-]?)\s*(?P<name>\S+)"
    r"(?:\s+\[(?P<needs>[^\]]*)\])?"
    r"\s+(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)"
    r"\s+(?P<planner>.*?<[^>]*>)"
    r"(?:\s*#\s?(?P<note>.*))?\s*"
)


@dataclasses.dataclass(frozen=True)
class Change:
    """One change of a plan. `tags` are those between it and its rework, in order; empty where there is none."""

    name: str
    id: str
    time: str
    note: str
    line: int
    requires: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    tagged: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Plan:
    """A project's plan."""

    project: str
    uri: str
    changes: tuple[Change, ...]


def parse(text: str) -> Plan:
    """Return what a plan says. Raises ValueError with the line for one that Sqitch would refuse."""
    pragmas: dict[str, str] = {}
    changes: list[Change] = []
    since: dict[str, tuple[int, list[str]]] = {}  # by name: where it is, and the tags since
    parent = ""
    for number, raw in enumerate(text.split("\n"), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        if match := _PRAGMA.fullmatch(line):
            pragmas[match["name"]] = match["value"]
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"line {number} is no change and no tag: {line[:60]}")
        if match["sign"] == "@":
            _tag(changes, since, match["name"], number)
            continue
        if match["sign"] == "-":
            raise ValueError(f"line {number} reverts a change, which Sqitch itself does not support")
        if match["name"] in since:
            at, tags = since[match["name"]]
            if not tags:
                raise ValueError(f"line {number} has {match['name']} again without a tag between the two")
            changes[at] = dataclasses.replace(changes[at], tags=tuple(tags))
        change = _change(match, pragmas, parent, number)
        parent = change.id
        since[change.name] = (len(changes), [])
        changes.append(change)
    return Plan(pragmas.get("project", ""), pragmas.get("uri", ""), tuple(changes))


def _tag(changes: list[Change], since: dict[str, tuple[int, list[str]]], name: str, number: int) -> None:
    if not changes:
        raise ValueError(f"line {number} has the tag @{name} before any change")
    changes[-1] = dataclasses.replace(changes[-1], tagged=(*changes[-1].tagged, f"@{name}"))
    for _, tags in since.values():
        tags.append(f"@{name}")


def _change(match: re.Match[str], pragmas: dict[str, str], parent: str, number: int) -> Change:
    needs = (match["needs"] or "").split()
    requires = tuple(need for need in needs if not need.startswith("!"))
    conflicts = tuple(need[1:] for need in needs if need.startswith("!"))
    note = re.sub(r"\\(.)", lambda found: {"n": "\n", "r": "\r"}.get(found[1], found[1]), match["note"] or "")
    info = [f"project {pragmas.get('project', '')}"]
    if pragmas.get("uri"):
        info.append(f"uri {pragmas['uri']}")
    info.append(f"change {match['name']}")
    if parent:
        info.append(f"parent {parent}")
    info += [f"planner {match['planner']}", f"date {match['time']}"]
    if requires:
        info += ["requires", *(f"  + {need}" for need in requires)]
    if conflicts:
        info += ["conflicts", *(f"  - {need}" for need in conflicts)]
    if note:
        info += ["", note]
    return Change(
        name=match["name"],
        id=digests.sqitch_change("\n".join(info)),
        time=re.sub(r"\D", "", match["time"]),
        note=note,
        line=number,
        requires=requires,
        conflicts=conflicts,
    )
