"""What all services answer alike: life and readiness, and one place where every error becomes a problem."""

import asyncio
import time
import uuid
from typing import Any, Final

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services import logs
from services.web import problems, readiness

_QUIET: Final = ("/health", "/ready")


class Json(Response):
    """An answer in JSON; a value that is JSON already goes into it as it is."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Return the bytes."""
        return orjson.dumps(content)


class Life:
    """`/health`, which touches nothing, and `/ready`, which asks the database."""

    def __init__(self, ready: readiness.Readiness) -> None:
        self._ready = ready

    async def health(self) -> Response:
        """Tell that the process lives; asks nobody."""
        return Json({"status": "alive"})

    async def ready(self, request: Request) -> Response:
        """Tell whether the database is there, at a revision that suits this build."""
        verdict = await self._ready.ask()
        both = {"revision": verdict.revision, "build": verdict.wanted}
        if verdict.ready:
            return Json({"status": "ready", **both})
        # A problem document too. Its `status` is a word, as it is when ready: RFC 9457 lets readers ignore that.
        more = {"status": "unready", "reason": verdict.reason, **both}
        return problems.response(problems.unavailable(verdict.reason), request.scope.get("request_id", ""), more)

    def routes(self) -> list[Route]:
        """Return the routes of both."""

        async def health(_: Request) -> Response:
            return await self.health()

        return [Route("/health", health), Route("/ready", self.ready)]


def guarded(app: Starlette) -> ASGIApp:
    """Return an application with the errors and the log of all services."""
    app.router.redirect_slashes = False
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(Exception, _failed)
    return Requests(app)


class Requests:
    """Give every request an id, a line in the log and, whatever happens, an answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; other events go through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = str(uuid.uuid4())
        began = time.monotonic()
        status, whole = 0, False

        async def sent(message: Message) -> None:
            nonlocal status, whole
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            elif message["type"] == "http.response.body":
                whole = not message.get("more_body", False)
            await send(message)

        # What answers GET answers HEAD: the HTTP server leaves the body out.
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        inner = {**scope, "method": method, "request_id": request_id}
        try:
            await self._app(inner, receive, sent)
        except (Exception, asyncio.CancelledError) as error:
            stopping = isinstance(error, asyncio.CancelledError)
            if not stopping:
                facts = {"request_id": request_id, "path": scope["path"]}
                logs.LOG.exception("a request failed", extra={"facts": facts})
            if not whole:
                if status:  # half an answer is out: all that is left is to break the connection off
                    raise
                # Cancelled by the HTTP server, which would answer with bare text.
                problem = problems.unavailable("the service is stopping") if stopping else problems.of_mistake()
                await problems.response(problem, request_id)(inner, receive, sent)
        finally:
            if scope["path"] not in _QUIET:
                seconds = round(time.monotonic() - began, 4)
                facts = {"status": status, "seconds": seconds, "request_id": request_id}
                logs.LOG.info("%s %s", scope["method"], scope["path"], extra={"facts": facts})


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if isinstance(error, problems.Problem):
        return problems.for_request(request, error)
    detail, headers = error.detail, error.headers
    if error.status_code == 404:
        detail = f"There is no {problems.printable(request.url.path[:200])} here; /openapi.json lists what there is."
    elif error.status_code == 405:
        detail = f"{request.method} is not possible here."
        headers = {"Allow": ", ".join(_methods(request))}
    return problems.for_request(request, problems.Problem(error.status_code, detail, (), headers))


def _methods(request: Request) -> list[str]:
    """Return the methods of every route of this path: the router names only those of the first."""
    routes = [route for route in request.app.routes if isinstance(route, Route)]
    found = [route.methods or set() for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    methods = set().union(*found)
    return sorted(methods | {"HEAD"} if "GET" in methods else methods)


async def _failed(request: Request, error: Exception) -> Response:
    return problems.for_request(request, problems.of_mistake())
