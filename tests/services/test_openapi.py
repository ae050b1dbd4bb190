"""The OpenAPI documents: they describe every route, and what is sent and answered is as they say."""

import re
import uuid
from typing import Any

import jsonschema
import pytest

from services.financial_svc import resources as of_financial
from services.trading_svc import resources as of_trading
from services.web import lists, resources
from tests.conftest import REPOSITORY
from tests.services.conftest import Basis, Service

SERVED = [("financial-svc", of_financial.ALL), ("trading-svc", of_trading.ALL)]


@pytest.fixture
def services(financial: Service, trading: Service) -> dict[str, Service]:
    """Give both services by name."""
    return {"financial-svc": financial, "trading-svc": trading}


def check(document: dict[str, Any], value: Any, schema: dict[str, Any]) -> None:
    """Fail unless a value is as a schema of the document says; formats count."""
    whole = {**schema, "components": document["components"]}
    jsonschema.Draft202012Validator.check_schema(whole)
    jsonschema.Draft202012Validator(whole, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER).validate(
        value
    )


def media(content: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of the only media type."""
    (described,) = content.values()
    schema: dict[str, Any] = described["schema"]
    return schema


@pytest.mark.parametrize(("name", "served"), SERVED)
def test_every_route_is_described(
    name: str, served: tuple[resources.Resource, ...], services: dict[str, Service]
) -> None:
    """The document has exactly the routes that the service answers, with exactly their methods."""
    document = services[name].ask("/openapi.json").json
    assert document["openapi"].startswith("3.1.")
    paths = {resource.path for resource in served}
    assert set(document["paths"]) == {"/health", "/ready", "/openapi.json"} | paths | {f"{p}/{{id}}" for p in paths}
    for path, methods in document["paths"].items():
        target = path.replace("{id}", "1")
        allowed = services[name].ask(target, "DELETE").headers["Allow"]
        assert {method.lower() for method in allowed.split(", ")} - {"head"} == set(methods)
        for operation in methods.values():
            for status, response in operation["responses"].items():
                assert response["description"]
                assert (int(status) < 400) or path == "/ready" or "application/problem+json" in response["content"]
    operations = [entry["operationId"] for methods in document["paths"].values() for entry in methods.values()]
    assert len(operations) == len(set(operations))


@pytest.mark.parametrize(("name", "served"), SERVED)
def test_examples_are_as_described(
    name: str, served: tuple[resources.Resource, ...], services: dict[str, Service]
) -> None:
    """Each example of a body fits its schema, and an example with a field too much or too few does not."""
    document = services[name].ask("/openapi.json").json
    for path, methods in document["paths"].items():
        if "post" in methods:
            (content,) = methods["post"]["requestBody"]["content"].values()
            check(document, content["example"], content["schema"])
            with pytest.raises(jsonschema.ValidationError):
                check(document, {**content["example"], "unheard_of": 1}, content["schema"])
            with pytest.raises(jsonschema.ValidationError):
                check(document, {}, content["schema"])
            assert services[name].post(path, {}).status == 422


def test_answers_are_as_described(services: dict[str, Service], basis: Basis) -> None:
    """What POST, GET of one, GET of a list, /health, /ready and errors answer fits the schema of that answer."""
    tag = uuid.uuid4().hex
    # What the examples cannot know: ids, and what must be unique.
    own: dict[str, dict[str, Any]] = {
        "/users": {"email": f"{tag}@example.com"},
        "/institutions": {"name": tag},
        "/clients": {},
        "/accounts": {"institution_id": 1, "owner_id": basis.user, "number": tag},
        "/invoices": {"client_id": basis.client, "number": tag},
        "/transactions": {"account_id": basis.account},
        "/strategies": {"owner_id": basis.user, "name": tag},
        "/orders": {"account_id": basis.account},
    }
    for service in services.values():
        document = service.ask("/openapi.json").json
        for path, methods in document["paths"].items():
            if "post" in methods:
                (content,) = methods["post"]["requestBody"]["content"].values()
                body = {**content["example"], **own[path]}
                answer = service.post(path, body)
                assert answer.status == 201, answer
                check(document, answer.json, media(methods["post"]["responses"]["201"]["content"]))
                one = service.ask(answer.headers["Location"])
                assert one.json == answer.json
                check(
                    document, one.json, media(document["paths"][path + "/{id}"]["get"]["responses"]["200"]["content"])
                )
                refused = service.post(path, [])
                check(document, refused.json, media(methods["post"]["responses"][str(refused.status)]["content"]))
            if "{id}" in path:
                missing = service.ask(path.replace("{id}", "9223372036854775807"))
                check(document, missing.json, media(methods["get"]["responses"]["404"]["content"]))
            elif "get" in methods:
                got = service.ask(path)
                assert got.status == 200
                check(document, got.json, media(methods["get"]["responses"]["200"]["content"]))
                if "parameters" in methods["get"]:
                    wrong = service.ask(path + "?limit=0")
                    assert wrong.status == 400
                    check(document, wrong.json, media(methods["get"]["responses"]["400"]["content"]))


def test_the_document_for_people_has_every_endpoint() -> None:
    """docs/services.md has a row for each resource: its service, its filters, its order, and whether one creates it."""
    text = (REPOSITORY / "docs" / "services.md").read_text("utf-8")
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in re.findall(r"^\|.*`/.*\|$", text, re.M)]
    said = {tuple(row[:2]): row[2:] for row in rows if len(row) == 5}
    assert said.keys() == {(name, f"`{one.path}`") for name, served in SERVED for one in served}
    for name, served in SERVED:
        for one in resources.with_pages(served, REPOSITORY):
            listing, creating, single = said[name, f"`{one.path}`"]
            assert ("POST" in creating) == one.creatable
            assert f"`GET {one.path}/{{id}}`" in single
            assert listing.startswith("`GET`") == bool(one.pages)
            assert set(re.findall(r"`(-?[a-z_]+)`", listing)) == {
                *one.filters,
                *(o for p in one.pages for o in lists.orders(p)[:1]),
            }
