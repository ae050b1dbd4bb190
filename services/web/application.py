"""The HTTP application of a service: its routes, and one place where every error becomes an answer."""

import asyncio
import contextlib
import datetime
import decimal
import itertools
import json
import os
import re
import time
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Final

import psycopg
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services import logs
from services.api_keys import checking
from services.web import authentication, bodies, kinds, lists, openapi, problems, readiness, resources

#: Seconds for the whole work of a request on the database.
PATIENCE: Final = 6.0
_QUIET: Final = ("/health", "/ready")


class Json(Response):
    """An answer in JSON: exact numbers and moments as text; what is JSON already as it is."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Return the bytes."""
        # json.dumps takes no ready text: a name that nobody can have written stands for each until the end.
        mark, written = uuid.uuid4().hex, []

        def shown(value: Any) -> Any:
            if isinstance(value, kinds.Written):
                written.append(value.text)
                return mark
            return _shown(value)

        text = json.dumps(content, default=shown, ensure_ascii=False, separators=(",", ":"))
        pieces = text.split(f'"{mark}"')
        return "".join(itertools.chain(*zip(pieces, [*written, ""], strict=True))).encode()


def life(ready: readiness.Readiness) -> list[Route]:
    """Return `/health`, which touches nothing, and `/ready`, which asks the database."""

    async def health(request: Request) -> Response:
        return Json({"status": "alive"})

    async def readied(request: Request) -> Response:
        verdict = await ready.ask()
        if verdict.ready:
            return Json({"status": "ready", "revision": verdict.revision, "build": verdict.wanted})
        said = {"status": "unready", "reason": verdict.reason, "revision": verdict.revision, "build": verdict.wanted}
        return Json(said, 503, {"Retry-After": problems.RETRY_AFTER})

    return [Route("/health", health), Route("/ready", readied)]


def build(
    title: str,
    served: Sequence[resources.Resource],
    store: resources.Store,
    ready: readiness.Readiness,
    checks: checking.Checker,
) -> ASGIApp:
    """Return the application of a service that serves these resources from this store, to who has a key."""
    secret = os.environ.get("SERVICES_CURSOR_KEY", "").encode()
    document = authentication.describe(openapi.document(title, served), title)

    async def described(request: Request) -> Response:
        return Json(document)

    routes = [*life(ready), Route("/openapi.json", described)]
    for resource in served:
        routes += _routes(resource, store, secret)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await store.open()
        await checks.open()
        yield
        await store.close()
        await checks.close()
        await ready.close()

    return application(routes, lifespan, lambda app: authentication.Authentication(app, title, checks))


def application(
    routes: Sequence[Route], lifespan: Any, guard: Callable[[ASGIApp], ASGIApp] = lambda app: app
) -> ASGIApp:
    """Return an application of these routes behind a guard, with the errors and the log of all services."""
    app = Starlette(
        routes=routes,
        lifespan=lifespan,
        exception_handlers={HTTPException: _refused, problems.Problem: _problem},
    )
    app.router.redirect_slashes = False
    return Requests(guard(app))


class Requests:
    """Give every request an id, a line in the log and, whatever happens, an answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; other events go through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["request_id"] = str(uuid.uuid4())
        began = time.monotonic()
        status = 0

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", scope["request_id"].encode())]
            await send(message)

        try:
            await self._app(scope, receive, sent)
        except Exception:
            facts = {"request_id": scope["request_id"], "path": scope["path"]}
            logs.LOG.exception("a request failed", extra={"facts": facts})
            if status:  # half an answer is out: all that is left is to break the connection off
                raise
            problem = problems.Problem(500, "This is a mistake of the service. Its log has it under the instance.")
            await problems.response(problem, scope["request_id"])(scope, receive, sent)
        finally:
            if scope["path"] not in _QUIET:
                seconds = round(time.monotonic() - began, 4)
                facts = {"status": status, "seconds": seconds, "request_id": scope["request_id"]}
                logs.LOG.info("%s %s", scope["method"], scope["path"], extra={"facts": facts})


def _routes(resource: resources.Resource, store: resources.Store, secret: bytes) -> list[Route]:
    async def listed(request: Request) -> Response:
        query = request.query_params.multi_items()
        settings = await _within(store.settings())
        asked = lists.asked(resource, query, settings, secret)
        rows = await _within(store.page(resource, asked))
        body, headers = lists.answer(resource, asked, rows, query, secret)
        return Json(body, headers=headers)

    async def one(request: Request) -> Response:
        text = request.path_params["id"]
        number = int(text) if re.fullmatch("[0-9]{1,19}", text, re.ASCII) else 0
        found = await _within(store.one(resource, number)) if 1 <= number <= kinds.BIGGEST else None
        if found is None:
            raise problems.Problem(404, f"There is no {resource.noun} with this id.")
        return Json(found)

    async def create(request: Request) -> Response:
        values = kinds.checked(resource.fields, await bodies.read(request))
        made = await _within(store.create(resource, values))
        return Json(made, 201, {"Location": f"{resource.path}/{made['id']}"})

    # One route for both, so that 405 names both methods.
    async def many(request: Request) -> Response:
        return await (create(request) if request.method == "POST" else listed(request))

    methods = [*(["GET"] if resource.pages else []), *(["POST"] if resource.creatable else [])]
    return [Route(resource.path, many, methods=methods), Route(resource.path + "/{id}", one, methods=["GET"])]


async def _within(work: Any) -> Any:
    try:
        async with asyncio.timeout(PATIENCE):
            return await work
    except TimeoutError:
        raise problems.unavailable("the database does not answer in time") from None
    except psycopg.Error as error:
        problem = problems.of_database(error)
        if problem is None:
            raise
        if problem.status == 503:
            logs.LOG.warning("the database said: %s", " ".join(str(error).split()))
        raise problem from None


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    words = {
        404: f"There is no {request.url.path[:200]} here; /openapi.json lists what there is.",
        405: f"{request.method} is not possible here.",
    }
    problem = problems.Problem(error.status_code, words.get(error.status_code, error.detail), (), error.headers)
    return problems.for_request(request, problem)


async def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, problems.Problem)
    return problems.for_request(request, error)


def _shown(value: Any) -> Any:
    if isinstance(value, decimal.Decimal):
        return f"{value:f}"
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.UTC).isoformat(timespec="microseconds")
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(type(value).__name__)
