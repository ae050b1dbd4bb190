"""From a query string to a page: filter, order, limit and cursor, each checked, and the way to the next page."""

import urllib.parse
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

import pydantic

from schemata.pages import pages
from services.web import cursors, fields, problems, resources

#: The parameters of every list.
OWN: Final = ("order", "limit", "cursor")


def parameters(resource: resources.Resource) -> type[pydantic.BaseModel]:
    """Return the model of the query of a list: the filters of its pages, and what every list has."""
    orders_ = list(dict.fromkeys(spelled for page in resource.pages for spelled in orders(page)))
    own: dict[str, tuple[dict[str, Any], str]] = {
        "order": ({"type": "string", "enum": orders_}, "The order; there is one for each filter."),
        "limit": ({"type": "integer", "minimum": 1}, "Rows on the page, at most pagination.page_size_max."),
        "cursor": ({"type": "string"}, "`next` of the page before; with the same filter and order."),
    }
    members: dict[str, Any] = {}
    for name in resource.filters:
        filtered = resource.choices.get(name, fields.IdText)
        members[name] = (filtered, pydantic.Field(None, description=f"Only those of this {name}."))
    for name, (schema, text) in own.items():
        members[name] = (Annotated[str, pydantic.WithJsonSchema(schema)], pydantic.Field(None, description=text))
    return pydantic.create_model(f"{resource.title}Query", __base__=fields.Given, **members)


def asked(
    resource: resources.Resource,
    query: Sequence[tuple[str, str]],
    given: Mapping[str, Any],
    settings: Mapping[str, float],
    secret: bytes,
) -> resources.Asked:
    """Return the page that a query asks for, with one row more than it shows: whether there is a next page.

    `query` is what was sent, `given` its values as `parameters` describes them. Raises Problem 400, which names the
    parameter and what there is instead.
    """
    names = [name for name, _ in query]
    for name in given:
        if names.count(name) > 1:
            raise problems.bad_parameter(name, f"{name} is given twice.")
    page = _page(resource, given)
    values = tuple(given[column] for column in page.filter)
    limit = _limit(given.get("limit"), settings)
    after = None
    if "cursor" in given:
        try:
            after = tuple(cursors.read(given["cursor"], page.name, values, resource.kinds(page), secret))
        except cursors.Refused:
            raise refused_cursor() from None
    return resources.Asked(page, values, after, limit + 1)


def refused_cursor() -> problems.Problem:
    """Return the refusal of a cursor."""
    return problems.bad_parameter(
        "cursor",
        "The cursor is not one of this list. Use `next` of the page before, with the same filter and order, "
        "or start without a cursor.",
    )


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
    kept = [pair for pair in query if pair[0] != "cursor"]
    link = f"<{resource.path}?{urllib.parse.urlencode([*kept, ('cursor', following)])}>"
    return {"items": shown, "next": following}, {"Link": f'{link}; rel="next"'}


def statement(asked_: resources.Asked) -> tuple[str, dict[str, Any]]:
    """Return the query of a page as it is declared and judged, and its parameters."""
    text = pages.statement(asked_.page, keyset=asked_.after is not None)
    return text, pages.arguments(asked_.page, asked_.filters, asked_.after, asked_.limit)


def orders(page: pages.Page) -> tuple[str, str]:
    """Return the two spellings of a page's order: with and without the id that only breaks ties.

    >>> orders(pages.Page("clients", "financial.clients", (), ("created_at desc", "id desc"), "i"))
    ('-created_at', '-created_at,-id')
    """
    words = [f"{'-' if descends else ''}{column}" for column, descends in page.keys]
    return ",".join(words[:-1] or words), ",".join(words)


def _page(resource: resources.Resource, given: Mapping[str, Any]) -> pages.Page:
    chosen = {name for name in given if name not in OWN}
    matching = [page for page in resource.pages if set(page.filter) == chosen]
    if not matching:
        there = "; ".join(" and ".join(page.filter) or "none" for page in resource.pages)
        raise problems.bad_parameter(min(chosen), f"No page has this filter. There is: {there}.")
    order = given.get("order")
    for page in matching:
        if order is None or order in orders(page):
            return page
    there = ", ".join(orders(page)[0] for page in matching)
    raise problems.bad_parameter("order", f"No page has this order. With this filter there is: {there}.")


def _limit(text: str | None, settings: Mapping[str, float]) -> int:
    most = int(settings["pagination.page_size_max"])
    if text is None:
        return min(int(settings["pagination.page_size"]), most)
    if not (text.isascii() and text.isdecimal() and len(text) <= 9 and 1 <= int(text) <= most):
        raise problems.bad_parameter("limit", f"limit must be a whole number from 1 to {most}.")
    return int(text)
