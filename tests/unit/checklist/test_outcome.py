"""What a checklist looks like."""

import io

from schemata.checklist import lines, outcome
from schemata.report import render


def test_no_title_is_cut_in_eighty_columns() -> None:
    """However long a check took and whatever it found: "Rollbacks lead back, without l…" was seen on a slow machine."""
    found = outcome.Answer("of what was found, this is a text that takes a line of a terminal and a half, or more", 1)
    answered = tuple(outcome.Line(step.name, step.title, found, 1234.5) for step in lines.STEPS)
    text = render.render(outcome.Checklist(answered, "all"), render.Paint(io.StringIO(), {}), 80)
    assert [step.title for step in lines.STEPS if f"\n{step.title} " not in text] == []
