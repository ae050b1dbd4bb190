"""The HTTP application of a service: FastAPI, whose routes are made of the service's resources."""

import asyncio
import contextlib
import functools
import os
import re
from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import Annotated, Any, Final, Literal, TypeVar

import fastapi
import psycopg
import pydantic
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema
from starlette.middleware import Middleware
from starlette.types import ASGIApp

import schemata
from services import logs
from services.api_keys import checking
from services.web import answers, authentication, bodies, fields, lists, problems, readiness, resources

#: Seconds for the whole work of a request on the database.
PATIENCE: Final = 6.0

_SCHEMA: Final = "#/components/schemas/"
_LOCATION: Final = {"schema": {"type": "string"}, "description": "Where it is."}

T = TypeVar("T")


class Health(fields.Shown):
    """The process lives."""

    status: Literal["alive"]


class Ready(fields.Shown):
    """The service takes traffic."""

    status: Literal["ready"]
    revision: str
    build: str


class Document(fields.Shown):
    """A document of OpenAPI."""


class Fault(fields.Shown):
    """One thing that is wrong with a request."""

    pointer: str = ""
    parameter: str = ""
    detail: str


class Problem(fields.Shown):
    """RFC 9457. When the service is not ready: with `reason`, `revision` and `build`, and `status` is "unready"."""

    type: str
    title: str
    status: int | str
    detail: str
    instance: Annotated[str, pydantic.Field(description="The request's id, which the log has too.")]
    errors: list[Fault] = pydantic.Field(default_factory=list)


_MEANING: Final = {
    400: "The query or the body cannot be read; the detail says where.",
    404: "There is none.",
    409: "One like it is there already.",
    413: "The body is too large.",
    415: "The body is not application/json.",
    422: "The body is JSON, and something that it says is not possible; errors names the places.",
    503: "The database cannot be asked now; see Retry-After.",
}


def build(
    title: str,
    served: Sequence[resources.Resource],
    store: resources.Store,
    ready: readiness.Readiness,
    checks: checking.Checker,
) -> ASGIApp:
    """Return the application of a service that serves these resources from this store, to those who have a key."""
    secret = os.environ.get("SERVICES_CURSOR_KEY", "").encode()

    @contextlib.asynccontextmanager
    async def lifespan(_: fastapi.FastAPI) -> AsyncIterator[None]:
        await store.open()
        await checks.open()
        yield
        await store.close()
        await checks.close()
        await ready.close()

    app = fastapi.FastAPI(
        title=title,
        version=schemata.__version__,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        # After a request has its id, so that a refusal has it too.
        middleware=[Middleware(authentication.Authentication, service=title, checks=checks)],
    )
    app.router.route_class = bodies.Route
    for resource in served:
        _serve(app, resource, store, secret)
    life = answers.Life(ready)
    app.get("/health", operation_id="getHealth", responses=_answers("Health"))(life.health)
    app.get("/ready", operation_id="getReady", responses=_answers("Ready", 503))(life.ready)

    @functools.cache
    def document() -> dict[str, Any]:
        return authentication.describe(describe(app, served), title)

    @app.get("/openapi.json", operation_id="getDocument", responses=_answers("Document"))
    async def described() -> fastapi.Response:
        """Return this document."""
        return answers.Json(document())

    known = {resource.path: [*(resource.given.model_fields if resource.given else ())] for resource in served}
    asked = {resource.path: [*resource.filters, *lists.OWN] for resource in served}

    async def invalid(request: fastapi.Request, error: Exception) -> fastapi.Response:
        assert isinstance(error, RequestValidationError)
        names = (asked if request.method == "GET" else known).get(request.url.path, [])
        return problems.for_request(request, problems.of_validation(error.errors(), names))

    app.add_exception_handler(RequestValidationError, invalid)
    return answers.guarded(app)


def describe(app: fastapi.FastAPI, served: Sequence[resources.Resource]) -> dict[str, Any]:
    """Return the OpenAPI document of an application, with what it answers and our problem document as every refusal."""
    document = get_openapi(title=app.title, version=app.version, routes=app.routes)
    for operation in (operation for methods in document["paths"].values() for operation in methods.values()):
        if problems.MEDIA_TYPE not in operation["responses"].get("422", {}).get("content", {}):
            operation["responses"].pop("422", None)  # FastAPI's own, which is never sent
    own: list[type[fields.Shown]] = [Health, Ready, Document, Problem]
    shown = [*own, *(resource.shown for resource in served)]
    _, described = models_json_schema([(model, "serialization") for model in shown], ref_template=_SCHEMA + "{model}")
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas.update(described["$defs"])
    schemas.update({f"{resource.title}Page": _page(resource) for resource in served if resource.pages})
    return document


