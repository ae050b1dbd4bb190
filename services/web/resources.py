"""What a service serves: resources, the pages declared for them, and what stores them."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from schemata import config, errors
from schemata.pages import pages as paging
from services.web import kinds


@dataclasses.dataclass(frozen=True)
class Resource:
    """One kind of thing and its endpoints: GET PATH (with pages), POST PATH (if creatable), GET PATH/{id}."""

    path: str
    table: str
    noun: str
    fields: tuple[kinds.Field, ...]
    creatable: bool = True
    pages: tuple[paging.Page, ...] = ()

    @property
    def title(self) -> str:
        """Return its name as a type."""
        return self.noun.title().replace(" ", "")

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the columns that a list shows."""
        return tuple(field.name for field in self.fields if field.listed)

    @property
    def filters(self) -> tuple[str, ...]:
        """Return the columns that some page filters by."""
        return tuple(dict.fromkeys(column for page in self.pages for column in page.filter))

    def field(self, name: str) -> kinds.Field:
        """Return the field of this name; a page that names another one is refused when the service starts."""
        return next(field for field in self.fields if field.name == name)


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
    declared = [
        paging.Page(page.name, page.table, page.filter, page.order, page.index) for page in config.load(root).pages
    ]
    served = []
    for resource in resources:
        mine = [page for page in declared if page.table == resource.table]
        for page in mine:
            unknown = {*page.filter, *(column for column, _ in page.keys)} - set(resource.columns)
            if unknown or page.mixed or page.keys[-1][0] != "id":
                why = f"has the unknown column {', '.join(sorted(unknown))}" if unknown else (
                    "orders in both directions, which no row comparison can" if page.mixed else "does not end in id"
                )  # fmt: skip
                raise errors.ConfigError(
                    f"the page {page.name} {why}: the services cannot page through it",
                    "Correct [[tool.schemata.pages]] in pyproject.toml.",
                )
        served.append(dataclasses.replace(resource, pages=tuple(mine)))
    return tuple(served)
