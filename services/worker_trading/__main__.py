"""`python -m services.worker_trading`."""

from services import launch

launch.run("services.worker_trading.service")
