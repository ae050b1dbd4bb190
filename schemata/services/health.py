"""Ask a service over HTTP how it is."""

import contextlib
import dataclasses
import http.client
import json
from typing import Any
from urllib import parse

_MOST = 65536  # bytes of an answer that are read


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a service answered.

    :param status: of HTTP; 0 when there was no answer.
    :param body: the JSON object that it sent; empty when it sent none.
    :param reason: why it is not well, in its own words where it has some; empty when it is.
    """

    status: int
    body: dict[str, Any]
    reason: str = ""

    @property
    def ok(self) -> bool:
        """Tell whether it is well."""
        return self.status == http.client.OK

    @property
    def revision(self) -> str:
        """Return the revision that it is ready for; empty when it names none, or is not well."""
        return str(self.body.get("revision") or "") if self.ok else ""


def ask(url: str, timeout: float) -> Answer:
    """Return what a GET of an http:// URL is answered; nothing is raised.

    :param timeout: seconds for each step of the exchange.
    """
    parts = parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port, timeout=timeout)
    try:
        connection.request("GET", parts.path or "/", headers={"Accept": "application/json"})
        response = connection.getresponse()
        status, sent = response.status, response.read(_MOST)
    except TimeoutError:
        return Answer(0, {}, f"no answer within {timeout:g} s")
    except ConnectionRefusedError:
        return Answer(0, {}, "nothing listens on that port")
    except (OSError, http.client.HTTPException) as error:
        return Answer(0, {}, f"no answer: {str(error) or type(error).__name__}")
    finally:
        connection.close()
    body: Any = {}
    with contextlib.suppress(ValueError):
        body = json.loads(sent)
    if not isinstance(body, dict):
        body = {}
    if status == http.client.OK:
        return Answer(status, body)
    said = " ".join(str(body.get("reason") or body.get("detail") or "").split())
    return Answer(status, body, f"it answers {status}" + (f": {said}" if said else ""))
