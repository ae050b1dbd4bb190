"""Lists as a service: the resources over HTTP, and beside them `/health` and `/ready`."""

from collections.abc import Callable, Sequence
from typing import Any

from starlette.types import ASGIApp

from schemata import readiness as judging
from services import database, serving
from services.api_keys import checking
from services.web import application, readiness, resources


def main(name: str, own: Sequence[resources.Resource], store: Callable[[dict[str, Any]], resources.Store]) -> int:
    """Serve the resources until a signal comes; return the exit code.

    `store` makes what keeps them, from the settings of a connection.
    """
    return serving.main(name, lambda: _make(name, own, store))


def _make(name: str, own: Sequence[resources.Resource], store: Callable[[dict[str, Any]], resources.Store]) -> ASGIApp:
    build = judging.build()
    settings = database.settings(name, build.last)
    ready = readiness.Readiness(build, settings)
    checks = checking.Checker(checking.pool(settings))
    return application.build(name, resources.with_pages(own), store(settings), ready, checks)
