"""Tables whose rows must reference each other: filled together, with the keys known ahead that come later."""

import dataclasses
from collections.abc import Sequence

from schemata.seed import filling, statement


def together(works: Sequence[filling.Work]) -> list[list[filling.Work]]:
    """Return the tables in groups: most alone, those of a circle of required foreign keys together, in their order.

    A foreign key to a table that comes later picks among the keys that its rows will have.
    """
    found: list[list[filling.Work]] = []
    places = {work.plan.frame.table.oid: place for place, work in enumerate(works)}
    end = -1
    for place, work in enumerate(works):
        ahead: dict[str, str] = {}
        required = {column["number"] for column in work.plan.frame.table.columns if column["not_null"]}
        last = place
        for pick in work.plan.picks:
            later = places.get(pick.key.oid, -1)
            if later > place and set(pick.fills) & required:
                other = works[later]
                if source := statement.keys_of(other.plan, pick.key.theirs, other.wanted):
                    ahead[pick.key.name] = source
                    last = max(last, later)
        changed = dataclasses.replace(work, plan=dataclasses.replace(work.plan, ahead=ahead)) if ahead else work
        if place <= end:
            found[-1].append(changed)
        else:
            found.append([changed])
        end = max(end, last)
    return found
