"""Whatever a client sends gets an answer below 500, as problem details when it is refused."""

import contextlib
import json
import socket
import string
import urllib.parse
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.services import access
from tests.services.conftest import Answer, Basis, Service

PATHS = ("/users", "/institutions", "/clients", "/accounts", "/invoices", "/transactions", "/strategies", "/orders")
_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(
        [2**31, 2**63, -(2**63) - 1, 10**400, 1e308, -1e-308, 0.1, "", "\x00", "EUR", "2026-01-01", "NaN"]
    )
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
# A session's services and a new value each time: nothing of an example is left that the next could see.
_FUZZ = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def sane(answer: Answer, sent: str = "") -> None:
    """Fail unless an answer is a success or a proper refusal that is the client's fault.

    A refusal may repeat what was `sent`; Hypothesis tries words of this repository, so also those below.
    """
    assert 200 <= answer.status < 500, answer
    if answer.status >= 400:
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert {"type", "title", "status", "detail", "instance"} <= answer.json.keys()
        for word in ("psycopg", "sqlalchemy", "Traceback", "SELECT", "INSERT"):
            assert word in sent or word.encode() not in answer.body


def service_of(path: str, financial: Service, trading: Service) -> Service:
    """Return the service that serves a path."""
    return trading if path in ("/strategies", "/orders") else financial


@_FUZZ
@given(data=st.data())
def test_any_json_is_answered(data: st.DataObject, financial: Service, trading: Service, basis: Basis) -> None:
    """Bodies that are nearly right, with any value in any field, are created or refused."""
    path = data.draw(st.sampled_from(PATHS))
    service = service_of(path, financial, trading)
    document = _document(service)
    schema = document["components"]["schemas"][document["paths"][path]["post"]["requestBody"]["content"][
        "application/json"]["schema"]["$ref"].rpartition("/")[2]]  # fmt: skip
    body = dict(document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["example"])
    changed = data.draw(st.lists(st.sampled_from(sorted(schema["properties"])), max_size=3))
    for name in changed:
        body[name] = data.draw(_VALUES)
    sane(service.ask(path, "POST", json.dumps(body).encode(), content_type="application/json"))


_DOCUMENTS: dict[str, Any] = {}


def _document(service: Service) -> Any:
    if service.base not in _DOCUMENTS:
        _DOCUMENTS[service.base] = service.ask("/openapi.json").json
    return _DOCUMENTS[service.base]


@_FUZZ
@given(
    body=st.binary(max_size=200) | _VALUES.map(lambda value: json.dumps(value).encode()), path=st.sampled_from(PATHS)
)
def test_any_bytes_are_answered(body: bytes, path: str, financial: Service, trading: Service) -> None:
    """Any bytes as a body are answered."""
    sane(service_of(path, financial, trading).ask(path, "POST", body, content_type="application/json"))


@_FUZZ
@given(
    query=st.lists(
        st.tuples(st.sampled_from(["status", "account_id", "limit", "order", "cursor", "\x00"]), st.text(max_size=20)),
        max_size=3,
    ),
    path=st.sampled_from(["/transactions", "/orders", "/clients/1"]),
)
def test_any_query_is_answered(query: list[tuple[str, str]], path: str, financial: Service, trading: Service) -> None:
    """Any query is answered."""
    text = urllib.parse.urlencode(query, errors="surrogatepass")
    sane(service_of(path, financial, trading).ask(f"{path}?{text}"))


