"""What a service serves: resources, the pages declared for them, and what stores them."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from pydantic import BaseModel

from schemata import config, errors
from schemata.pages import declarations
from schemata.pages import pages as paging
from services.web import fields


@dataclasses.dataclass(frozen=True)
class Resource:
    """One kind of thing and its endpoints: GET PATH (with pages), POST PATH (if creatable), GET PATH/{id}.

    :param shown: its columns, and what belongs to it; `given`: what creates one; `example`: of that.
    :param single: the fields of `shown` that only the single resource has; lists leave them out.
    :param choices: the types of the columns that a page may filter by, where that is not an id.
    """

    path: str
    table: str
    noun: str
    shown: type[fields.Shown]
    given: type[fields.Given] | None = None
    example: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    single: tuple[str, ...] = ()
    choices: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    pages: tuple[paging.Page, ...] = ()

    @property
    def title(self) -> str:
        """Return its name as a type."""
        return self.noun.title().replace(" ", "")

    @property
    def creatable(self) -> bool:
        """Tell whether a client may create one."""
        return self.given is not None

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the columns that a list shows."""
        return tuple(name for name in self.shown.model_fields if name not in self.single)

    @property
    def filters(self) -> tuple[str, ...]:
        """Return the columns that some page filters by."""
        return tuple(dict.fromkeys(column for page in self.pages for column in page.filter))

    def kinds(self, page: paging.Page) -> list[str]:
        """Return of what kind each value of a page's key is, in the words of cursors."""
        return [kind for column, _ in page.keys for kind in _kinds(self.shown, column)]


@dataclasses.dataclass(frozen=True)
class Asked:
    """A page to fetch: its filter's values, the key to go on behind (None: from the start), the number of rows."""

    page: paging.Page
    filters: tuple[Any, ...]
    after: tuple[Any, ...] | None
    limit: int


class Store(Protocol):
    """Where resources are kept. Raises psycopg.Error, or problems.Problem for what the data forbids."""

    async def open(self) -> None:
        """Start to connect; does not wait for the database."""

    async def close(self) -> None:
        """End what is at work and disconnect."""

    async def settings(self) -> Mapping[str, float]:
        """Return the operators' settings."""

    async def page(self, resource: Resource, asked: Asked) -> Sequence[Mapping[str, Any]]:
        """Return the rows of a page, in its order."""

    async def one(self, resource: Resource, number: int) -> Mapping[str, Any] | None:
        """Return the one of this id."""

    async def create(self, resource: Resource, values: dict[str, Any]) -> Mapping[str, Any]:
        """Store a new one, with what belongs to it, and return it."""


def with_pages(resources: Sequence[Resource], root: Path | None = None) -> tuple[Resource, ...]:
    """Return the resources with the pages that the project declares for their tables.

    Raises ConfigError for a page that the services cannot serve.
    """
    declared = [page for page in declarations.read(config.load(root)) if not page.pieces]
    served = []
    for resource in resources:
        mine = [page for page in declared if page.table == resource.table]
        for page in mine:
            if why := _not_servable(resource, page):
                raise errors.ConfigError(
                    f"the page {page.name} {why}: the services cannot page through it",
                    "Correct [[tool.schemata.pages]] in pyproject.toml.",
                )
        served.append(dataclasses.replace(resource, pages=tuple(mine)))
    return tuple(served)


def _not_servable(resource: Resource, page: paging.Page) -> str:
    keys = [column for column, _ in page.keys]
    if unknown := {*page.filter, *keys} - set(resource.columns):
        return f"has the unknown column {', '.join(sorted(unknown))}"
    if page.columns != resource.columns:
        return f"does not select what the list shows, columns = {list(resource.columns)}"
    if page.mixed:
        return "orders in both directions, which no row comparison can"
    if keys[-1] != "id":
        return "does not end in id"
    if bare := [column for column in keys if not _kinds(resource.shown, column)]:
        return f"orders by {bare[0]}, of whose type no cursor is made"
    return ""


def _kinds(shown: type[BaseModel], column: str) -> list[str]:
    return [mark.name for mark in shown.model_fields[column].metadata if isinstance(mark, fields.Kind)]
