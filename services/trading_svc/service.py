"""Put trading-svc together and serve it."""

from starlette.types import ASGIApp

from schemata import readiness as judging
from services import database, serving
from services.trading_svc import resources as own
from services.trading_svc import store
from services.web import application, readiness, resources

NAME = "trading-svc"


def main() -> int:
    """Serve until a signal comes; return the exit code."""
    return serving.main(NAME, make)


def make() -> ASGIApp:
    """Return the application. Raises errors.Error for settings that cannot be meant."""
    settings = database.settings(NAME)
    ready = readiness.Readiness(judging.build(), settings)
    return application.build(NAME, resources.with_pages(own.ALL), store.Store(settings), ready)
