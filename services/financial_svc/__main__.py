"""`python -m services.financial_svc`."""

from services import launch

launch.run("services.financial_svc.service")
