"""The migrations of a database in their order: when each was applied, how long it took, what it locked. Pure."""

import dataclasses
import html
from collections.abc import Mapping, Sequence

from schemata.history import comparison, recorded
from schemata.report import markup

_WIDTH = 260
_BAR = 12


@dataclasses.dataclass(frozen=True)
class Applied:
    """A migration as the page shows it. `locks`: what others could not do meanwhile, by table."""

    row: comparison.Row
    milliseconds: float
    locks: tuple[str, ...]


def joined(
    rows: Sequence[comparison.Row], records: Mapping[str, recorded.Record], locks: Mapping[str, tuple[str, ...]]
) -> tuple[Applied, ...]:
    """Return the migrations with what the history and their text say of each."""
    return tuple(
        Applied(row, records[row.id].duration_ms if row.id in records else 0.0, locks.get(row.id, ())) for row in rows
    )


def table(applied: Sequence[Applied]) -> str:
    """Return the timeline as a table, each duration with a bar; the longest bar is the longest migration."""
    longest = max((one.milliseconds for one in applied), default=0.0) or 1.0
    rows = "".join(_row(one, longest) for one in applied)
    return (
        '<div class="scroll" tabindex="0" role="region" aria-label="Migrations"><table class="list timeline">'
        '<thead><tr><th scope="col">migration</th><th scope="col">state</th><th scope="col">applied</th>'
        '<th scope="col">ms</th><th scope="col">duration</th><th scope="col">blocked meanwhile</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _row(one: Applied, longest: float) -> str:
    state = {"applied": "good", "pending": ""}.get(one.row.state, "bad")
    size = _WIDTH * one.milliseconds / longest
    bar = (
        f'<svg class="bar" width="{_WIDTH}" height="{_BAR}" role="img" aria-label="{one.milliseconds:.0f} ms">'
        f'<rect width="{max(size, 1.0 if one.milliseconds else 0.0):.1f}" height="{_BAR}" rx="2"/></svg>'
    )
    locks = "<br>".join(html.escape(lock) for lock in one.locks)
    title = f"<br><small>{markup.text(one.row.title)}</small>" if one.row.title else ""
    return (
        f'<tr><th scope="row"><code>{markup.text(one.row.id)}</code>{title}</th><td class="{state}">'
        f"{markup.text(one.row.state)}</td><td>{markup.text(one.row.applied_at[:19].replace('T', ' '))}</td>"
        f'<td class="number">{one.milliseconds:.0f}</td><td>{bar}</td><td>{locks}</td></tr>'
    )
