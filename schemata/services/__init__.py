"""The project's declared services as processes of this machine: start, wait, health, stop."""