def _page(resource: resources.Resource) -> dict[str, Any]:
    following = {"type": ["string", "null"], "description": "The cursor of the next page; null on the last."}
    items = {"type": "array", "items": {"$ref": _SCHEMA + resource.title}}
    return {"type": "object", "properties": {"items": items, "next": following}, "required": ["items", "next"]}


def _serve(app: fastapi.FastAPI, resource: resources.Resource, store: resources.Store, secret: bytes) -> None:
    query_model, given_model = lists.parameters(resource), resource.given

    async def listed(
        request: fastapi.Request,
        given: Annotated[query_model, fastapi.Query()],  # type: ignore[valid-type]
    ) -> fastapi.Response:
        query = request.query_params.multi_items()
        values = {name: getattr(given, name) for name in given.model_fields_set}  # type: ignore[attr-defined]
        asked = lists.asked(resource, query, values, await _within(store.settings()), secret)
        try:
            rows = await _within(store.page(resource, asked))
        except problems.Problem as problem:
            if asked.after is None or not isinstance(problem.__cause__, psycopg.DataError):
                raise
            raise lists.refused_cursor() from None  # a day that no calendar has
        body, headers = lists.answer(resource, asked, rows, query, secret)
        return answers.Json(body, headers=headers)

    async def one(
        id: Annotated[str, fastapi.Path(), pydantic.WithJsonSchema({"type": "integer", "minimum": 1})],
    ) -> fastapi.Response:
        number = int(id) if re.fullmatch("[0-9]{1,19}", id, re.ASCII) else 0
        found = await _within(store.one(resource, number)) if 1 <= number <= fields.BIGGEST else None
        if found is None:
            raise problems.Problem(404, f"There is no {resource.noun} with this id.")
        return answers.Json(found)

    async def create(given: given_model) -> fastapi.Response:  # type: ignore[valid-type]
        values = given.model_dump(exclude_unset=True)  # type: ignore[attr-defined]
        made = await _within(store.create(resource, values))
        return answers.Json(made, 201, {"Location": f"{resource.path}/{made['id']}"})

    if resource.pages:
        filters = "; ".join(" and ".join(page.filter) or "none" for page in resource.pages)
        app.get(
            resource.path,
            summary=f"List {resource.path[1:]} page by page. Filters: {filters}.",
            operation_id=f"get{resource.title}Page",
            responses=_answers(f"{resource.title}Page", 400, 503),
        )(listed)
    if given_model is not None:
        created = {**_done(resource.title), "description": "Created.", "headers": {"Location": _LOCATION}}
        app.post(
            resource.path,
            summary=f"Create one {resource.noun}.",
            operation_id=f"create{resource.title}",
            status_code=201,
            responses={201: created, **_refusals(400, 409, 413, 415, 422, 503)},
            openapi_extra={"requestBody": {"content": {"application/json": {"example": dict(resource.example)}}}},
        )(create)
    app.get(
        resource.path + "/{id}",
        summary=f"Return one {resource.noun}.",
        operation_id=f"get{resource.title}",
        responses=_answers(resource.title, 404, 503),
    )(one)


def _answers(schema: str, *refusals: int) -> dict[int | str, dict[str, Any]]:
    """Return what an operation answers, by name: FastAPI would build a validator for each model that is given to it."""
    return {200: _done(schema), **_refusals(*refusals)}


def _refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    content = {problems.MEDIA_TYPE: {"schema": {"$ref": f"{_SCHEMA}Problem"}}}
    return {status: {"description": _MEANING[status], "content": content} for status in statuses}


def _done(schema: str) -> dict[str, Any]:
    return {"description": "Done.", "content": {"application/json": {"schema": {"$ref": _SCHEMA + schema}}}}


async def _within(work: Awaitable[T]) -> T:
    try:
        async with asyncio.timeout(PATIENCE):
            return await work
    except TimeoutError:
        raise problems.unavailable("the database does not answer in time") from None
    except psycopg.Error as error:
        problem = problems.of_database(error)
        if problem is None:
            raise
        if problem.status_code == 503:
            logs.LOG.warning("the database said: %s", " ".join(str(error).split()))
        raise problem from error