@_FUZZ
@given(path=st.text(st.sampled_from(string.ascii_letters + string.digits + "/%.{}-_~é "), max_size=30))
def test_any_path_is_answered(path: str, financial: Service) -> None:
    """Any path is answered."""
    for method in ("GET", "POST", "DELETE", "OPTIONS", "PROPFIND"):
        sane(financial.ask("/" + urllib.parse.quote(path, safe="/%"), method), path)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b"\xef\xbb\xbf{}", 400),
        (b'{"name": NaN}', 400),
        (b'{"name": -Infinity}', 400),
        (b"[" * 100_000, 400),
        (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, 400),
        (b"9" * 5_000, 400),
        (b'{"name": 1e' + b"9" * 30 + b"}", 400),
        (b'{"name": "' + b"x" * 2_000_000 + b'"}', 413),
        (b'{"name": "x", "email": "\\ud800@x"}', 422),
        (b'{"name": "x", "name": null}', 422),
    ],
    ids=lambda value: value[:12] if isinstance(value, bytes) else None,
)
def test_a_body_that_is_none(body: bytes, status: int, financial: Service) -> None:
    """What is not JSON in UTF-8 of at most a megabyte is refused with the status that says so."""
    try:
        answer = financial.ask("/clients", "POST", body, content_type="application/json")
    except (BrokenPipeError, ConnectionResetError):
        assert status == 413, "only what is too large is not read to its end"
        return
    assert answer.status == status
    sane(answer)


@pytest.mark.parametrize(
    "number", ["1e400", "1e-400", "1E+99999", "0e99999", "-1e-99999", "123456789012345678901", "0.00001"]
)
def test_numbers_beyond_the_column(number: str, financial: Service, basis: Basis) -> None:
    """A number that the column cannot hold exactly is refused, whatever its spelling."""
    body = f'{{"account_id": {basis.account}, "date": "2026-01-01", "currency": "EUR", "amount": {number}}}'
    answer = financial.ask("/transactions", "POST", body.encode(), content_type="application/json")
    assert answer.status == 422
    sane(answer)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content_type": "text/plain"},
        {"content_type": "application/x-www-form-urlencoded"},
        {"content_type": "application/jsonx"},
        {"content_type": "application/json", "content_encoding": "gzip"},
    ],
)
def test_another_media_type_is_refused(headers: dict[str, str], financial: Service) -> None:
    """Only plain application/json is read; a charset may be named."""
    answer = financial.ask("/clients", "POST", b'{"name": "x"}', **headers)
    assert answer.status == 415
    sane(answer)
    named = financial.ask("/clients", "POST", b'{"name": "x"}', content_type="Application/JSON; charset=utf-8")
    assert named.status == 201


def test_what_is_not_possible_names_what_is(financial: Service) -> None:
    """A path that is not there is 404, also with a slash more; a method that is not possible 405 with Allow."""
    for target in ("/", "/client", "/clients/", "/clients/1/", "/clients/1/2", "//clients"):
        assert financial.ask(target).status == 404, target
    answer = financial.ask("/clients", "PUT")
    assert answer.status == 405
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "POST"}
    sane(answer)


@pytest.mark.parametrize("path", ["/users", "/institutions"])
def test_what_has_no_list(path: str, financial: Service) -> None:
    """A resource without a declared page has no list: 405, and POST is what there is."""
    answer = financial.ask(path)
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")


@pytest.mark.parametrize(
    "raw",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /clients HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /clients HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n",
        b"POST /clients HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{}",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET " + b"/x" * 60_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n",
    ],
    ids=lambda raw: str(raw[:24]),
)
@pytest.mark.parametrize("key", ["", access.KEY.text], ids=["no key", "key"])
def test_what_is_hardly_http(raw: bytes, key: str, financial: Service) -> None:
    """Bytes that are no request, or half of one, end that connection and nothing else, with a key or without."""
    if key:
        raw = raw.replace(b"Host: x\r\n", f"Host: x\r\nAuthorization: Bearer {key}\r\n".encode())
    parts = urllib.parse.urlsplit(financial.base)
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(raw)
            connection.shutdown(socket.SHUT_WR)
        received = b""
        with contextlib.suppress(ConnectionError):
            while piece := connection.recv(4096):
                received += piece
    assert not received or received.split(b" ")[1][:1] in (b"2", b"4"), received
    assert financial.ask("/health").status == 200
    assert "Traceback" not in financial.said()
