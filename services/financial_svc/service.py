"""What financial-svc serves, and where that is kept."""

from services.financial_svc import resources, store
from services.web import serving

NAME = "financial-svc"


def main() -> int:
    """Serve until a signal comes; return the exit code."""
    return serving.main(NAME, resources.ALL, store.Store)
