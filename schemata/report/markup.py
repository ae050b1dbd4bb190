"""What a result says, as HTML: the same blocks that a terminal shows. Pure; everything that comes in is escaped."""

import html
from collections.abc import Iterable, Sequence
from typing import Any

from schemata.report import document

_GOOD = {"ok", "applied", "parity", "green"}
_BAD = {"FAILED", "failed", "changed", "missing", "interrupted", "out-of-order", "differs"}


def blocks(told: Iterable[document.Block]) -> str:
    """Return blocks as HTML, in their order."""
    return "\n".join(filter(None, map(_block, told)))


def text(value: object) -> str:
    """Return a value as text of a page."""
    return html.escape(str(value))


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], caption: str = "") -> str:
    """Return a table in a box that scrolls by itself, and that a keyboard can reach."""
    head = "".join(f'<th scope="col">{text(name)}</th>' for name in columns)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    label = f' aria-label="{text(caption)}"' if caption else ' aria-label="table"'
    told = f"<caption>{text(caption)}</caption>" if caption else ""
    return (
        f'<div class="scroll" tabindex="0" role="region"{label}><table class="list">{told}'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _cell(value: Any) -> str:
    if value is None:
        return "<td></td>"
    shown = f"{value:.3f}" if isinstance(value, float) else text(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f'<td class="number">{shown}</td>'
    state = "good" if value in _GOOD else "bad" if value in _BAD else ""
    return f'<td class="{state}">{shown}</td>' if state else f"<td>{shown}</td>"


def _block(block: document.Block) -> str:
    match block:
        case document.Gap():
            return ""
        case document.Text():
            # Lines that begin with a blank stay as they are, as on a terminal.
            lines = "<br>".join(f'<span class="kept">{text(one)}</span>' for one in block.text.split("\n"))
            return f'<p class="{block.colour}">{lines}</p>' if block.colour else f"<p>{lines}</p>"
        case document.Grid():
            return table(block.columns, block.rows)
        case document.Verbatim():
            return f'<pre tabindex="0">{text(block.text)}</pre>'
        case document.Finding():
            return _finding(block)
        case document.Change():
            return f"<p>{text(block.name)}: expected {_value(block.expected)}, actual {_value(block.actual)}</p>"
        case document.Fact():
            return f"<p>{text(block.name)}: <code>{text(block.value)}</code></p>"


def _value(value: str | None) -> str:
    return "<em>not set</em>" if value is None else f"<code>{text(value)}</code>"


def _finding(finding: document.Finding) -> str:
    detail = f"<pre>{text(finding.detail.rstrip())}</pre>" if finding.detail else ""
    remedy = f'<p class="remedy">{text(finding.remedy)}</p>' if finding.remedy else ""
    return (
        f'<div class="finding {finding.colour}"><p><strong>{text(finding.code)}</strong> {text(finding.subject)}: '
        f"{text(finding.text)}</p>{detail}{remedy}</div>"
    )
