"""Diagrams: every table has a place of its own, whatever refers to what."""

import itertools
import random
import xml.etree.ElementTree as ElementTree

import pytest

from schemata.overview import diagram, entities, layout


def table(name: str, *refers: str, columns: int = 4, schema: str = "app") -> entities.Entity:
    """Return a table that refers to others by a column for each."""
    own = [entities.Column("id", "bigint", True, True)]
    own += [entities.Column(f"{other}_id", "bigint") for other in refers]
    own += [entities.Column(f"column_{number}", "timestamp with time zone") for number in range(columns)]
    references = tuple(entities.Reference((f"{other}_id",), schema, other, ("id",)) for other in refers)
    return entities.Entity(schema, name, "table", tuple(own), references)


def many(count: int, seed: int) -> list[entities.Entity]:
    """Return so many tables that refer to each other at random, in circles and to themselves too."""
    chance = random.Random(seed)
    names = [f"table_{number}" for number in range(count)]
    return [
        table(name, *chance.sample(names, chance.choice((0, 0, 1, 1, 2, 3))), columns=chance.randrange(20))
        for name in names
    ]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("count", [1, 7, 60])
def test_no_box_lies_on_another(count: int, seed: int) -> None:
    """All are within the drawing, and none touches another."""
    made = layout.arranged(many(count, seed))
    assert len(made.boxes) == count
    for box in made.boxes:
        assert box.x >= 0
        assert box.y >= 0
        assert box.x + box.width <= made.width
        assert box.y + box.height <= made.height
    for one, other in itertools.combinations(made.boxes, 2):
        apart = (
            one.x + one.width < other.x
            or other.x + other.width < one.x
            or one.y + one.height < other.y
            or other.y + other.height < one.y
        )
        assert apart, (one.entity.name, other.entity.name)


def test_what_refers_stands_right_of_what_it_refers_to() -> None:
    """A chain goes from left to right; what is joined with nothing is below."""
    made = layout.arranged([table("lines", "orders"), table("orders", "users"), table("users"), table("alone")])
    place = {box.entity.name: box for box in made.boxes}
    assert place["users"].x < place["orders"].x < place["lines"].x
    assert place["alone"].y > max(place[name].y for name in ("users", "orders", "lines"))
    assert len(made.references) == 2


def test_a_circle_is_drawn_too() -> None:
    """Two tables that refer to each other, and one that refers to itself."""
    made = layout.arranged([table("a", "b"), table("b", "a"), table("c", "c")])
    assert {(box.entity.name, reference.table) for box, reference, _ in made.references} == {
        ("a", "b"),
        ("b", "a"),
        ("c", "c"),
    }


def test_the_drawing_is_xml_whatever_things_are_called() -> None:
    """Names and comments come from a database: nothing in them is markup."""
    odd = entities.Entity(
        'a"b', "<script>&", "table", (entities.Column("x'y<", "text"),), (), "</svg><script>alert(1)</script>"
    )
    drawing = ElementTree.fromstring(diagram.svg('a"b', (odd, table("wide", columns=40))))
    told = [element.text for element in drawing.iter("{http://www.w3.org/2000/svg}text")]
    assert "<script>&" in told
    assert "… 27 more" in told
    assert not list(drawing.iter("{http://www.w3.org/2000/svg}script"))
