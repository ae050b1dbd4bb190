"""Who asks: every request needs a key, but those to the few paths that are open.

Pure ASGI, so that it stands before whatever answers. The key comes as `Authorization: Bearer sk_...` (RFC 6750).
What is not accepted is a problem document: 401, 403, or 503 when the database cannot say whether a key is good.
"""

import asyncio
import re
from collections.abc import Mapping
from typing import Any, Final, Protocol

from starlette.types import ASGIApp, Receive, Scope, Send

from services.api_keys import audit, checking, keys
from services.web import problems

#: For probes and for those who read what there is; they say nothing of anybody's data.
OPEN: Final = ("/health", "/ready", "/openapi.json")
#: The name of the scheme in the OpenAPI document.
SCHEME: Final = "apiKey"
_BEARER: Final = re.compile(r"bearer +(\S+) *", re.IGNORECASE | re.ASCII)


class Checks(Protocol):
    """Checks keys: `services.api_keys.checking.Checker`."""

    async def authenticate(self, text: str) -> keys.Key:
        """Return the key of this text; raise keys.Rejected or checking.Unavailable."""


class Authentication:
    """Let a request through whose key may do it; `state["api_key"]` of its scope is the key (keys.Key)."""

    def __init__(self, app: ASGIApp, service: str, checks: Checks) -> None:
        """Stand before `app`, which is the service of this name."""
        self._app = app
        self._service = service
        self._checks = checks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that is not allowed; let the others, and other events, through."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})  # nobody serves one
            return
        if scope["type"] == "http":
            # Where what follows the head is not HTTP, uvicorn has answered 400 and closes the connection in this turn
            # of the loop. An answer that needs nothing of the body, as a refusal does, would come before that, and
            # fail with an error of ours in the log.
            await asyncio.sleep(0)
        if scope["type"] != "http" or scope["path"] in OPEN:
            await self._app(scope, receive, send)
            return
        try:
            key = await self._key(scope)
        except problems.Problem as problem:
            await problems.response(problem, scope.get("request_id", ""))(scope, receive, send)
            return
        scope.setdefault("state", {})["api_key"] = key
        address = audit.address_of((scope.get("client") or (None,))[0])
        with audit.acting(audit.Actor(key, scope.get("request_id"), address)):
            await self._app(scope, receive, send)

    async def _key(self, scope: Scope) -> keys.Key:
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        if not given:
            # RFC 6750: who brought nothing is told the scheme, and no error.
            raise self._refused(401, "This needs a key: send `Authorization: Bearer sk_PREFIX_SECRET`.")
        match = _BEARER.fullmatch(given[0].decode("latin-1"))
        if match is None or len(given) > 1:
            text = "The header Authorization must be there once, as `Bearer sk_PREFIX_SECRET`."
            raise self._refused(401, text, error="invalid_token")
        try:
            key = await self._checks.authenticate(match[1])
        except keys.Rejected as error:
            raise self._refused(401, f"The key is not accepted: {error}.", error="invalid_token") from None
        except checking.Unavailable as error:
            raise problems.unavailable(str(error)) from None
        needed = keys.scope_for(self._service, scope["method"])
        if needed not in key.scopes:
            there = ", ".join(sorted(key.scopes)) or "no scope"
            text = f"This needs a key with the scope {needed}; the key {key.name} ({key.prefix}) has {there}."
            raise self._refused(403, text, error="insufficient_scope", scope=needed)
        return key

    def _refused(self, status: int, detail: str, **parameters: str) -> problems.Problem:
        members = {"realm": self._service, **parameters}
        challenge = ", ".join(f'{name}="{value}"' for name, value in members.items())
        return problems.Problem(status, detail, headers={"WWW-Authenticate": f"Bearer {challenge}"})


def describe(document: dict[str, Any], service: str) -> dict[str, Any]:
    """Return an OpenAPI document with the scheme of keys, and on each operation the scope that it needs."""
    content = {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    challenge = {"WWW-Authenticate": {"schema": {"type": "string"}, "description": "RFC 6750."}}
    refusals = {
        "401": {"description": "There is no key, or it is not accepted.", "headers": challenge, "content": content},
        "403": {"description": "The key has not the scope that this needs.", "headers": challenge, "content": content},
    }

    def guarded(path: str, method: str, operation: Mapping[str, Any]) -> dict[str, Any]:
        if path in OPEN:
            return {**operation, "security": []}
        responses = dict(operation["responses"])
        needs = [{SCHEME: [keys.scope_for(service, method.upper())]}]
        return {
            **operation,
            "security": needs,
            "responses": {**responses, **refusals, "503": responses.get("503", _UNCHECKED)},
        }

    paths = {
        # A path's other members, such as `parameters`, are lists or texts.
        path: {
            name: guarded(path, name, member) if isinstance(member, Mapping) else member
            for name, member in item.items()
        }
        for path, item in document["paths"].items()
    }
    components = document.get("components", {})
    schemes = {**components.get("securitySchemes", {}), SCHEME: _SCHEME}
    return {**document, "paths": paths, "components": {**components, "securitySchemes": schemes}}


_SCHEME: Final = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "sk_PREFIX_SECRET",
    "description": "A key that `inv api-key-new` made. Its scopes say which service it reads or writes.",
}
_UNCHECKED: Final = {"description": "The key cannot be checked now; see Retry-After."}
