"""Errors as problem details (RFC 9457): what is wrong with a request, in words, and where in it."""

import http
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
import psycopg
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from services import database

MEDIA_TYPE: Final = "application/problem+json"
#: Seconds after which a request that met no database may be sent again.
RETRY_AFTER: Final = "2"
_FAULTS_AT_MOST: Final = 50


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with a body: where (a JSON pointer) or in the query (a parameter), and what."""

    detail: str
    pointer: str | None = None
    parameter: str | None = None

    def shown(self) -> dict[str, str]:
        """Return it as a member of `errors`."""
        place = {"pointer": f"#{self.pointer}"} if self.pointer is not None else {"parameter": self.parameter or ""}
        return {**place, "detail": self.detail}


class Problem(HTTPException):
    """A request that is answered with an error."""

    def __init__(
        self, status: int, detail: str, faults: Sequence[Fault] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(status, detail, headers)
        self.faults = tuple(faults)


def unprocessable(place: str, text: str) -> Problem:
    """Return the refusal of one member of a body; `place` is its name, or its path as in lines/1."""
    return Problem(422, f"{place} {text}.", [Fault(f"{place} {text}", f"/{place}")])


def bad_parameter(name: str, detail: str) -> Problem:
    """Return the refusal of one parameter of the query."""
    fault = Fault(detail, parameter=printable(name))
    return Problem(400, detail if detail.endswith(".") else f"{detail}.", [fault])


def response(problem: Problem, request_id: str, more: Mapping[str, Any] | None = None) -> Response:
    """Return the problem as the answer to the request of this id, which is in the log too; `more` are members."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": http.HTTPStatus(problem.status_code).phrase,
        "status": problem.status_code,
        "detail": problem.detail,
        "instance": f"urn:uuid:{request_id}",
    }
    if problem.faults:
        body["errors"] = [fault.shown() for fault in problem.faults]
    return Response(orjson.dumps({**body, **(more or {})}), problem.status_code, problem.headers, MEDIA_TYPE)


def for_request(request: Request, problem: Problem) -> Response:
    """Return the problem as the answer to this request."""
    return response(problem, request.scope.get("request_id", ""))


def unavailable(reason: str) -> Problem:
    """Return the problem of a database that cannot be asked now."""
    return Problem(503, f"{reason[:1].upper()}{reason[1:]}. Try again.", headers={"Retry-After": RETRY_AFTER})


def of_mistake() -> Problem:
    """Return the problem of a mistake of our own."""
    return Problem(500, "This is a mistake of the service. Its log has it under the instance.")


def of_validation(reported: Sequence[Mapping[str, Any]], known: Sequence[str]) -> Problem:
    """Return what pydantic reports as wrong with a request; `known` are the names that body or query may have.

    A fault of the query is 400 with its parameter, one of the body 422 with a pointer.
    """
    faults = []
    for error in reported[:_FAULTS_AT_MOST]:
        where, *path = error["loc"]
        names = [printable(str(step)) for step in path]
        if where == "query":
            return bad_parameter(names[0], f"{names[0]} {_words(error, known)}.")
        text = f"{'/'.join(names) or 'the body'} {_words(error, known if len(names) == 1 else ())}"
        pointer = "".join(f"/{name.replace('~', '~0').replace('/', '~1')}" for name in names)
        faults.append(Fault(text, pointer))
    return Problem(422, "The body is not as described; see errors.", faults)


def printable(name: str) -> str:
    """Return a name that a client chose, cut to a length that an answer can bear, and without half characters."""
    return name[:80].encode("utf-8", "replace").decode()


def _words(error: Mapping[str, Any], known: Sequence[str]) -> str:
    kind = error["type"]
    if kind == "missing":
        return "is required"
    if kind == "extra_forbidden":
        return "is not known" + (f"; there is {', '.join(known)}" if known else "")
    if kind == "literal_error":
        words = re.findall("'([^']*)'", error["ctx"]["expected"])
        return f"must be one of {', '.join(words)}"
    # pydantic's sentences begin with what they are about ("Input should be …"), and so do ours.
    _, should, rest = error["msg"].partition("should ")
    return f"must {rest}" if should else str(error["msg"])


def of_database(error: psycopg.Error) -> Problem | None:
    """Return what a refusal of the database means for the request; None for what is our own mistake.

    The constraints are named for what they say (`clients_email_is_lower_case`), so their names are the words.
    """
    if database.is_away(error):
        return unavailable(database.in_words(error))
    state = error.sqlstate or ""
    rule = _rule(error)
    if state == "23505":
        return Problem(409, f"There is already one with this {rule.removesuffix(' key')}.")
    if state == "23503":
        return Problem(422, f"What {rule.removesuffix(' fkey')} refers to does not exist, or does not fit.")
    if state == "23514":
        return Problem(422, f"A rule is broken: {rule}.")
    if state == "23502":
        return Problem(422, f"{error.diag.column_name or 'A field'} must not be null.")
    if state.startswith("23"):
        return Problem(409, f"It would break a rule of the data: {rule}.")
    if state.startswith(("22", "54")):
        return Problem(422, "A value is outside what the database can hold.")
    return None


def _rule(error: psycopg.Error) -> str:
    name = error.diag.constraint_name or "unnamed"
    return name.removeprefix(f"{error.diag.table_name or ''}_").replace("_", " ")
