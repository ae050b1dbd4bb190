"""`python -m services.worker_financial`."""

from services import launch

launch.run("services.worker_financial.service")
