"""A request's body as JSON: its size, type, encoding and form are checked before anything looks at what it says."""

import decimal
import json
from typing import Any, Final, NoReturn

from starlette.requests import ClientDisconnect, Request

from services.web import problems

#: Bytes.
LARGEST: Final = 1024 * 1024


async def read(request: Request) -> Any:
    """Return the JSON value of the body, its fractions as exact decimals. Raises Problem 400, 413 or 415."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != "application/json":
        raise problems.Problem(415, "Send the body as JSON, with Content-Type: application/json.")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise problems.Problem(415, "Send the body without a Content-Encoding.")
    body = bytearray()
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > LARGEST:
                raise problems.Problem(413, f"The body is larger than {LARGEST} bytes.")
    except ClientDisconnect:
        raise problems.Problem(400, "The body ended before its end.") from None
    try:
        text = body.decode("utf-8")
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
