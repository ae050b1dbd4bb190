"""A request's body as JSON: its size, type, encoding and form are checked before anything looks at what it says."""

import decimal
import json
from collections.abc import Callable, Coroutine
from typing import Any, Final, NoReturn

from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from services.web import problems

#: Bytes.
LARGEST: Final = 1024 * 1024


class Route(APIRoute):
    """A route of FastAPI that reads its body exactly."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return FastAPI's handler, which gets a request of ours."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            return await handler(Exact(request.scope, request.receive))

        return handle


class Exact(Request):
    """A request whose body is read as JSON with exact numbers, or refused."""

    async def body(self) -> bytes:
        """Return the bytes of the body, at least one. Raises Problem 400, 413 or 415."""
        media = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media != "application/json":
            raise problems.Problem(415, "Send the body as JSON, with Content-Type: application/json.")
        if self.headers.get("content-encoding", "identity").lower() != "identity":
            raise problems.Problem(415, "Send the body without a Content-Encoding.")
        body = bytearray()
        try:
            async for piece in self.stream():
                body += piece
                if len(body) > LARGEST:
                    raise problems.Problem(413, f"The body is larger than {LARGEST} bytes.")
        except ClientDisconnect:
            raise problems.Problem(400, "The body ended before its end.") from None
        if not body:
            raise problems.Problem(400, "The body is empty.")
        self._body = bytes(body)
        return self._body

    async def json(self) -> Any:
        """Return the JSON value of the body, its fractions as exact decimals. Raises Problem 400."""
        try:
            text = self._body.decode("utf-8")
        except UnicodeDecodeError as error:
            raise problems.Problem(400, f"The body is not UTF-8 (byte {error.start}).") from None
        try:
            return json.loads(text, parse_float=decimal.Decimal, parse_constant=_refuse)
        except json.JSONDecodeError as error:
            detail = f"The body is not JSON: {error.msg} (line {error.lineno}, column {error.colno})."
            raise problems.Problem(400, detail) from None
        except RecursionError:
            raise problems.Problem(400, "The body is nested too deeply.") from None
        except (ValueError, decimal.DecimalException):  # NaN, or more digits than Python reads
            raise problems.Problem(400, "The body has a number that JSON or this service cannot hold.") from None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)
