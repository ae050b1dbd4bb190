"""From a query string to a page: filter, order, limit and cursor, each checked, and the way to the next page."""

import urllib.parse
from collections.abc import Mapping, Sequence
from typing import Any, Final

from schemata.pages import pages
from services.web import cursors, kinds, problems, resources

_OWN: Final = ("order", "limit", "cursor")
_KINDS: Final = {"date-time": "timestamp", "date": "date"}


def asked(
    resource: resources.Resource, query: Sequence[tuple[str, str]], settings: Mapping[str, float], secret: bytes
) -> resources.Asked:
    """Return the page that a query asks for, with one row more than it shows: whether there is a next page.

    Raises Problem 400, which names the parameter and what there is instead.
    """
    given = _known(resource, query)
    page = _page(resource, given)
    values = []
    for column in page.filter:
        try:
            values.append(resource.field(column).kind.from_text(given[column]))
        except kinds.Wrong as error:
            raise _bad(column, f"{column} {error.faults[0][1]}") from None
    limit = _limit(given.get("limit"), settings)
    after = None
    if "cursor" in given:
        forms = key_kinds(resource, page)
        try:
            after = tuple(cursors.read(given["cursor"], page.name, values, forms, secret))
        except cursors.Refused:
            raise _bad(
                "cursor",
                "The cursor is not one of this list. Use `next` of the page before, with the same filter and order, "
                "or start without a cursor.",
            ) from None
    return resources.Asked(page, tuple(values), after, limit + 1)


def answer(
    resource: resources.Resource,
    asked_: resources.Asked,
    rows: Sequence[Mapping[str, Any]],
    query: Sequence[tuple[str, str]],
    secret: bytes,
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the body of a page and its headers."""
    shown = rows[: asked_.limit - 1]
    if len(rows) < asked_.limit:
        return {"items": shown, "next": None}, {}
    key = [shown[-1][column] for column, _ in asked_.page.keys]
    following = cursors.write(asked_.page.name, asked_.filters, key, secret)
    parameters = [pair for pair in query if pair[0] != "cursor"]
    link = f"<{resource.path}?{urllib.parse.urlencode([*parameters, ('cursor', following)])}>"
    return {"items": shown, "next": following}, {"Link": f'{link}; rel="next"'}


def orders(page: pages.Page) -> tuple[str, str]:
    """Return the two spellings of a page's order: with and without the id that only breaks ties.

    >>> orders(pages.Page("clients", "financial.clients", (), ("created_at desc", "id desc"), "i"))
    ('-created_at', '-created_at,-id')
    """
    words = [f"{'-' if descends else ''}{column}" for column, descends in page.keys]
    return ",".join(words[:-1] or words), ",".join(words)


def key_kinds(resource: resources.Resource, page: pages.Page) -> list[str]:
    """Return of what kind each value of the page's key is, in the words of cursors."""
    return [_KINDS.get(resource.field(column).kind.shown.get("format", ""), "id") for column, _ in page.keys]


def _known(resource: resources.Resource, query: Sequence[tuple[str, str]]) -> dict[str, str]:
    known = (*resource.filters, *_OWN)
    given: dict[str, str] = {}
    for name, value in query:
        if name not in known:
            raise _bad(name[:80], f"The parameter is not known; there is {', '.join(known)}.")
        if name in given:
            raise _bad(name, f"{name} is given twice.")
        given[name] = value
    return given


def _page(resource: resources.Resource, given: Mapping[str, str]) -> pages.Page:
    chosen = {name for name in given if name not in _OWN}
    matching = [page for page in resource.pages if set(page.filter) == chosen]
    if not matching:
        there = "; ".join(" and ".join(page.filter) or "none" for page in resource.pages)
        raise _bad(sorted(chosen)[0], f"No page has this filter. There is: {there}.")
    order = given.get("order")
    for page in matching:
        if order is None or order in orders(page):
            return page
    there = ", ".join(orders(page)[0] for page in matching)
    raise _bad("order", f"No page has this order. With this filter there is: {there}.")


def _limit(said: str | None, settings: Mapping[str, float]) -> int:
    most = int(settings["pagination.page_size_max"])
    if said is None:
        return min(int(settings["pagination.page_size"]), most)
    if not (said.isascii() and said.isdecimal() and len(said) <= 9 and 1 <= int(said) <= most):
        raise _bad("limit", f"limit must be a whole number from 1 to {most}.")
    return int(said)


def _bad(parameter: str, detail: str) -> problems.Problem:
    fault = problems.Fault(detail, parameter=parameter.encode("utf-8", "replace").decode())
    return problems.Problem(400, detail if detail.endswith(".") else f"{detail}.", [fault])
