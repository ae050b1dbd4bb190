"""What the services answer with: pages, problems, the description of themselves, life and readiness."""
