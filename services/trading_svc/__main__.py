"""`python -m services.trading_svc`."""

from services import launch

launch.run("services.trading_svc.service")
