"""The OpenAPI 3.1 document of a service, made of the declarations that its routes are made of."""

from collections.abc import Mapping, Sequence
from typing import Any

import schemata
from services.web import kinds, lists, problems, resources


def document(title: str, served: Sequence[resources.Resource]) -> dict[str, Any]:
    """Return the document of a service that serves these resources."""
    paths: dict[str, Any] = {
        "/health": {"get": _plain("Tell that the process lives; asks nobody.", "Health", ())},
        "/ready": {
            "get": {
                **_plain("Tell whether the database is there, at a revision that suits this build.", "Ready", ()),
                "responses": {"200": _json("It takes traffic.", "Ready"), "503": _json("Not now.", "Unready")},
            }
        },
        "/openapi.json": {"get": _plain("Return this document.", "Document", ())},
    }
    components: dict[str, Any] = dict(_COMPONENTS)
    for resource in served:
        here: dict[str, Any] = {}
        if resource.pages:
            here["get"] = _listing(resource)
            components[f"{resource.title}Page"] = _page_schema(resource)
        if resource.creatable:
            here["post"] = _creating(resource)
            components[f"New{resource.title}"] = kinds.given_schema(resource.fields)
        components[resource.title] = kinds.shown_schema(resource.fields)
        paths[resource.path] = here
        paths[resource.path + "/{id}"] = {"get": _one(resource)}
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": schemata.__version__},
        "paths": paths,
        "components": {"schemas": components},
    }


def _listing(resource: resources.Resource) -> dict[str, Any]:
    orders = list(dict.fromkeys(spelled for page in resource.pages for spelled in lists.orders(page)))
    filters = "; ".join(" and ".join(page.filter) or "none" for page in resource.pages)
    parameters = [
        _parameter(name, resource.field(name).kind.schema, f"Only those with this {name}.") for name in resource.filters
    ]
    parameters += [
        _parameter("order", {"type": "string", "enum": orders}, "The order; there is one for each filter."),
        _parameter("limit", {"type": "integer", "minimum": 1}, "Rows on the page, at most pagination.page_size_max."),
        _parameter("cursor", {"type": "string"}, "`next` of the page before; with the same filter and order."),
    ]
    return {
        **_plain(f"List {resource.path[1:]} page by page. Filters: {filters}.", f"{resource.title}Page", (400, 503)),
        "parameters": parameters,
    }


def _creating(resource: resources.Resource) -> dict[str, Any]:
    reference = {"$ref": f"#/components/schemas/New{resource.title}"}
    example = kinds.given_example(resource.fields)
    made = _json("Created.", resource.title)
    made["headers"] = {"Location": {"schema": {"type": "string"}, "description": "Where it is."}}
    refusals = _refusals((400, 409, 413, 415, 422, 503))
    return {
        "summary": f"Create one {resource.noun}.",
        "operationId": f"create{resource.title}",
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": reference, "example": example}},
        },
        "responses": {"201": made, **refusals},
    }


def _one(resource: resources.Resource) -> dict[str, Any]:
    identifier = {"name": "id", "in": "path", "required": True, "schema": {"type": "integer", "minimum": 1}}
    return {**_plain(f"Return one {resource.noun}.", resource.title, (404, 503)), "parameters": [identifier]}


def _plain(summary: str, schema: str, refusals: Sequence[int]) -> dict[str, Any]:
    return {
        "summary": summary,
        "operationId": f"get{schema}",
        "responses": {"200": _json("Done.", schema), **_refusals(refusals)},
    }


def _json(text: str, schema: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"description": text, "content": content}


def _refusals(statuses: Sequence[int]) -> dict[str, Any]:
    content = {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {str(status): {"description": _MEANING[status], "content": content} for status in statuses}


def _parameter(name: str, schema: Mapping[str, Any], text: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": dict(schema), "description": text}


def _page_schema(resource: resources.Resource) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            "items": {"type": "array", "items": {"$ref": f"#/components/schemas/{resource.title}"}},
            "next": {"type": ["string", "null"], "description": "The cursor of the next page; null on the last."},
        },
        "required": ["items", "next"],
    }


def _object(required: Sequence[str], **properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


_TEXT = {"type": "string"}
_COMPONENTS = {
    "Health": _object(["status"], status={"const": "alive"}),
    "Ready": _object(["status", "revision", "build"], status={"const": "ready"}, revision=_TEXT, build=_TEXT),
    "Unready": _object(
        ["status", "reason", "revision", "build"],
        status={"const": "unready"},
        reason=_TEXT,
        revision=_TEXT,
        build=_TEXT,
    ),
    "Document": {"type": "object"},
    "Problem": {
        **_object(
            ["type", "title", "status", "detail", "instance"],
            type=_TEXT,
            title=_TEXT,
            status={"type": "integer"},
            detail=_TEXT,
            instance={"type": "string", "description": "The request's id, which the log has too."},
            errors={
                "type": "array",
                "items": _object(["detail"], pointer=_TEXT, parameter=_TEXT, detail=_TEXT),
            },
        ),
        "description": "RFC 9457.",
    },
}
_MEANING = {
    400: "The query or the body cannot be read; the detail says where.",
    404: "There is none.",
    409: "One like it is there already.",
    413: "The body is too large.",
    415: "The body is not application/json.",
    422: "The body is JSON, and something that it says is not possible; errors names the places.",
    503: "The database cannot be asked now; see Retry-After.",
}
