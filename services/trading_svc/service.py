"""What trading-svc serves, and where that is kept."""

from services.trading_svc import resources, store
from services.web import serving

NAME = "trading-svc"


def main() -> int:
    """Serve until a signal comes; return the exit code."""
    return serving.main(NAME, resources.ALL, store.Store)
