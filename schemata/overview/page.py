"""The page of `inv report`: sections that fold, with what can be reached by keyboard and told by a screen reader."""

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path

from schemata.report import markup

_STYLE = Path(__file__).with_suffix(".css")


@dataclasses.dataclass(frozen=True)
class Section:
    """A part of the page.

    :param html: its content, already escaped. :param summary: a few words beside the title.
    :param state: good, bad or empty. :param is_open: whether it is unfolded at first.
    """

    name: str
    title: str
    html: str
    summary: str = ""
    state: str = ""
    is_open: bool = True


def render(title: str, target: str, made_at: int, sections: Sequence[Section]) -> str:
    """Return the page, whole: it loads nothing and runs nothing."""
    at = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(made_at))
    links = "".join(f'<li><a href="#{one.name}">{markup.text(one.title)}</a>{_summary(one)}</li>' for one in sections)
    parts = [
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{markup.text(title)}</title>',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        # Nothing is to be loaded or run, whatever a name or a comment holds.
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<style>{_STYLE.read_text(encoding='utf-8')}</style></head><body>",
        '<a class="skip" href="#content">Skip to the content</a>',
        f"<header><h1>{markup.text(title)}</h1>",
        f'<p class="dim">{markup.text(target)}<br>Made at {at}</p></header>',
        f'<nav aria-label="Sections"><ul>{links}</ul></nav><main id="content">',
        *map(_section, sections),
        "</main></body></html>",
    ]
    return "\n".join(parts) + "\n"


def _summary(section: Section) -> str:
    return f' <span class="chip {section.state}">{markup.text(section.summary)}</span>' if section.summary else ""


def _section(section: Section) -> str:
    unfolded = " open" if section.is_open else ""
    return (
        f'<section id="{section.name}" aria-labelledby="{section.name}-title"><details{unfolded}>'
        f'<summary><h2 id="{section.name}-title">{markup.text(section.title)}</h2>{_summary(section)}</summary>\n'
        f"{section.html}\n</details></section>"
    )
